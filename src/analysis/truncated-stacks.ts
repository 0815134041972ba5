import { type Profile, unpaddedDepth } from '../formats/pprof/profile.js';
import { markerFrames } from './marker-frames.js';

/**
 * Go cuts stacks at the root: CPU samples after 64 frames, others after 32 (up to Go 1.22) or 128 (since). What is cut
 * makes a tree fall apart, since the rest hangs from wherever the cut fell.
 */
const depthLimits = { cpu: [64], other: [32, 128] };

/** The last frame may expand into a few inlined ones beyond the limit. */
const inlinedAtLimit = 8;

/** Where complete stacks of Go's runtime begin. */
const runtimeRoots = /^runtime\.(goexit|main|mcall|mstart|mstart0|mstart1|rt0_go|systemstack|morestack|asmcgocall)$/;

/** The part of each sample's stack that counts. */
export interface StackSpans {
  /** Offset in `samples.stack` behind the root, padding left out. */
  readonly end: Uint32Array;
  /** Number of frames, inlined ones included. */
  readonly frames: Int32Array;
}

export function stackSpans(profile: Profile): StackSpans {
  const { stackStart, stack, count } = profile.samples;
  const { lineStart } = profile.locations;
  const end = new Uint32Array(count);
  const frames = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    end[row] = stackStart[row] + unpaddedDepth(profile, row);
    let depth = 0;
    for (let i = stackStart[row]; i < end[row]; i++) {
      // A location without lines is a frame too.
      depth += lineStart[stack[i] + 1] - lineStart[stack[i]] || 1;
    }
    frames[row] = depth;
  }
  return { end, frames };
}

/**
 * 1 for each sample whose stack Go cut at its depth limit. A profile does not say so; it shows in stacks that reach a
 * limit which no stack exceeds, and whose root is neither one of the runtime's nor the root of a shorter stack, such
 * as the `serve` of each HTTP connection. Profiles of other languages have none.
 *
 * @param programCounters per sample, what the limit is a limit of. Without them the frames stand in, of which a stack
 *   at the limit may have a few more, as inlined ones count too
 */
export function truncatedStacks(
  profile: Profile,
  { end, frames }: StackSpans,
  programCounters: Int32Array = frames,
): { truncated: Uint8Array; count: number } {
  const { samples, sampleTypes } = profile;
  const truncated = new Uint8Array(samples.count);
  const deepest = programCounters.reduce((a, b) => Math.max(a, b), 0);
  const limits = sampleTypes.some(({ type }) => type === 'cpu') ? depthLimits.cpu : depthLimits.other;
  const limit = limits.find((candidate) => deepest >= candidate && deepest <= candidate + inlinedAtLimit);
  if (limit === undefined || !isOfGo(profile)) return { truncated, count: 0 };

  // A profile that was exported from here is marked already.
  const completeRoots = new Set<string>([markerFrames.truncated]);
  for (let row = 0; row < samples.count; row++) {
    if (frames[row] > 0 && programCounters[row] < limit)
      completeRoots.add(functionOf(profile, samples.stack[end[row] - 1]));
  }
  let count = 0;
  for (let row = 0; row < samples.count; row++) {
    if (frames[row] === 0 || programCounters[row] < limit) continue;
    const root = functionOf(profile, samples.stack[end[row] - 1]);
    if (completeRoots.has(root) || runtimeRoots.test(root)) continue;
    truncated[row] = 1;
    count++;
  }
  return { truncated, count };
}

/** Name of the outermost function of a location; empty if there is none. */
function functionOf({ locations, functions, strings }: Profile, location: number): string {
  const end = locations.lineStart[location + 1];
  return end > locations.lineStart[location] ? strings.at(functions.name[locations.lineFunction[end - 1]]) : '';
}

function isOfGo({ functions, strings }: Profile): boolean {
  return functions.name.some((name) => strings.at(name).startsWith('runtime.'));
}
