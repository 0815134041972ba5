/** What follows `go_` in the names that client_golang's collectors and the runtime metrics have. */
const goFamilies = /^go_(?:goroutines|threads|info|build_info|gc_|memstats_|sched_|cpu_|cgo_|memory_|sync_|godebug_)/;
const processFamilies =
  /^process_(?:cpu_seconds|open_fds|max_fds|resident_memory|virtual_memory|start_time_seconds|network_)/;

/**
 * The name of a metric of the Go runtime or of the process without the namespace that a program may have put before it
 * (`shop_process_open_fds` → `process_open_fds`); null for any other metric.
 */
export function runtimeFamily(name: string): string | null {
  if (name.startsWith('go_') || name.startsWith('process_')) return name;
  for (const [marker, families] of [
    ['_go_', goFamilies],
    ['_process_', processFamilies],
  ] as const) {
    const at = name.indexOf(marker);
    if (at > 0 && families.test(name.slice(at + 1))) return name.slice(at + 1);
  }
  return null;
}

/** The unit that a name of Prometheus ends with, in the words of a Reading. */
export function unitOfName(name: string): string {
  const family = name.replace(/_(?:total|sum)$/, '');
  if (/_(?:start_time|last_gc_time)_seconds$/.test(family)) return 'unix-seconds';
  if (name.endsWith('_count')) return 'count';
  const unit = /_(bytes|seconds|percent|ratio|fraction)$/.exec(family)?.[1] ?? 'count';
  return unit === 'fraction' ? 'ratio' : unit;
}
