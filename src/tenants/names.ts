/**
 * What things may be called. Names end up in URLs, in logs and on terminals, so they are made of what is harmless
 * there; everything stored by the service itself is keyed by ids and hashes, never by a name.
 */

/** Tenants, teams and keys, up to 128 characters: `payments`, `Team-A`, `eu.prod_2`. */
export const plainNamePattern = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * Services: as tenants and teams, and also in parts divided by `/` (`shop/checkout-api`) or `:` (OpenTelemetry's own
 * `unknown_service:go`). No part is empty or begins with a dot, so nothing is ever a path upwards. Case counts.
 */
export const serviceNamePattern =
  /^(?=.{1,128}$)(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]*(?:[/:][A-Za-z0-9][A-Za-z0-9._-]*)*$/;

/**
 * Instances: up to 256 printable characters without a space at either end; pods, hosts with ports and CI jobs fit.
 * Control and format characters (also those that turn the direction of writing), line ends, lone surrogates and private
 * characters are not printable.
 */
export const instanceNamePattern = /^(?! )[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,256}(?<! )$/u;

/** The instance of everything that is uploaded without one. */
export const defaultInstanceName = 'default';
/** The team of services that nobody claimed, present in every tenant. */
export const defaultTeamName = 'default';
