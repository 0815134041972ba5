import { FormatError } from '../format-error.js';
import type { Kind } from '../kind.js';
import type { Profile } from './profile.js';

/** Kinds that come as pprof. */
export type ProfileKind = Extract<
  Kind,
  'heap' | 'allocs' | 'goroutine' | 'goroutineleak' | 'cpu' | 'block' | 'mutex' | 'threadcreate' | 'custom'
>;

/**
 * What kind of profile this is. Sample types tell most kinds apart. Two pairs share theirs: heap and allocs differ by
 * default_sample_type alone; block and mutex by whether the stacks end in what waited or in an Unlock. A declared
 * kind decides within such a pair, and for profiles of no kind that Go has.
 *
 * Throws FormatError `malformed` if the declared kind contradicts the bytes.
 * Source: Go runtime/pprof, writeHeapProto, printCountProfile, printCountCycleProfile and newProfileBuilder.
 */
export function kindOf(profile: Profile, declared?: Kind): ProfileKind {
  const found = kindBySampleTypes(profile);
  if (declared === undefined || declared === found) return found;
  const possible = possibleKinds(profile, found).find((kind) => kind === declared);
  if (possible !== undefined) return possible;
  const types = profile.sampleTypes.map(({ type, unit }) => `${type}/${unit}`).join(', ');
  throw new FormatError('malformed', `declared ${declared} but is a ${found} profile (${types})`);
}

/**
 * Whether the values are differences over `duration_nanos` (`?seconds=N`) and not the state at one moment: Go writes a
 * duration into no profile else, but for CPU profiles, which always cover theirs.
 */
export function isDelta(profile: Profile, kind: Kind): boolean {
  return kind !== 'cpu' && kind !== 'custom' && profile.durationNanos !== 0n;
}

function possibleKinds(profile: Profile, found: ProfileKind): readonly ProfileKind[] {
  switch (found) {
    case 'heap':
    case 'allocs':
      return ['heap', 'allocs', 'custom'];
    case 'block':
    case 'mutex':
      return ['block', 'mutex', 'custom'];
    case 'custom': {
      // Other runtimes name their columns in their own way; what they measure shows in the unit.
      const units = new Set(profile.sampleTypes.map(({ unit }) => unit));
      return [
        ...(units.has('bytes') ? (['heap', 'allocs'] as const) : []),
        ...(units.has('nanoseconds') ? (['cpu', 'block', 'mutex'] as const) : []),
      ];
    }
    default:
      return ['custom'];
  }
}

function kindBySampleTypes(profile: Profile): ProfileKind {
  const types = new Set(profile.sampleTypes.map(({ type }) => type));
  if (types.has('inuse_space') || types.has('inuse_objects') || types.has('alloc_space')) {
    return profile.defaultSampleType.startsWith('alloc_') || !types.has('inuse_space') ? 'allocs' : 'heap';
  }
  if (types.has('cpu')) return 'cpu';
  if (types.has('contentions') && types.has('delay')) return endsInUnlocks(profile) ? 'mutex' : 'block';
  if (profile.sampleTypes.length !== 1) return 'custom';
  for (const kind of ['goroutine', 'goroutineleak', 'threadcreate'] as const) if (types.has(kind)) return kind;
  return 'custom';
}

/** sync.(*Mutex).Unlock, sync.(*RWMutex).RUnlock, internal/sync.(*Mutex).unlockSlow, runtime.unlock2 … */
const unlock = /\.r?unlock(?:slow|2|withrank)?$|^runtime\._LostContendedRuntimeLock$/i;

/** Whether most stacks end where a lock is given back. False without stacks: then nothing tells the kinds apart. */
function endsInUnlocks(profile: Profile): boolean {
  const { samples, locations, functions, strings } = profile;
  const isUnlock = new Map<number, boolean>();
  let unlocks = 0;
  let others = 0;
  for (let row = 0; row < samples.count; row++) {
    if (samples.stackStart[row] === samples.stackStart[row + 1]) continue;
    const leaf = samples.stack[samples.stackStart[row]];
    const line = locations.lineStart[leaf];
    if (line === locations.lineStart[leaf + 1]) continue;
    const name = functions.name[locations.lineFunction[line]];
    let known = isUnlock.get(name);
    if (known === undefined) isUnlock.set(name, (known = unlock.test(strings.at(name))));
    if (known) unlocks++;
    else others++;
  }
  return unlocks > others;
}
