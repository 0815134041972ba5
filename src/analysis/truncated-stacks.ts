import { type Profile, unpaddedDepth } from '../formats/pprof/profile.js';

/**
 * Go cuts stacks at the root: CPU samples after 64 frames, others after 32 (up to Go 1.22) or 128 (since). What is cut
 * makes a tree fall apart, since the rest hangs from wherever the cut fell.
 */
const depthLimits = { cpu: [64], other: [32, 128] };

/** The last frame may expand into a few inlined ones beyond the limit. */
const inlinedAtLimit = 8;

/** Where complete stacks of Go's runtime begin. */
const runtimeRoots = /^runtime\.(goexit|main|mcall|mstart|mstart0|mstart1|rt0_go|systemstack|morestack|asmcgocall)$/;

/**
 * 1 for each sample whose stack Go cut at its depth limit. A profile does not say so; it shows in stacks that reach a
 * limit which no stack exceeds, and whose root is neither one of the runtime's nor the root of a shorter stack, such
 * as the `serve` of each HTTP connection. Profiles of other languages have none.
 */
export function truncatedStacks(profile: Profile): { truncated: Uint8Array; count: number } {
  const { samples, locations } = profile;
  const truncated = new Uint8Array(samples.count);
  const frames = frameCounts(profile);
  const deepest = frames.reduce((a, b) => Math.max(a, b), 0);
  const limits = profile.sampleTypes.some(({ type }) => type === 'cpu') ? depthLimits.cpu : depthLimits.other;
  const limit = limits.find((candidate) => deepest >= candidate && deepest <= candidate + inlinedAtLimit);
  if (limit === undefined) return { truncated, count: 0 };

  const rootFunction = (row: number): number => {
    const location = samples.stack[samples.stackStart[row] + unpaddedDepth(profile, row) - 1];
    const end = locations.lineStart[location + 1];
    return end > locations.lineStart[location] ? locations.lineFunction[end - 1] : -1;
  };
  const completeRoots = new Set<number>();
  for (let row = 0; row < samples.count; row++) {
    if (frames[row] > 0 && frames[row] < limit) completeRoots.add(rootFunction(row));
  }
  let ofGo = false;
  for (let f = 0; f < profile.functions.count; f++) {
    const name = profile.strings.at(profile.functions.name[f]);
    if (runtimeRoots.test(name)) completeRoots.add(f);
    if (name.startsWith('runtime.')) ofGo = true;
  }
  if (!ofGo) return { truncated, count: 0 };
  let count = 0;
  for (let row = 0; row < samples.count; row++) {
    if (frames[row] >= limit && !completeRoots.has(rootFunction(row))) {
      truncated[row] = 1;
      count++;
    }
  }
  return { truncated, count };
}

/** Frames of each sample, inlined ones included. */
function frameCounts(profile: Profile): Int32Array {
  const { stackStart, stack, count } = profile.samples;
  const { lineStart } = profile.locations;
  const frames = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const end = stackStart[row] + unpaddedDepth(profile, row);
    for (let i = stackStart[row]; i < end; i++) {
      frames[row] += Math.max(1, lineStart[stack[i] + 1] - lineStart[stack[i]]);
    }
  }
  return frames;
}
