const MiB = 2 ** 20;

/**
 * From where on a number is worth a finding, by the names that findings, the API and the documentation use. A finding is
 * made of what lies above, never of what is equal. The defaults are for services that nobody has tuned for.
 */
export const thresholdTable = {
  gc_cpu_share: { byDefault: 0.15, least: 0, most: 1, unit: 'ratio' },
  gc_pause_p99_ms: { byDefault: 5, least: 0, most: 60_000, unit: 'milliseconds' },
  gc_cycles_per_minute: { byDefault: 120, least: 0, most: 1_000_000, unit: 'per_minute' },
  gc_assist_share: { byDefault: 0.25, least: 0, most: 1, unit: 'ratio' },
  forced_gcs_per_hour: { byDefault: 6, least: 0, most: 1_000_000, unit: 'per_hour' },
  heap_alloc_share: { byDefault: 0.85, least: 0, most: 1, unit: 'ratio' },
  memory_limit_share: { byDefault: 0.9, least: 0, most: 1, unit: 'ratio' },
  container_limit_share: { byDefault: 0.9, least: 0, most: 1, unit: 'ratio' },
  idle_unreturned_bytes: { byDefault: 256 * MiB, least: 0, most: 2 ** 50, unit: 'bytes' },
  returned_bytes: { byDefault: 256 * MiB, least: 0, most: 2 ** 50, unit: 'bytes' },
  off_heap_bytes: { byDefault: 128 * MiB, least: 0, most: 2 ** 50, unit: 'bytes' },
  lopsided_share: { byDefault: 0.1, least: 0, most: 1, unit: 'ratio' },
  threads_per_hour: { byDefault: 10, least: 0, most: 1_000_000, unit: 'per_hour' },
  goroutines_per_hour: { byDefault: 100, least: 0, most: 1_000_000_000, unit: 'per_hour' },
  goroutine_state_per_hour: { byDefault: 100, least: 0, most: 1_000_000_000, unit: 'per_hour' },
  /** Of all goroutines in one blocked state, if there are more than `goroutine_state_count` in it. */
  goroutine_state_share: { byDefault: 0.8, least: 0, most: 1, unit: 'ratio' },
  goroutine_state_count: { byDefault: 1_000, least: 0, most: 1_000_000_000, unit: 'count' },
  live_heap_bytes_per_hour: { byDefault: 10 * MiB, least: 0, most: 2 ** 50, unit: 'bytes_per_hour' },
  /** What a verdict calls growth of the whole process; less is none. */
  memory_bytes_per_hour: { byDefault: 10 * MiB, least: 0, most: 2 ** 50, unit: 'bytes_per_hour' },
} as const satisfies Record<string, ThresholdDefinition>;

export interface ThresholdDefinition {
  readonly byDefault: number;
  readonly least: number;
  readonly most: number;
  readonly unit: string;
}

export type ThresholdName = keyof typeof thresholdTable;
export type Thresholds = Readonly<Record<ThresholdName, number>>;

export const thresholdNames = Object.keys(thresholdTable) as ThresholdName[];

/** The defaults with own values over them. Names and values that this version does not know have no effect. */
export function applyThresholds(own: Readonly<Record<string, unknown>>): Thresholds {
  const value = (name: ThresholdName): number => {
    const given = Object.hasOwn(own, name) ? own[name] : undefined;
    const { byDefault, least, most } = thresholdTable[name];
    return typeof given === 'number' && given >= least && given <= most ? given : byDefault;
  };
  return Object.fromEntries(thresholdNames.map((name) => [name, value(name)])) as Record<ThresholdName, number>;
}
