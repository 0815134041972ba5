import type { RankConstants } from './constants.js';
import type { HeapEvidence } from './evidence.js';
import type { GrowthInProcess } from './fleet.js';
import type { HeapPlaces } from './heap-places.js';
import type { ProcessEvidence } from './processes.js';
import {
  clip,
  correlation,
  gamma,
  type GrowthShape,
  growthShape,
  kendallTau,
  nearestTo,
  neverFalls,
  normalCdf,
  sinceItBegan,
} from './statistics.js';
import type { SuspectFactor } from './suspect.js';
import { bytesText, goesOnText, percent, trendText } from './words.js';

/** See GrowthInProcess; values are bytes in use. */
export interface HeapGrowth extends GrowthInProcess {
  /** What it grew by against the noise of sampling. */
  readonly z: number;
}

/**
 * The growth of every place that has more in use at the end of a process than at its start, by place.
 *
 * Evidence = γ⁺ · beyond sampling · retention · keeps · goes on · never falls · floor · load; size =
 * ln(1 + MiB grown) · share. A heap profile is as of the last completed collection, so what it shows is a floor already.
 */
export function growthOfPlaces(
  process: ProcessEvidence,
  heapPlaces: HeapPlaces,
  constants: RankConstants,
): Map<number, HeapGrowth> {
  const { heaps } = process;
  if (heaps.length < 2) return new Map();
  const atMillis = heaps.map((snapshot) => snapshot.atMillis);
  const all = sumsByPlace(heaps, heapPlaces);
  let grownInAll = 0;
  for (const { bytes } of all) grownInAll += Math.max(0, ends(bytes).grown);
  const loads = loadsAt(process, atMillis);
  const found = new Map<number, HeapGrowth>();
  for (const sums of all) {
    const { grown } = ends(sums.bytes);
    if (grown <= 0 || heapPlaces.places[sums.place].isRuntime) continue;
    // The robust slope is for those that beat their own sampling noise: thousands of places do not.
    const z = beyondSampling(sums);
    if (z < leastZ) continue;
    const own = { bytes: [...sums.bytes], objects: [...sums.objects], allocated: [...sums.allocated] };
    const since = sinceItBegan(atMillis, own.bytes);
    if (kendallTau(since[1]) <= 0) continue;
    const shape = growthShape(...since);
    if (shape.perHour <= 0) continue;
    const share = clip(grown / grownInAll, 0, 1);
    found.set(sums.place, {
      process,
      atMillis,
      values: own.bytes,
      shape,
      share,
      z,
      ...judge(own, { shape, share, z, loads }, constants),
    });
  }
  return found;
}

const leastZ = 1;

interface PlaceSeries {
  readonly bytes: readonly number[];
  readonly objects: readonly number[];
  readonly allocated: readonly number[];
}

/** Sums per snapshot; of thousands of places few are looked at twice. */
interface PlaceSums {
  readonly place: number;
  readonly bytes: Float64Array;
  readonly objects: Float64Array;
  readonly allocated: Float64Array;
  /** Bytes that one sample stands for in the last snapshot, weighted by bytes: the sum over rows of bytes · bytes per sample. */
  readonly weight: number;
}

function sumsByPlace(heaps: readonly HeapEvidence[], { places, placeOf }: HeapPlaces): PlaceSums[] {
  const n = heaps.length;
  const found: number[] = [];
  const sumOf = new Int32Array(places.length).fill(-1);
  for (const { stacks } of heaps) {
    for (const stack of stacks) {
      const place = placeOf[stack];
      if (sumOf[place] < 0) sumOf[place] = found.push(place) - 1;
    }
  }
  const [bytes, objects, allocated] = [0, 1, 2].map(() => new Float64Array(found.length * n));
  const weight = new Float64Array(found.length);
  for (const [at, { stacks, inuseObjects, inuseBytes, allocObjects, sampleBytes }] of heaps.entries()) {
    for (let row = 0; row < stacks.length; row++) {
      // A profile may say anything, such as the difference of two.
      if (!(inuseBytes[row] > 0 || allocObjects[row] > 0)) continue;
      const sum = sumOf[placeOf[stacks[row]]];
      bytes[sum * n + at] += Math.max(0, inuseBytes[row]);
      objects[sum * n + at] += Math.max(0, inuseObjects[row]);
      allocated[sum * n + at] += Math.max(0, allocObjects[row]);
      if (at < n - 1) continue;
      weight[sum] += inuseBytes[row] * bytesPerSample(inuseObjects[row], inuseBytes[row], sampleBytes);
    }
  }
  return found.map((place, sum) => {
    const own = (sums: Float64Array) => sums.subarray(sum * n, (sum + 1) * n);
    return { place, bytes: own(bytes), objects: own(objects), allocated: own(allocated), weight: weight[sum] };
  });
}

/**
 * What one sampled object stands for. An object of s bytes is sampled with p = 1 − e^(−s/rate), and told as 1 / p objects
 * of s bytes (Go runtime/mprof.go; pprof's scaleHeapSample).
 */
function bytesPerSample(objects: number, bytes: number, sampleBytes: number): number {
  if (objects <= 0 || bytes <= 0) return 0;
  const size = bytes / objects;
  return sampleBytes <= 1 ? size : size / -Math.expm1(-size / sampleBytes);
}

/**
 * What a place grew by against what came and went: objects that were sampled stay sampled for as long as they live, so of a
 * place that does not grow as many samples come as go, and after m of either the balance is 0 ± √m. How many came, the
 * counters of allocation tell; those that came and went between two snapshots make no difference to either, so that no
 * more count than there are at both ends. Where load moves it, there are as many at least as the snapshots show.
 */
function beyondSampling({ bytes, objects, allocated, weight }: PlaceSums): number {
  const n = bytes.length;
  const grown = bytes[n - 1] - bytes[0];
  const perSample = weight / Math.max(1, bytes[n - 1]);
  let seen = 0;
  for (let at = 1; at < n; at++) seen += Math.abs(bytes[at] - bytes[at - 1]);
  const came = ((allocated[n - 1] - allocated[0]) * bytes[n - 1]) / Math.max(1, objects[n - 1]);
  const moved = Math.max(seen, Math.min(2 * came - grown, bytes[0] + bytes[n - 1]));
  return moved <= 0 ? 0 : grown / Math.sqrt(moved * Math.max(1, perSample));
}

/** Means of the first and of the last third: single snapshots are noise. */
function ends(values: ArrayLike<number>): { first: number; last: number; grown: number } {
  const n = values.length;
  const third = Math.max(1, Math.floor(n / 3));
  let [first, last] = [0, 0];
  for (let i = 0; i < third; i++) {
    first += values[i];
    last += values[n - third + i];
  }
  return { first: first / third, last: last / third, grown: (last - first) / third };
}

interface Observed {
  readonly shape: GrowthShape;
  readonly share: number;
  readonly z: number;
  readonly loads: readonly LoadSeries[];
}

function judge(
  { bytes, objects, allocated }: PlaceSeries,
  { shape, share, z, loads }: Observed,
  constants: RankConstants,
): Pick<HeapGrowth, 'evidence' | 'size' | 'factors' | 'why' | 'whyNot'> {
  const n = bytes.length;
  const why: string[] = [];
  const whyNot: string[] = [];
  const factors: SuspectFactor[] = [];
  const add = (name: string, value: number, detail: string): number => {
    factors.push({ name, value, detail });
    return value;
  };
  why.push(
    `${n === 2 ? 'From' : `In ${n} snapshots from`} ${bytesText(bytes[0])} to ${bytesText(bytes[n - 1])} in use${n > 2 && neverFalls(bytes) ? ', and never less than before' : ''}.`,
  );
  let evidence = add('trend', Math.max(0, gamma(bytes)), trendText("Goodman and Kruskal's γ", n, n));
  evidence *= add(
    'beyond sampling',
    normalCdf(z - 1.5),
    `z = ${z.toFixed(1)} against what the sampling of the heap profile varies by`,
  );
  if (z < 3) whyNot.push('The heap profile is a sample, and so little growth can be its noise.');

  // What a few samples say of a half of the window is little.
  const sure = (z * z) / (z * z + samplesToBeSure);
  const retained = retention(objects, allocated);
  if (retained !== null) {
    evidence *= add(
      'retention',
      0.5 + 0.5 * Math.min(1, retained.whole / enoughRetained),
      `${percent(retained.whole)} of what is allocated there stays`,
    );
    if (retained.whole >= 0.5) why.push(`Of what it allocates, ${percent(retained.whole)} stays in use.`);
    if (retained.keeps !== null) {
      evidence *= add(
        'keeps',
        0.3 + 0.7 * retained.keeps,
        `the later half keeps ${percent(retained.keeps)} of the share that the earlier half kept`,
      );
      if (retained.keeps < 0.5) whyNot.push('It keeps ever less of what it allocates: like a cache that becomes full.');
    }
  }
  evidence *= add(
    'goes on',
    1 - (1 - constants.plateauFloor) * (1 - shape.goesOn) * sure,
    n < 4 ? 'too few snapshots to tell' : goesOnText(shape),
  );
  if (n >= 4 && shape.goesOn < 0.3) whyNot.push('Growth has come to an end: it looks like a level that was reached.');
  evidence *= add(
    'never falls',
    1 - constants.drawdownWeight * shape.drawdown,
    `deepest fall ${percent(shape.drawdown)} of the range`,
  );
  if (shape.drawdown > 0.3) whyNot.push(`It fell by ${percent(shape.drawdown)} of its range in between.`);
  if (shape.floorRises === false) {
    evidence *= add('floor', floorStays, 'the least of each third does not rise');
    whyNot.push('What it comes down to does not rise.');
  }
  const inStep = loads
    .map(({ name, values }) => ({ name, step: inStepWith(bytes, values) }))
    .sort((a, b) => b.step - a.step)[0];
  if (inStep !== undefined && inStep.step > 0) {
    evidence *= add('load', 1 - constants.heapInStep * inStep.step, `in step with ${inStep.name}`);
    whyNot.push(`It grows in step with ${inStep.name}.`);
  }
  let size = add('grown', Math.log(1 + shape.grown / 2 ** 20), `${bytesText(shape.grown)} by the median slope`);
  size *= add(
    'share',
    constants.shareFloor + (1 - constants.shareFloor) * Math.sqrt(share),
    `${percent(share)} of the growth of the process`,
  );
  if (share >= 0.3) why.push(`That is ${percent(share)} of what the heap of the process grew by.`);
  return { evidence, size, factors, why, whyNot };
}

const floorStays = 0.3;
const samplesToBeSure = 15;
/** A leak may well free most of what it allocates on the way. */
const enoughRetained = 0.2;

/**
 * The share of the objects allocated in the window that are in use at its end, and what the later half of the window
 * keeps against the earlier half.
 */
function retention(
  objects: readonly number[],
  allocated: readonly number[],
): { whole: number; keeps: number | null } | null {
  const n = objects.length;
  const of = (from: number, to: number): number | null => {
    const made = allocated[to] - allocated[from];
    return made <= 0 ? null : clip((objects[to] - objects[from]) / made, 0, 1);
  };
  const whole = of(0, n - 1);
  if (whole === null) return null;
  const middle = n >> 1;
  const early = n < 4 ? null : of(0, middle);
  const late = n < 4 ? null : of(middle, n - 1);
  return { whole, keeps: early === null || late === null || early === 0 ? null : clip(late / early, 0, 1) };
}

/** What a heap may follow without a leak, at the moments of its snapshots. */
interface LoadSeries {
  readonly name: string;
  readonly values: readonly number[];
}

function loadsAt({ goroutines }: ProcessEvidence, atMillis: readonly number[]): LoadSeries[] {
  if (goroutines.length < 2) return [];
  const totals = goroutines.map(({ counts }) => counts.reduce((sum, count) => sum + Math.max(0, count), 0));
  const near = nearestTo(
    atMillis,
    goroutines.map((snapshot) => snapshot.atMillis),
  );
  return [{ name: 'the number of goroutines', values: near.map((place) => totals[place]) }];
}

/** How much of a series another one explains, from 0 to 1; 0 if the other hardly rose. */
function inStepWith(values: readonly number[], load: readonly number[]): number {
  const { first, grown } = ends(load);
  if (grown < Math.max(leastLoadGrown, leastLoadShare * first) || values.length < 4) return 0;
  const r = correlation(values, load);
  return r <= 0 ? 0 : clip((r * r - 0.7) / 0.2, 0, 1);
}

const leastLoadGrown = 5;
const leastLoadShare = 0.2;
