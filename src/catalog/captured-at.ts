/** Where the time of a snapshot comes from, the best source first. */
export type CapturedFrom = 'given' | 'artefact' | 'receipt';

export interface CapturedAt {
  /** RFC 3339, UTC, with microseconds: what Postgres keeps and a Date does not. */
  readonly at: string;
  readonly from: CapturedFrom;
  /** A time that was there but cannot be right. */
  readonly ignored?: string;
}

const day = 86_400_000;
const longestPastMillis = 400 * day;
/** A clock may be wrong by so much before its snapshots are called impossible. */
const longestFutureMillis = 600_000;

/**
 * When a snapshot was captured: the time that its sender gave, else the artefact's own, else the time of receipt. A time
 * more than 400 days before the receipt or more than 10 minutes after it is passed over. It is measured against the
 * receipt, not the clock of now, so that indexing the same upload again gives the same answer.
 *
 * @param given by the sender, RFC 3339
 * @param artefactNanos the artefact's own clock, Unix nanoseconds; 0 is what programs without a clock write
 */
export function capturedAt(given: string | null, artefactNanos: bigint | null, receivedAt: Date): CapturedAt {
  let ignored: string | undefined;
  const isPossible = (millis: number): boolean =>
    millis >= receivedAt.getTime() - longestPastMillis && millis <= receivedAt.getTime() + longestFutureMillis;
  if (given !== null) {
    const millis = Date.parse(given);
    if (isPossible(millis)) return { at: withMicros(BigInt(millis) * 1_000_000n), from: 'given' };
    ignored = `the given time ${given}`;
  }
  if (artefactNanos !== null && artefactNanos !== 0n) {
    if (isPossible(Number(artefactNanos / 1_000_000n))) {
      return { at: withMicros(artefactNanos), from: 'artefact', ...(ignored !== undefined && { ignored }) };
    }
    ignored ??= `the artefact's own time, ${artefactNanos} ns since 1970`;
  }
  const at = withMicros(BigInt(receivedAt.getTime()) * 1_000_000n);
  return { at, from: 'receipt', ...(ignored !== undefined && { ignored }) };
}

/** The first day of a snapshot's month, UTC: the month whose stacks it refers to. */
export function monthOf(at: string): string {
  return `${at.slice(0, 7)}-01`;
}

function withMicros(nanos: bigint): string {
  const micros = nanos / 1000n;
  const seconds = new Date(Number(micros / 1_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(micros % 1_000_000n).padStart(6, '0')}Z`;
}
