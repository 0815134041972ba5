import { type Budget, defaultBudget } from '../formats/budget.js';
import { sumOf } from '../formats/int64.js';
import { isZeroSample, type Profile } from '../formats/pprof/profile.js';
import { absoluteSumOf } from './exact.js';
import { foldSmallStacks, type FoldedStacks } from './fold-small.js';
import { framesOfLocations } from './location-frames.js';
import { markerFrames } from './marker-frames.js';
import { PatternError } from './pattern.js';
import { prunedStart, type Pruning, pruningOf } from './prune.js';
import { gatherRows } from './rows.js';
import { StackTreeBuilder, SymbolTableBuilder } from './stack-builder.js';
import type { StackProfile } from './stack-profile.js';
import { type StackSpans, stackSpans, truncatedStacks } from './truncated-stacks.js';

export type StackNoteCode = 'stacks-truncated' | 'stacks-elided' | 'stacks-folded' | 'drop-frames-ignored';

/** Something about the stacks that a reader should know; `loss` where detail was given up. */
export interface StackNote {
  readonly code: StackNoteCode;
  readonly count: number;
  readonly detail: string;
  readonly loss: boolean;
}

export interface ConvertedProfile {
  readonly stacks: StackProfile;
  readonly notes: readonly StackNote[];
  /** Per sample type, the sum over all samples. No step here changes it. */
  readonly totals: readonly bigint[];
  /**
   * Per sample type, the sum of the absolute values of all samples, which pprof takes as 100 %. It exceeds that of
   * `stacks` only where values of opposite sign met on one stack.
   */
  readonly absoluteTotals: readonly bigint[];
}

/**
 * The stacks of a pprof profile as `go tool pprof` reads them: inlined frames expanded, drop_frames applied, all-zero
 * samples dropped, samples of equal stacks summed whatever their labels. Names of Go functions become canonical
 * (`main.Sum[...]`); a location without a function is called after its binary, `[checkout]`, or `<unknown>`; the
 * padding of Go's threadcreate stacks is left out. C++ and Rust names are not demangled.
 *
 * Nothing is refused here: stacks deeper than `budget.stackDepth` lose their middle, and beyond `budget.indexedSamples`
 * stacks the smallest become one under `other`. Either keeps every total and leaves a note.
 *
 * @param programCounters of each sample, how many program counters Go recorded, where the source says so
 */
export function stackProfileOf(
  profile: Profile,
  budget: Budget = defaultBudget,
  programCounters?: Int32Array,
): ConvertedProfile {
  const notes: StackNote[] = [];
  const note = (code: StackNoteCode, count: number, detail: string, loss: boolean): void => {
    if (count > 0) notes.push({ code, count, detail, loss });
  };
  let pruning: Pruning | null = null;
  try {
    pruning = pruningOf(profile);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    note('drop-frames-ignored', 1, error.message, false);
  }

  const symbols = new SymbolTableBuilder();
  const tree = new StackTreeBuilder(profile.samples.stack.length >> 2);
  const spans = stackSpans(profile);
  const { truncated, count: truncatedCount } = truncatedStacks(profile, spans, programCounters);
  const { nodeOfSample, elided } = placeSamples(profile, { spans, pruning, truncated, budget, symbols, tree });
  note('stacks-truncated', truncatedCount, 'Go cut these stacks at its depth limit; their roots are missing', false);
  note('stacks-elided', elided, `stacks deeper than ${budget.stackDepth} frames lost their middle`, true);

  const rows = gatherRows(tree.size, nodeOfSample, profile.samples.values);
  const whole: StackProfile = {
    symbols: symbols.build(),
    tree: tree.build(),
    sampleTypes: profile.sampleTypes.map(({ type, unit }) => ({ type, unit })),
    ...rows,
  };
  const folded: FoldedStacks = foldSmallStacks(whole, budget.indexedSamples);
  note('stacks-folded', folded.count, `the smallest stacks beyond ${budget.indexedSamples} became "other"`, true);
  return {
    stacks: folded.stacks,
    notes,
    totals: profile.samples.values.map(sumOf),
    absoluteTotals: profile.samples.values.map(absoluteSumOf),
  };
}

interface Placing {
  readonly spans: StackSpans;
  readonly pruning: Pruning | null;
  readonly truncated: Uint8Array;
  readonly budget: Budget;
  readonly symbols: SymbolTableBuilder;
  readonly tree: StackTreeBuilder;
}

/** Walks every sample from its root to its leaf; -1 for samples that hold nothing. */
function placeSamples(profile: Profile, placing: Placing): { nodeOfSample: Int32Array; elided: number } {
  const { spans, pruning, truncated, budget, symbols, tree } = placing;
  const { stack, stackStart, count } = profile.samples;
  const { frames, frameStart } = framesOfLocations(profile, symbols, pruning?.firstLine);
  const nodeOfSample = new Int32Array(count).fill(-1);
  let elided = 0;
  for (let row = 0; row < count; row++) {
    if (isZeroSample(profile.samples, row)) continue;
    const root = spans.end[row];
    let leaf = stackStart[row];
    let depth = spans.frames[row];
    if (pruning !== null) {
      leaf = prunedStart(pruning, stack, leaf, root);
      depth = 0;
      for (let i = leaf; i < root; i++) depth += frameStart[stack[i] + 1] - frameStart[stack[i]];
    }
    // Frames before `hole` and from `holeEnd` on stay.
    const hole = depth > budget.stackDepth ? budget.keptRootFrames : depth;
    const holeEnd = depth > budget.stackDepth ? depth - budget.keptLeafFrames : depth;
    if (hole < holeEnd) elided++;

    let node = truncated[row] === 1 ? tree.child(0, symbols.frame(markerFrames.truncated, '', 0)) : 0;
    let at = 0;
    for (let i = root - 1; i >= leaf; i--) {
      const end = frameStart[stack[i] + 1];
      for (let f = frameStart[stack[i]]; f < end; f++, at++) {
        if (at < hole || at >= holeEnd) node = tree.child(node, frames[f]);
        else if (at === hole) node = tree.child(node, symbols.frame(markerFrames.elided, '', 0));
      }
    }
    nodeOfSample[row] = node;
  }
  return { nodeOfSample, elided };
}
