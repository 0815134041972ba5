import type { Profile } from '../formats/pprof/profile.js';
import { compilePattern, type Pattern, PatternError } from './pattern.js';

/** A profile says which of its frames are uninteresting; its patterns come from whoever sends the profile. */
const maxPrunePatternLength = 4096;

/** What drop_frames and keep_frames do to the stacks of a profile. */
export interface Pruning {
  /** Per location: nothing, cut the stack below it, or cut the stack at it. */
  readonly cut: Uint8Array;
  /** First line of each location that stays. Lines before it are inlined below the match. */
  readonly firstLine: Uint32Array;
}

export const cuts = { none: 0, below: 1, here: 2 } as const;

/**
 * Reads drop_frames and keep_frames as google/pprof applies them when it loads a profile (profile/prune.go,
 * RemoveUninteresting and Prune): anchored, on simplified names; keep_frames counts only beside drop_frames.
 *
 * @returns null if the profile has no drop_frames
 * @throws PatternError if one of them cannot be compiled; pprof then prunes nothing
 */
export function pruningOf(profile: Profile): Pruning | null {
  if (profile.dropFrames === '') return null;
  const drop = anchored('drop_frames', profile.dropFrames);
  const keep = profile.keepFrames === '' ? null : anchored('keep_frames', profile.keepFrames);
  const { locations, functions, strings } = profile;

  const dropped = new Uint8Array(functions.count);
  for (let f = 0; f < functions.count; f++) {
    const name = strings.at(functions.name[f]) || strings.at(functions.systemName[f]);
    if (name === '') continue;
    const simple = simplified(name);
    if (drop.found(simple) && !keep?.found(simple)) dropped[f] = 1;
  }

  const cut = new Uint8Array(locations.count);
  const firstLine = locations.lineStart.slice(0, locations.count);
  for (let location = 0; location < locations.count; location++) {
    const outermost = locations.lineStart[location + 1] - 1;
    for (let line = outermost; line >= locations.lineStart[location]; line--) {
      if (dropped[locations.lineFunction[line]] === 0) continue;
      cut[location] = line === outermost ? cuts.here : cuts.below;
      if (line < outermost) firstLine[location] = line + 1;
      break;
    }
  }
  return { cut, firstLine };
}

/**
 * Where the stack of locations `stack[from .. to)`, leaf first, begins after pruning: everything from the first match
 * below a frame that is none to the leaf goes. A stack whose outer frames all match keeps them.
 */
export function prunedStart({ cut }: Pruning, stack: Uint32Array, from: number, to: number): number {
  let insideProgram = false;
  for (let i = to - 1; i >= from; i--) {
    if (cut[stack[i]] === cuts.none) insideProgram = true;
    else if (insideProgram) return cut[stack[i]] === cuts.here ? i + 1 : i;
  }
  return from;
}

function anchored(option: string, source: string): Pattern {
  if (source.length > maxPrunePatternLength) {
    throw new PatternError(option, `the pattern has ${source.length} characters`);
  }
  return compilePattern(option, `^(${source})$`, Infinity);
}

/** The name up to its argument list, whose `(` is not one of a reserved name (google/pprof simplifyFunc). */
function simplified(name: string): string {
  const start = name.startsWith('.') ? 1 : 0;
  for (let at = name.indexOf('(', start); at >= 0; at = name.indexOf('(', at + 1)) {
    if (name.startsWith('(anonymous namespace)', at)) continue;
    if (name.startsWith('operator()', at - 'operator'.length) && at - 'operator'.length >= start) continue;
    return name.slice(start, at);
  }
  return name.slice(start);
}
