import { meaningOf, type StateCategory } from '../formats/goroutine-dump/wait-reasons.js';
import type { GoroutineRows } from './goroutine-rows.js';
import { compilePattern, type Pattern } from './pattern.js';

/** Which goroutines of a capture; whatever is left out lets all pass. */
export interface GoroutineFilterOptions {
  /** Exactly, as Go prints it: `chan receive`. */
  readonly state?: string;
  readonly category?: StateCategory;
  /** Those that say that they wait for at least so many minutes. */
  readonly minWaitMinutes?: number;
  /** An RE2 pattern, found in a function or file of the stack or in the function that created the goroutine. */
  readonly focus?: string;
}

export interface GoroutineFilter extends Omit<GoroutineFilterOptions, 'focus'> {
  readonly focus?: Pattern;
}

/** What may match nothing because it was mistyped. */
export const goroutineFilterNames = ['state', 'category', 'focus'] as const;
export type GoroutineFilterName = (typeof goroutineFilterNames)[number];

export interface FilteredGoroutines {
  readonly rows: GoroutineRows;
  /** Those that no goroutine of the capture matches by themselves. */
  readonly unmatched: readonly GoroutineFilterName[];
}

/** @throws PatternError */
export function compileGoroutineFilter({ focus, ...rest }: GoroutineFilterOptions): GoroutineFilter {
  return { ...rest, ...(focus ? { focus: compilePattern('focus', focus) } : {}) };
}

export function filterGoroutines(rows: GoroutineRows, filter: GoroutineFilter): FilteredGoroutines {
  const { state, category, minWaitMinutes } = filter;
  const tests: { readonly name: GoroutineFilterName | null; readonly passes: (row: number) => boolean }[] = [];
  if (state !== undefined) tests.push({ name: 'state', passes: (row) => rows.state[row] === state });
  if (category !== undefined) {
    const inCategory = remembered((name: string) => meaningOf(name).category === category);
    tests.push({ name: 'category', passes: (row) => inCategory(rows.state[row]) });
  }
  if (minWaitMinutes !== undefined) {
    tests.push({ name: null, passes: (row) => rows.waitMinutes[row] >= minWaitMinutes });
  }
  if (filter.focus !== undefined) tests.push({ name: 'focus', passes: focusOn(rows, filter.focus) });
  if (tests.length === 0) return { rows, unmatched: [] };
  const matched = new Set<GoroutineFilterName>();
  const kept: number[] = [];
  for (let row = 0; row < rows.count; row++) {
    let keep = true;
    for (const { name, passes } of tests) {
      if (!passes(row)) keep = false;
      else if (name !== null) matched.add(name);
    }
    if (keep) kept.push(row);
  }
  const named = tests.flatMap(({ name }) => (name === null ? [] : [name]));
  return { rows: pickRows(rows, kept), unmatched: named.filter((name) => !matched.has(name)) };
}

/** Each name and each stack is tried once, however many goroutines share it. */
function focusOn({ stacks, stack, creator }: GoroutineRows, pattern: Pattern): (row: number) => boolean {
  const found = remembered((text: string) => pattern.found(text));
  const inStack = remembered((number: number) =>
    stacks[number].frames.some((frame) => found(frame.function) || found(frame.file)),
  );
  return (row) => {
    const by = creator[row];
    return inStack(stack[row]) || (by !== null && found(by));
  };
}

function remembered<K>(test: (key: K) => boolean): (key: K) => boolean {
  const known = new Map<K, boolean>();
  return (key) => {
    let answer = known.get(key);
    if (answer === undefined) known.set(key, (answer = test(key)));
    return answer;
  };
}

/** The rows with these numbers; stacks and label sets stay as they are. */
function pickRows(rows: GoroutineRows, kept: readonly number[]): GoroutineRows {
  const ints = (column: Int32Array): Int32Array => Int32Array.from(kept, (row) => column[row]);
  const doubles = (column: Float64Array): Float64Array => Float64Array.from(kept, (row) => column[row]);
  const { id } = rows;
  return {
    count: kept.length,
    stacks: rows.stacks,
    labelSets: rows.labelSets,
    stack: ints(rows.stack),
    state: kept.map((row) => rows.state[row]),
    creator: kept.map((row) => rows.creator[row]),
    labelSet: ints(rows.labelSet),
    waitMinutes: ints(rows.waitMinutes),
    goroutines: doubles(rows.goroutines),
    leaked: doubles(rows.leaked),
    id: id === null ? null : BigUint64Array.from(kept, (row) => id[row]),
  };
}

/** How many goroutines the rows stand for. */
export function goroutinesOf({ goroutines }: Pick<GoroutineRows, 'goroutines'>): number {
  return goroutines.reduce((sum, count) => sum + count, 0);
}
