import { thinned } from '../analysis/leaks/thinning.js';
import { processLifetimes } from '../analysis/process-lifetimes.js';
import type { TenantId, Tx } from '../platform/database.js';

/*
 * Which vectors tell of leaks. A week of one-minute snapshots of six instances is 120,000 vectors, and growth shows in a
 * few dozen of each series (an instance and a kind of evidence). So they are chosen by their rows alone, in probes of the
 * index by instance:
 *
 *   1. the first and the last snapshot of every instance and kind in the window; by them instances are chosen;
 *   2. per instance and kind all snapshots where they are few, else the last one of each of some 200 steps in time;
 *   3. where the build changes between two of these, or what was ever allocated went back, those around the change;
 *   4. of these, `thinned` keeps at most 48 per series.
 *
 * A process that comes between two steps and by the next has allocated more than the one before is not noticed.
 */

/** Per series in a window. */
export const mostSnapshots = 48;
/** Half of them those that were seen last, the others those that were seen for longest. */
export const mostInstances = 32;
/** In all series together; but for that none is thinned to less than `fewestSnapshots`. */
const mostVectors = 1_200;
const fewestSnapshots = 12;
/**
 * Sealed: a million rows of heaps, and more of goroutines. Of more than that the largest series are thinned further; but
 * to less than `fewestSnapshots` only beyond the second, for which there would be no room in memory.
 */
const vectorBytes = 6 * 2 ** 20;
const mostVectorBytes = 24 * 2 ** 20;
/** That are looked at for each snapshot that is kept. */
const stepsPerSnapshot = 4;
/** Restarts and deploys of an instance whose neighbours are kept, the latest. */
const mostChanges = 12;
/** Rows that are looked at to find a change between two steps. */
const mostRowsPerStep = 1_000;

export const evidenceKinds = ['goroutine', 'goroutine-dump', 'goroutineleak', 'heap'] as const;
export type VectorKind = (typeof evidenceKinds)[number];

export interface LeakScope {
  readonly serviceId: string;
  /** Milliseconds since 1970, half open. */
  readonly fromMillis: number;
  readonly toMillis: number;
  /** Name of one instance. */
  readonly instance?: string;
  /** Null: of any build, or of none. */
  readonly buildIds: readonly string[] | null;
}

/** The row of a vector, without its bytes. */
export interface VectorPlace {
  readonly instanceId: string;
  readonly kind: VectorKind;
  readonly snapshotId: string;
  /** Microseconds since 1970, as all times here. */
  readonly at: number;
  readonly atMillis: number;
  readonly buildId: string | null;
  /** `inuse_space/bytes`, in the order of the columns. */
  readonly sampleTypes: readonly string[];
  /** What the process had ever allocated; null: it is no heap. */
  readonly allocatedBytes: bigint | null;
  readonly sealedBytes: number;
}

/** Where an instance has another process, or another build. */
export interface ProcessChange {
  readonly instanceId: string;
  /** Of the last snapshot before it, and of the first one after it. */
  readonly before: number;
  readonly after: number;
}

export interface ChosenPlaces {
  /** Names by id; also of instances that have no vectors in the window. */
  readonly instances: ReadonlyMap<string, string>;
  /** Instances with vectors that were not looked at. */
  readonly instancesLeftOut: number;
  /** In the order of time. */
  readonly places: readonly VectorPlace[];
  /** Those that are known of, in the order of time. */
  readonly changes: readonly ProcessChange[];
}

/**
 * The vectors to read. Deltas are none of them. Of an instance that sends dumps and profiles of goroutines only one of the
 * two is read: a dump says who created a goroutine and a profile does not, so a series of both would jump.
 */
export async function chooseLeakPlaces(tx: Tx, tenantId: TenantId, scope: LeakScope): Promise<ChosenPlaces> {
  const { spans, names } = await readSpans(tx, tenantId, scope);
  const ids = chooseInstances(spans, names);
  const instances = new Map([...ids].map((id) => [id, names.get(id)!]));
  const instancesLeftOut = new Set(spans.map(({ instanceId }) => instanceId).filter((id) => !ids.has(id))).size;
  const wanted = spans.filter(({ instanceId }) => ids.has(instanceId));
  if (wanted.length === 0) return { instances, instancesLeftOut, places: [], changes: [] };

  const seriesCount = new Set(wanted.map(seriesOf)).size;
  const most = Math.max(fewestSnapshots, Math.min(mostSnapshots, Math.floor(mostVectors / seriesCount)));
  const found = await readCandidates(tx, tenantId, scope, wanted, most);
  const isRead = formThatIsRead(found);
  const candidates = found.filter(isRead);
  const changes = await readChanges(tx, tenantId, scope, candidates);
  const around = await readAround(tx, tenantId, scope, wanted.filter(isRead), changes);
  return { instances, instancesLeftOut, places: keep(candidates, around, most), changes };
}

/** The time in which an instance sent snapshots of a kind. */
interface Span {
  readonly instanceId: string;
  readonly kind: VectorKind;
  readonly first: number;
  readonly last: number;
}

const micros = (column: string) => `(extract(epoch from ${column}) * 1000000)::bigint`;

const isWanted = `v.tenant_id = $1 and v.service_id = $2 and not v.delta
                  and ($3::bigint[] is null or v.build_id = any($3))`;

/** `instance.last_seen` lags behind the newest snapshot by up to a minute. */
async function readSpans(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, buildIds, fromMillis, toMillis, instance }: LeakScope,
): Promise<{ spans: Span[]; names: ReadonlyMap<string, string> }> {
  const end = (direction: 'asc' | 'desc') =>
    `select v.captured_at as at from vector v
      where ${isWanted} and v.kind = k.kind and v.instance_id = i.instance_id
        and v.captured_at >= $4 and v.captured_at < $5
      order by v.captured_at ${direction} limit 1`;
  const rows = await tx.query<
    { instance_id: string; name: string; kind: VectorKind; first: string | null; last: string }[]
  >(
    `select i.instance_id, i.name, k.kind, ${micros('first.at')} as first, ${micros('last.at')} as last
       from instance i
      cross join unnest($6::text[]) k (kind)
       left join lateral (${end('asc')}) first on true
       left join lateral (${end('desc')}) last on true
      where i.tenant_id = $1 and i.service_id = $2 and ($7::text is null or i.name = $7)
        and i.last_seen >= $4::timestamptz - interval '2 minutes' and i.first_seen < $5`,
    [tenantId, serviceId, buildIds, new Date(fromMillis), new Date(toMillis), evidenceKinds, instance ?? null],
  );
  const spans = rows.flatMap(({ instance_id: instanceId, kind, first, last }) =>
    first === null ? [] : [{ instanceId, kind, first: Number(first), last: Number(last) }],
  );
  return { spans, names: new Map(rows.map(({ instance_id, name }) => [instance_id, name])) };
}

function chooseInstances(spans: readonly Span[], names: ReadonlyMap<string, string>): Set<string> {
  const seen = new Map<string, { name: string; first: number; last: number }>();
  for (const { instanceId, first, last } of spans) {
    const known = seen.get(instanceId);
    seen.set(instanceId, {
      name: names.get(instanceId)!,
      first: Math.min(known?.first ?? first, first),
      last: Math.max(known?.last ?? last, last),
    });
  }
  const byLatest = [...seen].sort(([, a], [, b]) => b.last - a.last || compare(a.name, b.name));
  const byLength = [...seen].sort(([, a], [, b]) => b.last - b.first - (a.last - a.first) || compare(a.name, b.name));
  const withoutVectors = [...names].filter(([id]) => !seen.has(id)).sort(([, a], [, b]) => compare(a, b));
  const chosen = new Set(byLatest.slice(0, mostInstances >> 1).map(([id]) => id));
  for (const [id] of [...byLength, ...withoutVectors]) if (chosen.size < mostInstances) chosen.add(id);
  return chosen;
}

/** Rows of one instance and kind in a span of time, which excludes its begin and includes its end. */
interface Probe {
  readonly instanceId: string;
  readonly kind: VectorKind;
  readonly after: number;
  readonly until: number;
}

const separator = '\u001f';
const atMicros = (number: string) => `(timestamptz 'epoch' + ${number} * interval '1 microsecond')`;

/** Of each probe so many rows, the first or the last; of those of one moment, ids decide only where totals are equal. */
async function probe(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, buildIds }: LeakScope,
  probes: readonly Probe[],
  which: 'first' | 'last',
  limit: number,
): Promise<VectorPlace[]> {
  if (probes.length === 0) return [];
  const direction = which === 'first' ? 'asc' : 'desc';
  const rows = await tx.query<PlaceRow[]>(
    `select v.instance_id, v.kind, v.snapshot_id, ${micros('v.captured_at')} as at, v.build_id,
            array_to_string(v.sample_types, E'\\x1f') as types,
            v.totals[array_position(v.sample_types, 'alloc_space/bytes')] as allocated, octet_length(v.data) as bytes
       from unnest($4::bigint[], $5::text[], $6::float8[], $7::float8[]) p (instance_id, kind, after, until)
      cross join lateral (
        select v.* from vector v
         where ${isWanted} and v.kind = p.kind and v.instance_id = p.instance_id
           and v.captured_at > ${atMicros('p.after')} and v.captured_at <= ${atMicros('p.until')}
         order by v.captured_at ${direction}, v.totals ${direction}, v.snapshot_id ${direction} limit $8) v`,
    [
      tenantId,
      serviceId,
      buildIds,
      probes.map(({ instanceId }) => instanceId),
      probes.map(({ kind }) => kind),
      probes.map(({ after }) => after),
      probes.map(({ until }) => until),
      limit,
    ],
  );
  return rows.map((row) => ({
    instanceId: row.instance_id,
    kind: row.kind,
    snapshotId: row.snapshot_id,
    at: Number(row.at),
    atMillis: Math.floor(Number(row.at) / 1000),
    buildId: row.build_id,
    sampleTypes: row.types.split(separator),
    allocatedBytes: row.allocated === null ? null : BigInt(row.allocated),
    sealedBytes: row.bytes,
  }));
}

interface PlaceRow {
  readonly instance_id: string;
  readonly kind: VectorKind;
  readonly snapshot_id: string;
  readonly at: string;
  readonly build_id: string | null;
  readonly types: string;
  readonly allocated: string | null;
  readonly bytes: number;
}

async function readCandidates(
  tx: Tx,
  tenantId: TenantId,
  scope: LeakScope,
  spans: readonly Span[],
  most: number,
): Promise<VectorPlace[]> {
  const whole = spans.map(({ instanceId, kind, first, last }) => {
    return { instanceId, kind, after: first - 1, until: last };
  });
  const found = groupBy(await probe(tx, tenantId, scope, whole, 'first', most + 1), vectorSeriesOf);
  const candidates: VectorPlace[] = [];
  const steps: Probe[] = [];
  for (const span of spans) {
    const places = found.get(vectorSeriesOf(span))!;
    if (places.length <= most) {
      candidates.push(...places);
      continue;
    }
    // The last of each step says what the last snapshot of all is, but not the first.
    candidates.push(places.reduce((a, b) => (byTime(a, b) <= 0 ? a : b)));
    const { instanceId, kind, first, last } = span;
    const count = most * stepsPerSnapshot;
    const edge = (step: number) => (step === count ? last : Math.floor(first + ((last - first) * step) / count));
    for (let step = 0; step < count; step++) {
      if (edge(step) < edge(step + 1)) steps.push({ instanceId, kind, after: edge(step), until: edge(step + 1) });
    }
  }
  candidates.push(...(await probe(tx, tenantId, scope, steps, 'last', 1)));
  return candidates;
}

/** A dump says more of each goroutine; it is worth it unless profiles say clearly more of how they became more. */
const enoughDumps = 6;

function formThatIsRead(places: readonly VectorPlace[]): (place: Pick<VectorPlace, 'instanceId' | 'kind'>) => boolean {
  const read = new Map<string, VectorKind>();
  for (const [instanceId, ofInstance] of groupBy(places, (place) => place.instanceId)) {
    const dumps = ofInstance.filter(({ kind }) => kind === 'goroutine-dump');
    const profiles = ofInstance.filter(({ kind }) => kind === 'goroutine');
    const tells = dumps.length >= enoughDumps && lengthOf(dumps) >= lengthOf(profiles) / 2;
    const isDump = dumps.length > 0 && (dumps.length >= profiles.length || tells);
    read.set(instanceId, isDump ? 'goroutine-dump' : 'goroutine');
  }
  return ({ instanceId, kind }) => evidenceKindOf(kind) !== 'goroutine' || kind === read.get(instanceId);
}

function lengthOf(places: readonly VectorPlace[]): number {
  const times = places.map(({ at }) => at);
  return times.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
}

/** The restarts and deploys that the candidates show, and exactly between which snapshots they were. */
async function readChanges(
  tx: Tx,
  tenantId: TenantId,
  scope: LeakScope,
  candidates: readonly VectorPlace[],
): Promise<ProcessChange[]> {
  const coarse: { probe: Probe; ends: readonly VectorPlace[] }[] = [];
  for (const ofInstance of groupBy(candidates, ({ instanceId }) => instanceId).values()) {
    const changes = [...groupBy(ofInstance, ({ kind }) => kind).values()].flatMap(changesIn);
    changes.sort(([, a], [, b]) => b.at - a.at || compare(a.kind, b.kind));
    for (const [before, after] of changes.slice(0, mostChanges)) {
      const { instanceId, kind } = before;
      coarse.push({ probe: { instanceId, kind, after: before.at, until: after.at - 1 }, ends: [before, after] });
    }
  }
  const between = groupBy(
    await probe(
      tx,
      tenantId,
      scope,
      coarse.map((change) => change.probe),
      'first',
      mostRowsPerStep,
    ),
    vectorSeriesOf,
  );
  return coarse
    .flatMap(({ probe: { instanceId, kind, after, until }, ends }) => {
      const inside = between.get(vectorSeriesOf({ instanceId, kind })) ?? [];
      return changesIn([...ends, ...inside.filter(({ at }) => at > after && at <= until)]);
    })
    .map(([before, after]) => ({ instanceId: before.instanceId, before: before.at, after: after.at }))
    .sort((a, b) => a.after - b.after || a.before - b.before);
}

/** Neighbours in time that are of different processes or builds. @param places of one instance and kind */
function changesIn(places: readonly VectorPlace[]): [VectorPlace, VectorPlace][] {
  const ordered = places.toSorted(byTime);
  const lives = processLifetimes(
    ordered.map(({ at, allocatedBytes }) => ({
      atNanos: BigInt(at) * 1000n,
      ...(allocatedBytes !== null && { counters: new Map([['alloc_space', allocatedBytes]]) }),
    })),
  );
  const lifeOf = new Int32Array(ordered.length);
  lives.forEach(({ observations }, life) => observations.forEach((index) => (lifeOf[index] = life)));
  return ordered.flatMap((place, index): [VectorPlace, VectorPlace][] => {
    if (index === 0) return [];
    const before = ordered[index - 1];
    const isOtherBuild = before.buildId !== null && place.buildId !== null && before.buildId !== place.buildId;
    // Snapshots that have overtaken each other at a restart would seem to go back to the process before it.
    return isOtherBuild || lifeOf[index] > lifeOf[index - 1] ? [[before, place]] : [];
  });
}

/** Of each kind the last two snapshots before a change, and the first one after it. */
async function readAround(
  tx: Tx,
  tenantId: TenantId,
  { fromMillis, toMillis, ...scope }: LeakScope,
  spans: readonly Span[],
  changes: readonly ProcessChange[],
): Promise<VectorPlace[]> {
  const probes = changes.flatMap(({ instanceId, before, after }) =>
    spans
      .filter((span) => span.instanceId === instanceId)
      .map(({ kind }) => ({
        before: { instanceId, kind, after: fromMillis * 1000 - 1, until: before },
        after: { instanceId, kind, after: after - 1, until: toMillis * 1000 - 1 },
      })),
  );
  const window = { ...scope, fromMillis, toMillis };
  const [before, after] = [probes.map((each) => each.before), probes.map((each) => each.after)];
  return [
    ...(await probe(tx, tenantId, window, before, 'last', 2)),
    ...(await probe(tx, tenantId, window, after, 'first', 1)),
  ];
}

/** At most so many of each series, and no more than there is time and room for. */
function keep(candidates: readonly VectorPlace[], around: readonly VectorPlace[], most: number): VectorPlace[] {
  const marked = new Set(around.map(({ snapshotId }) => snapshotId));
  const known = new Map([...candidates, ...around].map((place) => [place.snapshotId, place]));
  const series = [...groupBy([...known.values()], seriesOf).values()].map((places) => {
    const ordered = places.toSorted(byTime);
    const marks = new Set([...ordered.keys()].filter((index) => marked.has(ordered[index].snapshotId)));
    return { ordered, times: ordered.map(({ at }) => at), marks };
  });
  const limits = fairLimits(
    series.map(({ ordered }) => mean(ordered.map(({ sealedBytes }) => sealedBytes))),
    most,
  );
  return series
    .flatMap(({ ordered, times, marks }, n) => thinned(times, marks, limits[n]).map((index) => ordered[index]))
    .sort(byTime);
}

/** How many of each series there is room for: the small ones whole, and what they leave is shared among the others. */
function fairLimits(bytesEach: readonly number[], most: number): number[] {
  const limits = new Array<number>(bytesEach.length);
  const smallestFirst = [...bytesEach.keys()].sort((a, b) => bytesEach[a] - bytesEach[b]);
  let room = vectorBytes;
  smallestFirst.forEach((series, place) => {
    const fair = room / (smallestFirst.length - place) / bytesEach[series];
    const fewest = Math.min(fewestSnapshots, mostVectorBytes / bytesEach.length / bytesEach[series]);
    limits[series] = Math.min(most, Math.max(2, Math.floor(Math.max(fair, fewest))));
    room = Math.max(0, room - limits[series] * bytesEach[series]);
  });
  return limits;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** What a dump and a profile of goroutines are alike. */
export function evidenceKindOf(kind: VectorKind): Exclude<VectorKind, 'goroutine-dump'> {
  return kind === 'goroutine-dump' ? 'goroutine' : kind;
}

function seriesOf({ instanceId, kind }: { instanceId: string; kind: VectorKind }): string {
  return `${instanceId} ${evidenceKindOf(kind)}`;
}

function vectorSeriesOf({ instanceId, kind }: { instanceId: string; kind: VectorKind }): string {
  return `${instanceId} ${kind}`;
}

function byTime(a: VectorPlace, b: VectorPlace): number {
  return a.at - b.at || compare(a.kind, b.kind) || compare(a.snapshotId, b.snapshotId);
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
