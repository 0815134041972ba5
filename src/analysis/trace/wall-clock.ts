import type { ClockSnapshot } from '../../formats/exectrace/events.js';

/** Turns times of a trace into times of day, where it has clock snapshots (Go 1.25 and later). */
export class WallClock {
  readonly #snapshots: ClockSnapshot[] = [];

  constructor(private readonly limit: number) {}

  /** Snapshots come in the order of time. Beyond the limit only the latest is replaced. */
  add(snapshot: ClockSnapshot): void {
    if (this.#snapshots.length >= this.limit) this.#snapshots.pop();
    this.#snapshots.push(snapshot);
  }

  get isKnown(): boolean {
    return this.#snapshots.length > 0;
  }

  get snapshots(): readonly ClockSnapshot[] {
    return this.#snapshots;
  }

  /** Unix time in nanoseconds, by the last snapshot before `time` (the first one for what is earlier); null if unknown. */
  at(time: number): bigint | null {
    const snapshot = this.#snapshots.findLast((candidate) => candidate.time <= time) ?? this.#snapshots.at(0);
    return snapshot === undefined ? null : snapshot.wallNanos + BigInt(Math.trunc(time - snapshot.time));
  }

  /** The time in the trace of a Unix time in nanoseconds; null if unknown. */
  timeOf(wallNanos: bigint): number | null {
    const snapshot = this.#snapshots.findLast((candidate) => candidate.wallNanos <= wallNanos) ?? this.#snapshots.at(0);
    return snapshot === undefined ? null : snapshot.time + Number(wallNanos - snapshot.wallNanos);
  }
}
