/** What a snapshot is. */
export const kinds = [
  'heap',
  'allocs',
  'goroutine',
  'goroutineleak',
  'cpu',
  'block',
  'mutex',
  'threadcreate',
  'goroutine-dump',
  'memstats',
  'gcstats',
  'gctrace',
  'schedtrace',
  'exectrace',
  'process-memory',
  'runtime-metrics',
  'build-info',
  'custom',
] as const;

export type Kind = (typeof kinds)[number];

export function isKind(name: string): name is Kind {
  return (kinds as readonly string[]).includes(name);
}
