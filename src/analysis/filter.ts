import { type FilterOption, filterOptions } from './filter-options.js';
import { compilePattern, type Pattern } from './pattern.js';
import { gatherRows, selectRows } from './rows.js';
import { retrace, StackTreeBuilder } from './stack-builder.js';
import type { StackProfile, SymbolTable } from './stack-profile.js';

export { type FilterOption, filterOptions };

/**
 * Regular expressions (RE2) over function names and file names, as `go tool pprof` has them:
 * - `focus` keeps the stacks in which a frame matches;
 * - `ignore` drops the stacks in which a frame matches;
 * - `hide` takes matching frames out of their stacks, `show` all others; what a hidden leaf held goes to the frame
 *   that called it, and a stack without any frame left is dropped.
 */
export type StackFilter = Partial<Record<FilterOption, Pattern>>;

/** @throws PatternError naming the option */
export function compileFilter(patterns: Partial<Record<FilterOption, string>>): StackFilter {
  const filter: StackFilter = {};
  for (const option of filterOptions) {
    const source = patterns[option];
    if (source) filter[option] = compilePattern(option, source);
  }
  return filter;
}

export interface FilteredStacks {
  readonly stacks: StackProfile;
  /** Options whose expression matched nothing, which pprof warns of: a typing error looks like an empty answer. */
  readonly unmatched: readonly FilterOption[];
}

/**
 * Filters stacks with the semantics of google/pprof (profile/filter.go, FilterSamplesByName), on canonical names.
 * Unlike there, the file name of the whole binary is no match: it would match every stack of a Go program.
 */
export function filterStacks(stacks: StackProfile, filter: StackFilter): FilteredStacks {
  if (filterOptions.every((option) => filter[option] === undefined)) return { stacks, unmatched: [] };
  const frames = new FrameMatches(stacks, filter);
  const focused = withFocus(stacks, frames);
  return {
    stacks: filter.hide || filter.show ? withoutHidden(focused, frames) : focused,
    unmatched: filterOptions.filter((option) => filter[option] !== undefined && !frames.matched(option)),
  };
}

const bits: Record<FilterOption, number> = { focus: 1, ignore: 2, hide: 4, show: 8 };

/** Which expressions match each frame; functions and files are tried once each, and only where a row has them. */
class FrameMatches {
  readonly ofFrame: Uint8Array;
  #seen = 0;

  constructor(
    { symbols, tree, nodes }: StackProfile,
    readonly filter: StackFilter,
  ) {
    const done = new Uint8Array(tree.parent.length);
    done[0] = 1;
    this.ofFrame = new Uint8Array(symbols.frameFunction.length);
    const known = new Uint8Array(this.ofFrame.length);
    const functions = new MatchedNames(symbols.functions, filter);
    const files = new MatchedNames(symbols.files, filter);
    for (let row = 0; row < nodes.length; row++) {
      for (let node = nodes[row]; done[node] === 0; node = tree.parent[node]) {
        done[node] = 1;
        const frame = tree.frame[node];
        if (known[frame] === 1) continue;
        known[frame] = 1;
        this.ofFrame[frame] = functions.bits(symbols.frameFunction[frame]) | files.bits(symbols.frameFile[frame]);
        this.#seen |= this.ofFrame[frame];
      }
    }
  }

  matched(option: FilterOption): boolean {
    return (this.#seen & bits[option]) !== 0;
  }

  hidden(frame: number): boolean {
    if ((this.ofFrame[frame] & bits.hide) !== 0) return true;
    return this.filter.show !== undefined && (this.ofFrame[frame] & bits.show) === 0;
  }
}

class MatchedNames {
  readonly #names: SymbolTable['functions'];
  readonly #patterns: readonly (readonly [Pattern, number])[];
  /** Bits plus one; 0: not tried yet. */
  readonly #tried: Uint8Array;

  constructor(names: readonly string[], filter: StackFilter) {
    this.#names = names;
    this.#tried = new Uint8Array(names.length);
    this.#patterns = filterOptions.flatMap((option) => {
      const pattern = filter[option];
      return pattern === undefined ? [] : [[pattern, bits[option]] as const];
    });
  }

  bits(name: number): number {
    if (this.#tried[name] === 0) {
      let found = 0;
      for (const [pattern, bit] of this.#patterns) {
        if (pattern.found(this.#names[name])) found |= bit;
      }
      this.#tried[name] = found + 1;
    }
    return this.#tried[name] - 1;
  }
}

function withFocus(stacks: StackProfile, frames: FrameMatches): StackProfile {
  const { tree, nodes } = stacks;
  const { focus } = frames.filter;
  const onPath = new Uint8Array(tree.parent.length);
  for (let node = 1; node < onPath.length; node++) {
    onPath[node] = onPath[tree.parent[node]] | frames.ofFrame[tree.frame[node]];
  }
  const keep = new Uint8Array(nodes.length);
  for (let row = 0; row < nodes.length; row++) {
    const found = onPath[nodes[row]];
    // An empty stack has nothing that could match, not even without a focus.
    const focused = focus === undefined ? nodes[row] > 0 : (found & bits.focus) !== 0;
    if (focused && (found & bits.ignore) === 0) keep[row] = 1;
  }
  return { ...stacks, ...selectRows(stacks, keep) };
}

function withoutHidden(stacks: StackProfile, frames: FrameMatches): StackProfile {
  const builder = new StackTreeBuilder();
  const places = retrace(stacks, (above, frame) => (frames.hidden(frame) ? above : builder.child(above, frame)));
  const nodeOfRow = places.map((node) => (node === 0 ? -1 : node));
  return { ...stacks, tree: builder.build(), ...gatherRows(builder.size, nodeOfRow, stacks.values) };
}
