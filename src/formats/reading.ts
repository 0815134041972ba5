/** A named number that a process or its kernel says about itself: a field of MemStats, a runtime metric, a line of /proc. */
export interface Reading {
  /** As its source spells it: `HeapInuse`, `/gc/heap/goal:bytes`, `go_goroutines`, `VmRSS`. */
  readonly name: string;
  /** `bytes`, `nanoseconds`, `seconds`, `count`, `ratio`, `percent`, … */
  readonly unit: string;
  /** A counter only grows during the life of the process; a gauge goes up and down. */
  readonly type: 'gauge' | 'counter';
  /** bigint where the source counts in integers, however large. */
  readonly value: bigint | number;
}
