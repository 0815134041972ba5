import { type Budget, defaultBudget } from '../formats/budget.js';
import type { Profile } from '../formats/pprof/profile.js';
import { groupFrames, type GroupSums } from './grouping.js';
import { framesOfLocations, type LocationFrames } from './location-frames.js';
import { markerFrames } from './marker-frames.js';
import { SymbolTableBuilder } from './stack-builder.js';
import { Sites, type TopOptions, topTable, type TopTable } from './top.js';
import { stackSpans, truncatedStacks } from './truncated-stacks.js';

/**
 * What `top(stackProfileOf(profile, budget).stacks, options)` answers, straight from the samples: a stack that is only
 * counted need not become a path in a tree. That takes a fifth of the time, which is most of what reading one file
 * once takes.
 *
 * @returns null where the answer is not just a sum over samples: with negative values or such as exceed a double
 *   (equal stacks are summed before magnitudes are), with drop_frames, and beyond the depth and the number of stacks
 *   that `budget` allows
 */
export function topOfProfile(
  profile: Profile,
  options: Omit<TopOptions, 'total'>,
  budget: Budget = defaultBudget,
): TopTable | null {
  const { sampleType, by = 'function' } = options;
  const values = profile.samples.values[sampleType];
  if (!(values instanceof Float64Array) || values.some((value) => value < 0)) return null;
  if (profile.dropFrames !== '' || profile.samples.count > budget.indexedSamples) return null;
  const spans = stackSpans(profile);
  if (spans.frames.some((depth) => depth > budget.stackDepth)) return null;

  const builder = new SymbolTableBuilder();
  const ofLocations = framesOfLocations(profile, builder);
  const { truncated, count: truncatedCount } = truncatedStacks(profile, spans);
  const marker = truncatedCount === 0 ? -1 : builder.frame(markerFrames.truncated, '', 0);
  const symbols = builder.build();
  const groups = groupFrames(symbols, by);

  const walk = new SampleWalk(ofLocations, groups.groupOfFrame, groups.count);
  let total = 0;
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    if (value === 0) continue;
    total += value;
    walk.add(profile.samples.stack, profile.samples.stackStart[row], spans.end[row], value);
    if (truncated[row] === 1) walk.addGroup(groups.groupOfFrame[marker], value);
  }
  const used = walk.framesInUse(symbols.frameFunction.length);
  if (marker >= 0) used[marker] = 1;
  const sites = new Sites(symbols, by, groups, used);
  return topTable(walk, sites, { ...options, total: BigInt(total) }, profile.sampleTypes[sampleType]);
}

/** Sums samples by group. One small method does nearly all of the work, so that even a cold engine compiles it soon. */
class SampleWalk implements GroupSums {
  readonly flat: Float64Array;
  readonly cum: Float64Array;
  /** The groups of location l are `#groups[frameStart[l] .. frameStart[l + 1])`, outermost first. */
  readonly #groups: Int32Array;
  /** Number of the sample that met a group last, from 1: a recursion counts once. */
  readonly #metBy: Int32Array;
  readonly #locationUsed: Uint8Array;
  #sample = 0;

  constructor(
    private readonly locations: LocationFrames,
    groupOfFrame: Int32Array,
    groupCount: number,
  ) {
    this.flat = new Float64Array(groupCount);
    this.cum = new Float64Array(groupCount);
    this.#groups = locations.frames.map((frame) => groupOfFrame[frame]);
    this.#metBy = new Int32Array(groupCount);
    this.#locationUsed = new Uint8Array(locations.frameStart.length);
  }

  /** The sample whose stack is `stack[leaf .. end)`. */
  add(stack: Uint32Array, leaf: number, end: number, value: number): void {
    this.#sample++;
    if (leaf === end) return;
    const { frameStart } = this.locations;
    // Of inlined frames the innermost comes last.
    this.flat[this.#groups[frameStart[stack[leaf] + 1] - 1]] += value;
    for (let i = leaf; i < end; i++) {
      const location = stack[i];
      this.#locationUsed[location] = 1;
      const last = frameStart[location + 1];
      for (let f = frameStart[location]; f < last; f++) this.addGroup(this.#groups[f], value);
    }
  }

  /** One more group on the stack of the sample that was added last. */
  addGroup(group: number, value: number): void {
    if (this.#metBy[group] === this.#sample) return;
    this.#metBy[group] = this.#sample;
    this.cum[group] += value;
  }

  /** 1 for each frame on a stack that was added. */
  framesInUse(frameCount: number): Uint8Array {
    const { frames, frameStart } = this.locations;
    const used = new Uint8Array(frameCount);
    for (let location = 0; location < frameStart.length - 1; location++) {
      if (this.#locationUsed[location] === 0) continue;
      for (let f = frameStart[location]; f < frameStart[location + 1]; f++) used[frames[f]] = 1;
    }
    return used;
  }
}
