import type { SampleType, StackProfile } from '../stack-profile.js';
import type { TraceStacks } from './trace-stacks.js';

/** The profiles of `go tool trace -pprof=…`. */
export const delayProfileNames = ['net', 'sync', 'syscall', 'sched'] as const;
export type DelayProfileName = (typeof delayProfileNames)[number];

export const delayProfile = { net: 0, sync: 1, syscall: 2, sched: 3 } as const;

const delayTypes: readonly SampleType[] = [
  { type: 'contentions', unit: 'count' },
  { type: 'delay', unit: 'nanoseconds' },
];

/** Adds up counts and times by stack node. */
export class StackSums {
  readonly #rows = new Map<number, { count: number; nanos: number }>();

  add(node: number, nanos: number): void {
    const row = this.#rows.get(node);
    if (row === undefined) {
      this.#rows.set(node, { count: 1, nanos });
    } else {
      row.count++;
      row.nanos += nanos;
    }
  }

  /** contentions/count and delay/nanoseconds, as in the profiles of `go tool trace`. */
  delays(stacks: TraceStacks): StackProfile {
    const rows = this.#sorted();
    const columns = [rows.map(([, { count }]) => count), rows.map(([, { nanos }]) => nanos)];
    return stacks.profile(
      delayTypes,
      rows.map(([node]) => node),
      columns,
    );
  }

  /** samples/count alone. */
  samples(stacks: TraceStacks): StackProfile {
    const rows = this.#sorted();
    return stacks.profile(
      [{ type: 'samples', unit: 'count' }],
      rows.map(([node]) => node),
      [rows.map(([, { count }]) => count)],
    );
  }

  #sorted(): [number, { count: number; nanos: number }][] {
    return [...this.#rows].sort(([a], [b]) => a - b);
  }
}

/** Profile that a block for this reason belongs to (cmd/trace/pprof.go), or -1. */
export function blockProfileOf(reason: string): number {
  if (reason === 'network') return delayProfile.net;
  return /chan|sync|select/.test(reason) ? delayProfile.sync : -1;
}
