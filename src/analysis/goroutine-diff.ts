import { type GoroutineGroup, groupKey } from './goroutine-groups.js';
import type { Change } from './diff.js';

/** A group of goroutines in two captures. */
export interface GroupChange {
  readonly change: Change;
  /** As it is in the target; of one that is gone, what stays the same of it, without any goroutine. */
  readonly group: GoroutineGroup;
  readonly baseCount: number;
  readonly delta: number;
}

/**
 * Two lists of groups, by the same property, side by side: what changed most first; then the larger group, then by state
 * and name.
 */
export function diffGoroutineGroups(base: readonly GoroutineGroup[], target: readonly GoroutineGroup[]): GroupChange[] {
  const before = new Map(base.map((group) => [groupKey(group), group]));
  const rows = target.map((group): GroupChange => {
    const baseCount = before.get(groupKey(group))?.count ?? 0;
    const delta = group.count - baseCount;
    const change = !before.delete(groupKey(group)) ? 'new' : delta > 0 ? 'grown' : delta < 0 ? 'shrunk' : 'same';
    return { change, group, baseCount, delta };
  });
  for (const group of before.values()) {
    rows.push({ change: 'gone', group: withoutGoroutines(group), baseCount: group.count, delta: -group.count });
  }
  return rows.sort(
    (a, b) =>
      Math.abs(b.delta) - Math.abs(a.delta) ||
      b.group.count - a.group.count ||
      compare(a.group.state, b.group.state) ||
      compare(a.group.name, b.group.name),
  );
}

function withoutGoroutines(group: GoroutineGroup): GoroutineGroup {
  return { ...group, count: 0, leaked: 0, oldestWaitMinutes: -1, ages: group.ages.map(() => 0), sampleIds: [] };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
