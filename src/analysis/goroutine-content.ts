import type { GoroutineDump } from '../formats/goroutine-dump/dump.js';
import type { GoroutineRows } from './goroutine-rows.js';
import { goroutineSite, normalisedStack } from './goroutine-frames.js';

/**
 * The goroutines of one dump as JSON: every one with its state, wait, stack, creator, labels and id, so that they can be
 * grouped in any way later. Whatever repeats stands once, and is referred to by its number.
 */
export interface GoroutineContent {
  readonly crash: GoroutineDump['crash'];
  /** Goroutines beyond the decoder's limits, which are no rows. */
  readonly folded: readonly FoldedGoroutines[];
  readonly functions: readonly string[];
  readonly files: readonly string[];
  /** Function, file and line of each frame. */
  readonly frames: readonly (readonly [number, number, number])[];
  /** Frames, leaf first. */
  readonly stacks: readonly (readonly number[])[];
  readonly states: readonly string[];
  readonly creators: readonly string[];
  readonly labelSets: readonly (readonly (readonly [string, string])[])[];
  /** Columns, one entry per goroutine; -1 stands for none. */
  readonly rows: {
    readonly stack: readonly number[];
    readonly state: readonly number[];
    readonly creator: readonly number[];
    readonly labelSet: readonly number[];
    readonly waitMinutes: readonly number[];
    /** 1: found unreachable by the last goroutineleak profile. */
    readonly leaked: readonly number[];
    /** Decimal; the first whole, the others as distances to the one before. */
    readonly id: readonly string[];
  };
}

export interface FoldedGoroutines {
  readonly state: string;
  readonly count: number;
}

export function goroutineContent(
  rows: GoroutineRows,
  { crash, folded }: Pick<GoroutineContent, 'crash' | 'folded'>,
): GoroutineContent {
  const functions = new Numbers();
  const files = new Numbers();
  const frames: [number, number, number][] = [];
  const frameNumbers = new Map<string, number>();
  const stacks = rows.stacks.map((stack) =>
    stack.frames.map(({ function: name, file, line }) => {
      const frame: [number, number, number] = [functions.of(name), files.of(file), line];
      const key = frame.join(' ');
      let number = frameNumbers.get(key);
      if (number === undefined) frameNumbers.set(key, (number = frames.push(frame) - 1));
      return number;
    }),
  );
  const states = new Numbers();
  const creators = new Numbers();
  const labelSets = new Map<number, number>();
  const usedSets: (readonly (readonly [string, string])[])[] = [];
  const labelSetOf = (set: number): number => {
    if (set < 0) return -1;
    let number = labelSets.get(set);
    if (number === undefined) {
      number = usedSets.push(rows.labelSets[set].map(({ key, value }) => [key, value] as const)) - 1;
      labelSets.set(set, number);
    }
    return number;
  };
  return {
    crash,
    folded,
    functions: functions.values,
    files: files.values,
    frames,
    stacks,
    states: states.values,
    creators: creators.values,
    labelSets: usedSets,
    rows: {
      stack: [...rows.stack],
      state: rows.state.map((state) => states.of(state)),
      creator: rows.creator.map((creator) => (creator === null ? -1 : creators.of(creator))),
      labelSet: Array.from(rows.labelSet, labelSetOf),
      waitMinutes: [...rows.waitMinutes],
      leaked: [...rows.leaked],
      id: Array.from(rows.id ?? [], (id, row) => (row === 0 ? id : id - rows.id![row - 1]).toString()),
    },
  };
}

/** The rows again. */
export function rowsOfContent(content: GoroutineContent): GoroutineRows {
  const { functions, files, frames, stacks, states, creators, labelSets, rows } = content;
  const count = rows.stack.length;
  let id = 0n;
  return {
    count,
    stacks: stacks.map((stack) => {
      const own = stack.map((frame) => {
        const [name, file, line] = frames[frame];
        return { function: functions[name], file: files[file], line };
      });
      const names = own.map((frame) => frame.function);
      return { frames: own, normalised: normalisedStack(names), site: goroutineSite(names) };
    }),
    labelSets: labelSets.map((set) => set.map(([key, value]) => ({ key, value }))),
    stack: Int32Array.from(rows.stack),
    state: rows.state.map((state) => states[state]),
    creator: rows.creator.map((creator) => (creator < 0 ? null : creators[creator])),
    labelSet: Int32Array.from(rows.labelSet),
    waitMinutes: Int32Array.from(rows.waitMinutes),
    goroutines: new Float64Array(count).fill(1),
    leaked: Float64Array.from(rows.leaked),
    id: rows.id.length === count ? BigUint64Array.from(rows.id, (step) => (id += BigInt(step))) : null,
  };
}

/** Numbers texts in the order in which they come. */
class Numbers {
  readonly values: string[] = [];
  private readonly numbers = new Map<string, number>();

  of(value: string): number {
    let number = this.numbers.get(value);
    if (number === undefined) this.numbers.set(value, (number = this.values.push(value) - 1));
    return number;
  }
}
