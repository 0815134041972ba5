import { type GoroutineContent, rowsOfContent } from '../analysis/goroutine-content.js';
import type { LeakEvidence } from '../analysis/leaks/evidence.js';
import { EvidenceBuilder } from '../analysis/leaks/evidence-builder.js';
import {
  lastRowsOfSteps,
  memoryEvidence,
  memorySeries,
  saidStarts,
  startAt,
} from '../analysis/leaks/memory-evidence.js';
import { runtimeSeries } from '../analysis/runtime-series.js';
import { runtimeWindow } from '../analysis/runtime/runtime-window.js';
import type { SampleType, StackProfile, StackTree, SymbolTable } from '../analysis/stack-profile.js';
import type { TenantId, Tx } from '../platform/database.js';
import { DamagedBlockError } from './block.js';
import { monthOf } from './captured-at.js';
import {
  chooseLeakPlaces,
  type ChosenPlaces,
  evidenceKindOf,
  evidenceKinds,
  type LeakScope,
  mostInstances,
  type ProcessChange,
  type VectorPlace,
} from './leak-places.js';
import { decodeContent } from './part-content.js';
import { vectorsOf } from './read.js';
import { type InstanceSeries, readSeries } from './series.js';
import type { StackStore } from './stack-store.js';
import { decodeVector } from './vector.js';

/** Moments of memory per instance. */
export const mostMoments = 64;
/** Goroutine dumps per instance whose goroutines are read one by one. */
export const mostListedDumps = 4;
/** Of one such dump, and of all together, sealed. */
const mostDumpBytes = 2 ** 20;
const mostListedBytes = 4 * 2 ** 20;

const memorySources = [
  ...new Set(runtimeSeries.filter(({ name }) => memorySeries.includes(name)).flatMap(({ from }) => Object.keys(from))),
];

/** Of one service. Who asks has made sure that the caller may see it. */
export interface LeakWindow extends Omit<LeakScope, 'buildIds'> {
  /** Only what is known to be of one of these builds. */
  readonly buildIds?: readonly string[];
}

export interface FoundLeakEvidence {
  readonly evidence: LeakEvidence;
  /** What was left out, in sentences. */
  readonly notes: readonly string[];
  /** How many were read. */
  readonly vectors: number;
}

/**
 * What the index knows of one service in one window that tells of leaks: stacks of goroutines and heaps, thinned (see
 * leak-places.ts), never deltas; the goroutines of a few dumps of each instance one by one; and at most `mostMoments`
 * moments of its memory. It does not depend on the order in which anything was indexed. An instance that is not known has
 * no evidence.
 *
 * @param tx of `readTenant`: what it sees has to be of one moment
 * @throws DamagedBlockError
 */
export async function readLeakEvidence(
  tx: Tx,
  store: StackStore,
  tenantId: TenantId,
  window: LeakWindow,
): Promise<FoundLeakEvidence> {
  const chosen = await chooseLeakPlaces(tx, tenantId, { ...window, buildIds: window.buildIds ?? null });
  const series = await readMemorySeries(tx, tenantId, window, [...chosen.instances.keys()]);
  const builder = new EvidenceBuilder();
  await addStacks(tx, store, tenantId, window, chosen, series, builder);
  addMemory(window, chosen, series, builder);
  const notes =
    chosen.instancesLeftOut === 0
      ? []
      : [
          `${chosen.instancesLeftOut} instances were left out: of ${mostInstances}, half are those that were seen last and half those that were seen for longest.`,
        ];
  return { evidence: builder.build(), notes, vectors: chosen.places.length };
}

/** What is known of a snapshot besides its vector. */
interface SnapshotFacts {
  readonly processStartMillis: number | null;
  readonly sampleBytes: number | undefined;
  /** Sealed; 0: there is none. */
  readonly contentBytes: number;
}

async function addStacks(
  tx: Tx,
  store: StackStore,
  tenantId: TenantId,
  { serviceId }: LeakWindow,
  { instances, places, changes }: ChosenPlaces,
  series: readonly InstanceSeries[],
  builder: EvidenceBuilder,
): Promise<void> {
  const facts = await readFacts(tx, tenantId, places);
  const contents = await readContents(tx, tenantId, listedDumps(instances, places, changes, facts));
  const builds = await buildNames(tx, tenantId, serviceId, places);
  const starts = saidStarts(series);
  const months = new Map<string, Pick<StackProfile, 'symbols' | 'tree'>>();
  const loadMonth = async (atMillis: number) => {
    const month = monthOf(new Date(atMillis).toISOString());
    let dictionary = months.get(month);
    if (dictionary === undefined) {
      months.set(month, (dictionary = await store.load(tx, tenantId, serviceId, month)));
    }
    return dictionary;
  };
  for (const kind of evidenceKinds) {
    const ofKind = places.filter((place) => place.kind === kind);
    for await (const { timing: place, data } of vectorsOf(tx, tenantId, { serviceId, kind }, ofKind)) {
      const { snapshotId: id, atMillis, buildId } = place;
      const { processStartMillis, sampleBytes } = facts.get(id)!;
      const instance = instances.get(place.instanceId)!;
      const content = contents.get(id);
      builder.addStacks(
        instance,
        {
          ...{ id, atMillis, kind: evidenceKindOf(kind) },
          build: buildId === null ? '' : builds.get(buildId)!,
          processStartMillis: processStartMillis ?? startAt(starts.get(instance) ?? [], atMillis),
        },
        stacksOf(await loadMonth(atMillis), place, data),
        {
          rows: content === undefined ? null : rowsOfContent(decodeContent(content) as GoroutineContent),
          sampleBytes,
        },
      );
    }
  }
}

/** Of goroutines only what counts them. @throws DamagedBlockError */
function stacksOf(
  { symbols, tree }: { readonly symbols: SymbolTable; readonly tree: StackTree },
  { kind, sampleTypes }: VectorPlace,
  data: Buffer,
): StackProfile {
  const only = kind === 'heap' ? undefined : 0;
  const { nodes, values } = decodeVector(data, only);
  if (nodes.length > 0 && nodes[nodes.length - 1] >= tree.parent.length) {
    throw new DamagedBlockError(`stack ${nodes[nodes.length - 1]} of ${tree.parent.length}`);
  }
  const types = only === undefined ? sampleTypes : sampleTypes.slice(0, 1);
  return { symbols, tree, sampleTypes: types.map(sampleTypeOf), nodes, values };
}

/** `type/unit`; a type may contain a slash itself. */
function sampleTypeOf(name: string): SampleType {
  const slash = name.lastIndexOf('/');
  return { type: name.slice(0, slash), unit: name.slice(slash + 1) };
}

async function readFacts(
  tx: Tx,
  tenantId: TenantId,
  places: readonly VectorPlace[],
): Promise<ReadonlyMap<string, SnapshotFacts>> {
  if (places.length === 0) return new Map();
  const rows = await tx.query<
    { snapshot_id: string; period: string | null; started: string | null; content_bytes: number | null }[]
  >(
    `select w.snapshot_id, s.details ->> 'period' as period, u.declared ->> 'processStart' as started,
            octet_length(c.data) as content_bytes
       from unnest($2::uuid[], $3::float8[]) w (snapshot_id, at)
       join snapshot s on s.tenant_id = $1 and s.snapshot_id = w.snapshot_id
       join upload u on u.tenant_id = $1 and u.upload_id = s.upload_id
       left join part_content c on c.tenant_id = $1 and c.snapshot_id = w.snapshot_id
        and c.captured_at = timestamptz 'epoch' + w.at * interval '1 microsecond'`,
    [tenantId, places.map(({ snapshotId }) => snapshotId), places.map(({ at }) => at)],
  );
  return new Map(
    rows.map(({ snapshot_id, period, started, content_bytes }) => [
      snapshot_id,
      {
        processStartMillis: started === null ? null : Date.parse(started),
        sampleBytes: period === null ? undefined : Number(period),
        contentBytes: content_bytes ?? 0,
      },
    ]),
  );
}

/** By their version; those that have none by their commit, or their number in CI. */
async function buildNames(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  places: readonly VectorPlace[],
): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(places.flatMap(({ buildId }) => (buildId === null ? [] : [buildId])))];
  if (ids.length === 0) return new Map();
  const rows = await tx.query<{ build_id: string; name: string }[]>(
    `select build_id, coalesce(nullif(version, ''), nullif(git_sha, ''), ci_build) as name
       from build where tenant_id = $1 and service_id = $2 and build_id = any($3::bigint[])`,
    [tenantId, serviceId, ids],
  );
  return new Map(rows.map(({ build_id, name }) => [build_id, name]));
}

/**
 * The dumps to read one by one: of the latest process of each instance that has two of them the last one, the first, and
 * two between, as far as there is room. Ids of another process say nothing of this one's.
 */
function listedDumps(
  instances: ReadonlyMap<string, string>,
  places: readonly VectorPlace[],
  changes: readonly ProcessChange[],
  facts: ReadonlyMap<string, SnapshotFacts>,
): VectorPlace[] {
  const bytesOf = ({ snapshotId }: VectorPlace) => facts.get(snapshotId)!.contentBytes;
  const ranked = [...instances]
    .sort(([, a], [, b]) => (a < b ? -1 : 1))
    .map(([instanceId]) => {
      const dumps = places.filter(
        (place) =>
          place.instanceId === instanceId &&
          place.kind === 'goroutine-dump' &&
          bytesOf(place) > 0 &&
          bytesOf(place) <= mostDumpBytes,
      );
      const begins = changes.filter((change) => change.instanceId === instanceId).map(({ after }) => after);
      const process = ({ at }: VectorPlace) => begins.filter((begin) => begin <= at).length;
      const latest = dumps.findLast((dump, i) => i > 0 && process(dumps[i - 1]) === process(dump)) ?? dumps.at(-1);
      const own = latest === undefined ? [] : dumps.filter((dump) => process(dump) === process(latest));
      const last = own.length - 1;
      if (last < 0) return [];
      return [...new Set([last, 0, Math.round((last * 2) / 3), Math.round(last / 3)])].map((index) => own[index]);
    });
  const listed: VectorPlace[] = [];
  let room = mostListedBytes;
  for (let round = 0; round < mostListedDumps; round++) {
    for (const dumps of ranked) {
      const dump = dumps.at(round);
      if (dump === undefined || bytesOf(dump) > room) continue;
      room -= bytesOf(dump);
      listed.push(dump);
    }
  }
  return listed;
}

async function readContents(
  tx: Tx,
  tenantId: TenantId,
  places: readonly VectorPlace[],
): Promise<ReadonlyMap<string, Buffer>> {
  if (places.length === 0) return new Map();
  const rows = await tx.query<{ snapshot_id: string; data: Buffer }[]>(
    `select c.snapshot_id, c.data
       from unnest($2::uuid[], $3::float8[]) w (snapshot_id, at)
       join part_content c on c.tenant_id = $1 and c.snapshot_id = w.snapshot_id
        and c.captured_at = timestamptz 'epoch' + w.at * interval '1 microsecond'`,
    [tenantId, places.map(({ snapshotId }) => snapshotId), places.map(({ at }) => at)],
  );
  return new Map(rows.map(({ snapshot_id, data }) => [snapshot_id, data]));
}

function stepOf({ fromMillis, toMillis }: LeakWindow): number {
  // Steps are whole multiples since 1970, so a window may begin and end inside of one.
  return Math.max(1, Math.ceil((toMillis - fromMillis) / (mostMoments - 1)));
}

async function readMemorySeries(
  tx: Tx,
  tenantId: TenantId,
  window: LeakWindow,
  instanceIds: readonly string[],
): Promise<InstanceSeries[]> {
  if (instanceIds.length === 0) return [];
  const step = stepOf(window);
  const series = await readSeries(tx, tenantId, {
    serviceId: window.serviceId,
    sources: memorySources,
    from: window.fromMillis,
    to: window.toMillis,
    instanceIds,
    lastOfMillis: step,
    thinLogs: true,
  });
  return series.map((each) => ({ ...each, table: lastRowsOfSteps(each.table, step) }));
}

function addMemory(
  window: LeakWindow,
  { instances, places }: ChosenPlaces,
  series: readonly InstanceSeries[],
  builder: EvidenceBuilder,
): void {
  const memory = memoryEvidence(runtimeWindow(series, window.fromMillis, window.toMillis), stepOf(window));
  for (const [instanceId, name] of instances) {
    let moments = memory.get(name) ?? [];
    if (window.buildIds !== undefined) {
      // No number says of which build it is: what was said while snapshots of the build were taken is.
      const times = places.filter((place) => place.instanceId === instanceId).map(({ atMillis }) => atMillis);
      moments = moments.filter(({ atMillis }) => atMillis >= times[0] && atMillis <= times[times.length - 1]);
    }
    if (moments.length > 0) builder.addMemory(name, moments);
  }
}
