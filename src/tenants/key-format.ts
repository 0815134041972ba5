import { createHash, randomInt, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * API keys look like `tmk_<role>_<id><secret>` with a checksum at the end:
 *
 *     tmk_ingest_3kTq0ZbR7wXe_pX2f…32 characters…9sQ1aB3dE
 *         role   id (12)      secret (32)          crc (6)
 *
 * All parts are base62, so that a double click selects the whole key and it needs no escaping in URLs, headers and
 * shells. The checksum is the CRC-32 of everything before it: a typo, a truncated paste or noise is refused without a
 * look at the database, and a secret scanner can tell a key from a look-alike. (The design is GitHub's:
 * "Behind GitHub's new authentication token formats", 2021.)
 */
export const roles = ['ingest', 'read', 'ci', 'admin'] as const;
export type Role = (typeof roles)[number];

/** For secret scanners: what a key looks like anywhere in a text. `parseKey` then decides by the checksum. */
export const keyPattern = /\btmk_(?:ingest|read|ci|admin)_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}\b/;

const exactKey = new RegExp(`^(?:${keyPattern.source})$`);
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const idLength = 12;
const secretLength = 32;
const checksumLength = 6;

export interface ParsedKey {
  readonly role: Role;
  readonly id: string;
  /** SHA-256 of the key as presented, to be compared with the one at rest by `hashesMatch`. */
  readonly hash: Buffer;
}

/** A new key from the system's random source, with 190 bits of secret. The text is to be shown once, never stored. */
export function generateKey(role: Role): ParsedKey & { readonly text: string } {
  const id = randomBase62(idLength);
  const body = `tmk_${role}_${id}_${randomBase62(secretLength)}`;
  const text = body + checksum(body);
  return { text, role, id, hash: hashKey(text) };
}

/** The parts of a key, or null if the text is no key: wrong shape or wrong checksum. Never throws. */
export function parseKey(text: string): ParsedKey | null {
  if (!exactKey.test(text)) return null;
  const body = text.slice(0, -checksumLength);
  if (checksum(body) !== text.slice(-checksumLength)) return null;
  const [, role, id] = text.split('_');
  return { role: role as Role, id, hash: hashKey(text) };
}

/** Compares two SHA-256 values in constant time. */
export function hashesMatch(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * SHA-256 of the whole key, so that the hash also vouches for role and id. A slow hash protects secrets that people
 * choose; against 190 random bits there is no dictionary, and it would only hand out a lever to exhaust the server.
 */
function hashKey(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function checksum(body: string): string {
  let rest = crc32(body);
  let digits = '';
  for (let i = 0; i < checksumLength; i++) {
    digits = alphabet[rest % 62] + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

function randomBase62(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(62)]).join('');
}
