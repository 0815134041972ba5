import { meaningOf, type StateMeaning } from '../formats/goroutine-dump/wait-reasons.js';
import type { LabelSet } from '../formats/goroutine-dump/dump.js';
import type { GoroutineFrame, GoroutineRows } from './goroutine-rows.js';

/** What goroutines of one state have in common. */
export const goroutineGroupings = ['stack', 'site', 'created-by', 'state', 'label'] as const;
export type GoroutineGrouping = (typeof goroutineGroupings)[number];

/** Lower bounds of the ages in `ages`, in whole minutes; the first entry counts those whose wait is not said. */
export const ageBoundsMinutes = [0, 1, 5, 15, 60, 240, 1440] as const;

/** `ages[0]`: not said; `ages[i]`: from `ageBoundsMinutes[i - 1]` up to the next bound. */
export const ageNames = ['not said', '<1', '1-5', '5-15', '15-60', '60-240', '240-1440', '>1440'] as const;

export interface GoroutineGroup {
  readonly state: string;
  readonly meaning: StateMeaning;
  /** What the group is by: the functions of the stack (root first, joined with `;`), a function, the state, or labels. */
  readonly name: string;
  readonly count: number;
  readonly leaked: number;
  /** -1: no goroutine of the group says how long it waits. */
  readonly oldestWaitMinutes: number;
  /** Goroutines by age, see `ageNames`. */
  readonly ages: readonly number[];
  /** The lowest ids, at most 10; none for a profile. */
  readonly sampleIds: readonly bigint[];
  readonly site: string;
  /** The stack that most of the group have, leaf first. */
  readonly stack: readonly GoroutineFrame[];
  /** The creator that most of the group have. */
  readonly createdBy: string | null;
}

/** What a group is found by in the groups of another capture: no two pairs of state and name have the same. */
export function groupKey({ state, name }: Pick<GoroutineGroup, 'state' | 'name'>): string {
  return `${state.length} ${state}${name}`;
}

export interface GroupOptions {
  readonly by: GoroutineGrouping;
  /** With `by: 'label'`: the key whose values make the groups; all labels without it. */
  readonly label?: string;
}

const sampleIdsMax = 10;

/**
 * Groups goroutines by their state and, unless it is by state alone, a second property, the largest group first; groups
 * of equal size by state and name. Stacks are compared by their normalised functions, so that dumps and profiles of one program, and those of
 * different Go versions, give the same groups.
 */
export function groupGoroutines(rows: GoroutineRows, options: GroupOptions): GoroutineGroup[] {
  const nameOf = groupNames(rows, options);
  const groups = new Map<string, Map<string, Gathered>>();
  for (let row = 0; row < rows.count; row++) {
    const state = rows.state[row];
    const name = nameOf(row);
    let ofState = groups.get(state);
    if (ofState === undefined) groups.set(state, (ofState = new Map<string, Gathered>()));
    let group = ofState.get(name);
    if (group === undefined) ofState.set(name, (group = new Gathered()));
    group.add(rows, row);
  }
  const found: GoroutineGroup[] = [];
  for (const [state, ofState] of groups) {
    for (const [name, group] of ofState) found.push(group.build(rows, state, name));
  }
  return found.sort((a, b) => b.count - a.count || compare(a.state, b.state) || compare(a.name, b.name));
}

/** How many goroutines are in each state, most first. */
export function countStates(rows: GoroutineRows): { state: string; count: number }[] {
  const counts = new Map<string, number>();
  for (let row = 0; row < rows.count; row++) {
    counts.set(rows.state[row], (counts.get(rows.state[row]) ?? 0) + rows.goroutines[row]);
  }
  return Array.from(counts, ([state, count]) => ({ state, count })).sort(
    (a, b) => b.count - a.count || compare(a.state, b.state),
  );
}

/** The name of the group that each row belongs to; its state is the row's. */
export function groupNames(rows: GoroutineRows, { by, label }: GroupOptions): (row: number) => string {
  switch (by) {
    case 'stack': {
      const names = rows.stacks.map(({ normalised }) => [...normalised].reverse().join(';'));
      return (row) => names[rows.stack[row]];
    }
    case 'site':
      return (row) => rows.stacks[rows.stack[row]].site;
    case 'created-by':
      return (row) => rows.creator[row] ?? '';
    case 'state':
      return (row) => rows.state[row];
    case 'label': {
      // One input may hold thousands of dumps, which share all label sets.
      const names = new Map<number, string>();
      return (row) => {
        const set = rows.labelSet[row];
        if (set < 0) return '';
        let name = names.get(set);
        if (name === undefined) names.set(set, (name = labelText(rows.labelSets[set], label)));
        return name;
      };
    }
  }
}

/** The value of one label, or all of them as `key=value, …`; empty where there is none. */
function labelText(set: LabelSet, key: string | undefined): string {
  if (key === undefined) return set.map((label) => `${label.key}=${label.value}`).join(', ');
  return set.find((label) => label.key === key)?.value ?? '';
}

class Gathered {
  #count = 0;
  #leaked = 0;
  #oldest = -1;
  readonly #ages = new Array<number>(ageNames.length).fill(0);
  /** Ascending. */
  readonly #ids: bigint[] = [];
  readonly #stacks = new Map<number, number>();
  readonly #creators = new Map<string, number>();

  add(rows: GoroutineRows, row: number): void {
    const goroutines = rows.goroutines[row];
    const wait = rows.waitMinutes[row];
    this.#count += goroutines;
    this.#leaked += rows.leaked[row];
    this.#oldest = Math.max(this.#oldest, wait);
    this.#ages[ageOf(wait)] += goroutines;
    this.#stacks.set(rows.stack[row], (this.#stacks.get(rows.stack[row]) ?? 0) + goroutines);
    const creator = rows.creator[row];
    if (creator !== null) this.#creators.set(creator, (this.#creators.get(creator) ?? 0) + goroutines);
    if (rows.id !== null) this.#addId(rows.id[row]);
  }

  build(rows: GoroutineRows, state: string, name: string): GoroutineGroup {
    const textOf = (stack: number): string =>
      rows.stacks[stack].frames.map((frame) => `${frame.function} ${frame.file}:${frame.line}`).join('\n');
    const { frames, site } = rows.stacks[mostFrequent(this.#stacks, textOf)!];
    return {
      state,
      meaning: meaningOf(state),
      name,
      count: this.#count,
      leaked: this.#leaked,
      oldestWaitMinutes: this.#oldest,
      ages: this.#ages,
      sampleIds: this.#ids,
      site,
      stack: frames,
      createdBy: mostFrequent(this.#creators, (creator) => creator),
    };
  }

  #addId(id: bigint): void {
    const ids = this.#ids;
    if (ids.length === sampleIdsMax && id > ids[sampleIdsMax - 1]) return;
    let at = ids.length;
    while (at > 0 && ids[at - 1] > id) at--;
    ids.splice(at, 0, id);
    if (ids.length > sampleIdsMax) ids.pop();
  }
}

function ageOf(waitMinutes: number): number {
  if (waitMinutes < 0) return 0;
  let age = ageBoundsMinutes.length;
  while (waitMinutes < ageBoundsMinutes[age - 1]) age--;
  return age;
}

/** Ties go to the first by name. */
function mostFrequent<K>(counts: ReadonlyMap<K, number>, nameOf: (key: K) => string): K | null {
  let best: K | null = null;
  let bestCount = -1;
  for (const [key, count] of counts) {
    if (best === null || count > bestCount || (count === bestCount && compare(nameOf(key), nameOf(best)) < 0)) {
      best = key;
      bestCount = count;
    }
  }
  return best;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
