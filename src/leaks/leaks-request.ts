/* What is asked of a query thread about the leaks of a service. Whoever asks has made sure that the caller may see it. */

export interface LeaksRequest {
  readonly op: 'leaks';
  readonly serviceId: string;
  /** Milliseconds since 1970, half open. */
  readonly fromMillis: number;
  readonly toMillis: number;
  /** Name of one instance. */
  readonly instance?: string;
  /** Version of a build. */
  readonly build?: string;
  /** Suspects at most; default: as many as the ranking tells of. */
  readonly limit?: number;
}
