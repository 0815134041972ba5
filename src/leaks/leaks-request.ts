/** Which suspects a service has in a window. Whoever asks has made sure that the caller may see the service. */
export interface LeaksRequest {
  readonly op: 'leaks';
  readonly serviceId: string;
  /** Milliseconds since 1970, half open. */
  readonly fromMillis: number;
  readonly toMillis: number;
  /** By name. */
  readonly instance?: string;
  /** By version. */
  readonly build?: string;
  /** Suspects at most. */
  readonly limit?: number;
}
