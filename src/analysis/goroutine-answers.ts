import { meaningOf, type StateCategory } from '../formats/goroutine-dump/wait-reasons.js';
import type { Change } from './diff.js';
import type { GroupChange } from './goroutine-diff.js';
import { ageNames, countStates, type GoroutineGroup } from './goroutine-groups.js';
import type { GoroutineFrame, GoroutineRows } from './goroutine-rows.js';

/* Groups of goroutines as JSON: what the API answers, and the command line prints with --json. */

export interface GroupAnswer {
  readonly state: string;
  readonly category: StateCategory;
  readonly waits_for_goroutine: boolean;
  readonly forever: boolean;
  readonly name: string;
  readonly count: number;
  readonly leaked: number;
  /** Null: none says how long it waits. */
  readonly oldest_wait_minutes: number | null;
  readonly ages: { readonly minutes: string; readonly count: number }[];
  /** 64-bit integers. */
  readonly sample_ids: string[];
  readonly site: string;
  readonly created_by: string | null;
  /** Leaf first, at most `answeredFrames`. */
  readonly stack: GoroutineFrame[];
  readonly stack_depth: number;
}

export interface GroupChangeAnswer extends GroupAnswer {
  readonly change: Change | null;
  readonly base_count: number | null;
  readonly delta: number | null;
}

/** Frames of a group's stack that an answer has. Go prints 100, and those that were inlined into them. */
export const answeredFrames = 128;

export function groupAnswer(group: GoroutineGroup): GroupAnswer {
  return {
    state: group.state,
    category: group.meaning.category,
    waits_for_goroutine: group.meaning.waitsForGoroutine,
    forever: group.meaning.forever,
    name: group.name,
    count: group.count,
    leaked: group.leaked,
    oldest_wait_minutes: group.oldestWaitMinutes < 0 ? null : group.oldestWaitMinutes,
    ages: ageNames.map((minutes, i) => ({ minutes, count: group.ages[i] })),
    sample_ids: group.sampleIds.map(String),
    site: group.site,
    created_by: group.createdBy,
    stack: group.stack.slice(0, answeredFrames),
    stack_depth: group.stack.length,
  };
}

/** A group without a base to compare it with. */
export function loneGroupAnswer(group: GoroutineGroup): GroupChangeAnswer {
  return { ...groupAnswer(group), change: null, base_count: null, delta: null };
}

export function groupChangeAnswer({ group, change, baseCount, delta }: GroupChange): GroupChangeAnswer {
  return { ...groupAnswer(group), change, base_count: baseCount, delta };
}

export interface StateAnswer {
  readonly state: string;
  readonly count: number;
  readonly category: StateCategory;
  readonly waits_for_goroutine: boolean;
  readonly forever: boolean;
}

/** All states, most goroutines first, those included that were folded beyond a limit. */
export function statesAnswer(
  rows: GoroutineRows,
  folded: readonly { readonly state: string; readonly count: number }[],
): StateAnswer[] {
  const counts = new Map(countStates(rows).map(({ state, count }) => [state, count]));
  for (const { state, count } of folded) counts.set(state, (counts.get(state) ?? 0) + count);
  return Array.from(counts, ([state, count]) => {
    const { category, waitsForGoroutine, forever } = meaningOf(state);
    return { state, count, category, waits_for_goroutine: waitsForGoroutine, forever };
  }).sort((a, b) => b.count - a.count || (a.state < b.state ? -1 : 1));
}
