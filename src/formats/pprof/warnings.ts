import { sumOf, sumOverflows } from '../int64.js';
import type { Profile, ProfileWarning } from './profile.js';

/** What the decoder met on its way. */
export interface MetWhileDecoding {
  readonly cutStrings: number;
  readonly clampedLines: number;
  readonly unknownMappings: number;
  readonly mixedLabels: number;
}

/** Frames that Go puts in place of CPU samples that it lost (runtime/cpuprof.go, runtime/pprof/proto.go). */
const lostFunctions: ReadonlySet<string> = new Set([
  'runtime._LostExternalCode',
  'runtime._LostSIGPROFDuringAtomic64',
  'runtime/pprof.lostProfileEvent',
]);

/** Share of lost samples from which a profile misleads, in per cent. */
const lostPercent = 5n;

export function profileWarnings(profile: Profile, met: MetWhileDecoding): ProfileWarning[] {
  const warnings: ProfileWarning[] = [];
  const warn = (code: ProfileWarning['code'], count: number, detail: string): void => {
    if (count > 0) warnings.push({ code, count, detail });
  };
  warn('no-time', profile.timeNanos === 0n ? 1 : 0, 'time_nanos is 0: the profile does not say when it was taken');
  warn('no-period', profile.period === 0n ? 1 : 0, 'period is 0: the profile does not say how it was sampled');
  warn('unknown-mapping', met.unknownMappings, 'locations refer to a mapping that is not in the profile');
  warn('label-with-string-and-number', met.mixedLabels, 'labels have both a string and a number: the string is kept');
  warn('line-out-of-range', met.clampedLines, 'line or column numbers exceed 32 bits: they are clamped');
  warn('string-cut', met.cutStrings, 'strings are too long: they are cut');
  warn('invalid-utf8', profile.strings.countInvalid(), 'strings are not UTF-8: U+FFFD stands for the wrong bytes');
  profile.sampleTypes.forEach(({ type }, column) => {
    warn('sum-overflow', sumOverflows(profile.samples.values[column]) ? 1 : 0, `the sum of ${type} exceeds 64 bits`);
  });
  const lost = lostSamples(profile);
  warn('lost-samples', lost.count, `${lost.percent} % of the samples were lost by the profiler`);
  return warnings;
}

/** Go's CPU profiles count what they lost as samples of their own. */
function lostSamples(profile: Profile): { count: number; percent: string } {
  const { functions, locations, samples, strings, sampleTypes } = profile;
  const none = { count: 0, percent: '0' };
  if (!sampleTypes.some(({ type }) => type === 'cpu')) return none;
  const isLost = Uint8Array.from(functions.name, (name) => (lostFunctions.has(strings.at(name)) ? 1 : 0));
  if (!isLost.includes(1)) return none;

  const counts = samples.values[0];
  let lost = 0n;
  for (let row = 0; row < samples.count; row++) {
    if (samples.stackStart[row] === samples.stackStart[row + 1]) continue;
    const leaf = samples.stack[samples.stackStart[row]];
    const line = locations.lineStart[leaf];
    if (line < locations.lineStart[leaf + 1] && isLost[locations.lineFunction[line]] === 1) lost += BigInt(counts[row]);
  }
  const total = sumOf(counts);
  if (total <= 0n || lost * 100n <= total * lostPercent) return none;
  return { count: Number(lost), percent: (Number((lost * 1000n) / total) / 10).toString() };
}
