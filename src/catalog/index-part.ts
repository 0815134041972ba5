import { type SeriesTable, sliceTable } from '../analysis/series-table.js';
import type { StackProfile } from '../analysis/stack-profile.js';
import type { Int64Column } from '../formats/int64.js';
import type { TenantId } from '../platform/database.js';
import { type CapturedFrom, capturedAt, monthOf } from './captured-at.js';
import type { Dictionary, ResolvedStacks } from './dictionary.js';
import { encodeContent } from './part-content.js';
import { type SealedSeries, sealSeries } from './series.js';
import { encodeVector } from './vector.js';

/** An upload as far as the index has to know it. */
export interface RecordedUpload {
  readonly uploadId: string;
  readonly serviceId: string;
  readonly instanceId: string;
  readonly receivedAt: Date;
  readonly declared: {
    /** RFC 3339 */
    readonly capturedAt?: string;
    readonly build?: string;
    readonly gitSha?: string;
    readonly ciBuild?: string;
  };
}

/** One snapshot as a parser found it. */
export interface PartContent {
  readonly kind: string;
  readonly capturedAtNanos: bigint | null;
  readonly delta: boolean;
  readonly durationNanos: bigint;
  /** Null where the kind has none. */
  readonly stacks: StackProfile | null;
  /** One per sample type. */
  readonly totals: readonly bigint[];
  /** Numbers over time, by source. */
  readonly series: readonly PartSeries[];
  /** What is shown as it was found: JSON, but for bigints, which become decimal strings. */
  readonly content: object | null;
  /** What the artefact says of the binary; counts where the sender says nothing. */
  readonly build?: { readonly version: string; readonly gitSha: string };
  readonly details: PartDetails;
}

export interface PartSeries {
  /** What said it: `memstats`, `gctrace`, `goroutine-states`, … */
  readonly source: string;
  /** Whether the table's moments are times, or only distances to the capture. */
  readonly anchor: 'time' | 'capture';
  readonly table: SeriesTable;
}

export interface PartDetails {
  readonly warnings: readonly PartNote[];
  readonly losses: readonly PartNote[];
}

export interface PartNote {
  readonly code: string;
  readonly count: number;
  readonly detail: string;
}

/** One snapshot ready to be recorded: its stacks are numbers of the dictionary, its values a vector. */
export interface IndexedPart {
  readonly kind: string;
  /** RFC 3339, UTC, with microseconds. */
  readonly capturedAt: string;
  readonly capturedFrom: CapturedFrom;
  readonly delta: boolean;
  readonly durationNanos: bigint;
  readonly sampleTypes: readonly { readonly type: string; readonly unit: string; readonly total: bigint }[];
  readonly details: PartDetails;
  readonly stacks: IndexedStacks | null;
  readonly series: readonly SealedSeries[];
  readonly content: Buffer | null;
  readonly build?: PartContent['build'];
}

export interface IndexedStacks {
  readonly vector: Buffer;
  /** What the vector's numbers belong to. */
  readonly dictionary: { readonly month: string; readonly incarnation: string; forget(): void };
}

/** An upload and what a parser found in it. */
export interface UploadContent {
  readonly upload: RecordedUpload;
  readonly parts: readonly PartContent[];
}

/** An upload ready to be recorded. */
export interface IndexedUpload {
  readonly upload: RecordedUpload;
  readonly parts: readonly IndexedPart[];
}

/**
 * Everything that can be done for uploads of a tenant before the transaction that records them: the times of their
 * snapshots, the numbers of their stacks (each dictionary grows in one transaction of its own for all of them), their
 * vectors, their series, their contents.
 *
 * @returns as many as uploads, in their order
 * @throws DamagedBlockError
 */
export async function indexUploads(
  dictionary: Dictionary,
  tenantId: TenantId,
  uploads: readonly UploadContent[],
): Promise<IndexedUpload[]> {
  const timed = uploads.map(({ upload, parts }) => ({ upload, parts: parts.map((part) => atItsTime(upload, part)) }));
  const resolved = await resolveStacks(dictionary, tenantId, timed);
  return Promise.all(
    timed.map(async ({ upload, parts }) => ({
      upload,
      parts: await Promise.all(
        parts.map((part) => indexPart(dictionary, tenantId, upload.receivedAt, part, resolved.get(part) ?? null)),
      ),
    })),
  );
}

interface TimedPart<Content extends PartContent = PartContent> {
  readonly content: Content;
  readonly captured: ReturnType<typeof capturedAt>;
  readonly month: string;
}

function atItsTime({ declared, receivedAt }: RecordedUpload, content: PartContent): TimedPart {
  const captured = capturedAt(declared.capturedAt ?? null, content.capturedAtNanos, receivedAt);
  return { content, captured, month: monthOf(captured.at) };
}

type Resolution = ResolvedStacks & { readonly forget: () => void };
type TimedStacks = TimedPart<PartContent & { readonly stacks: StackProfile }>;

/** The stacks of all parts that have some by their numbers, dictionary by dictionary. */
async function resolveStacks(
  dictionary: Dictionary,
  tenantId: TenantId,
  uploads: readonly { readonly upload: RecordedUpload; readonly parts: readonly TimedPart[] }[],
): Promise<Map<TimedPart, Resolution>> {
  const groups = new Map<string, { serviceId: string; month: string; parts: TimedStacks[] }>();
  for (const { upload, parts } of uploads) {
    for (const part of parts.filter((each): each is TimedStacks => each.content.stacks !== null)) {
      const key = `${upload.serviceId}/${part.month}`;
      const group = groups.get(key);
      if (group) group.parts.push(part);
      else groups.set(key, { serviceId: upload.serviceId, month: part.month, parts: [part] });
    }
  }
  const resolutions = new Map<TimedPart, Resolution>();
  for (const { serviceId, month, parts } of groups.values()) {
    const profiles = parts.map(({ content }) => content.stacks);
    const resolved = await dictionary.resolve(tenantId, serviceId, month, profiles);
    const forget = (): void => dictionary.forget(tenantId, serviceId, month);
    parts.forEach((part, index) => resolutions.set(part, { ...resolved[index], forget }));
  }
  return resolutions;
}

async function indexPart(
  dictionary: Dictionary,
  tenantId: TenantId,
  receivedAt: Date,
  { content, captured, month }: TimedPart,
  resolution: Resolution | null,
): Promise<IndexedPart> {
  const warnings = [...content.details.warnings];
  if (captured.ignored !== undefined) {
    warnings.push({ code: 'impossible-time', count: 1, detail: `passed over ${captured.ignored}` });
  }
  const losses = [...content.details.losses];
  const { stacks, totals } = content;
  let indexed: IndexedStacks | null = null;
  if (stacks !== null && resolution !== null) {
    const { nodes, folded, incarnation, forget } = resolution;
    if (folded > 0) {
      losses.push({
        code: 'dictionary-full',
        count: folded,
        detail: 'calls were left out at the leaf end of new stacks',
      });
    }
    const rows = renumber(stacks, nodes);
    indexed = { vector: await encodeVector(rows.nodes, rows.values), dictionary: { month, incarnation, forget } };
  }
  const series: SealedSeries[] = [];
  for (const { source, anchor, table } of content.series) {
    const { kept, lost } = withinReach(anchor === 'time' ? table : shifted(table, nanosOf(captured.at)), receivedAt);
    if (lost > 0) {
      losses.push({ code: 'impossible-time', count: lost, detail: `moments of ${source} were left out` });
    }
    series.push(...(await sealSeries(source, kept)));
  }
  const sealed = content.content === null ? null : await encodeContent(content.content);
  const months = new Set(series.map(({ firstAt }) => monthOf(firstAt)));
  if (sealed !== null) months.add(month);
  for (const each of months) await dictionary.ensureMonth(tenantId, each);
  return {
    kind: content.kind,
    capturedAt: captured.at,
    capturedFrom: captured.from,
    delta: content.delta,
    durationNanos: content.durationNanos,
    sampleTypes: (stacks?.sampleTypes ?? []).map(({ type, unit }, index) => ({ type, unit, total: totals[index] })),
    details: { ...content.details, warnings, losses },
    stacks: indexed,
    series,
    content: sealed,
    ...(content.build === undefined ? {} : { build: content.build }),
  };
}

function nanosOf(at: string): bigint {
  const micros = BigInt(at.slice(20, 26));
  return BigInt(Date.parse(`${at.slice(0, 19)}Z`)) * 1_000_000n + micros * 1_000n;
}

function shifted(table: SeriesTable, byNanos: bigint): SeriesTable {
  return { ...table, atNanos: table.atNanos.map((at) => at + byNanos) };
}

/** The moments for which there is a place; the others are as impossible as a snapshot's own time would be. */
function withinReach(table: SeriesTable, receivedAt: Date): { kept: SeriesTable; lost: number } {
  const { atNanos } = table;
  const isPossible = (at: bigint): boolean => capturedAt(null, at, receivedAt).from === 'artefact';
  let start = 0;
  while (start < atNanos.length && !isPossible(atNanos[start])) start++;
  let end = atNanos.length;
  while (end > start && !isPossible(atNanos[end - 1])) end--;
  return { kept: sliceTable(table, start, end), lost: start + atNanos.length - end };
}

const rowSpan = 2 ** 22;

/** The rows by dictionary node, ascending; rows that came to lie on the same node are one. */
function renumber(
  { nodes: local, values }: StackProfile,
  numbers: Int32Array,
): { nodes: Int32Array; values: Int64Column[] } {
  // Node and row in one number sort without a comparison of our own; rows are fewer than 2^22, nodes than 2^31.
  const keys = new Float64Array(local.length);
  for (let row = 0; row < keys.length; row++) keys[row] = numbers[local[row]] * rowSpan + row;
  keys.sort();
  const nodes = new Int32Array(keys.length);
  const source = new Int32Array(keys.length);
  const target = new Int32Array(keys.length);
  let count = 0;
  for (let index = 0; index < keys.length; index++) {
    const row = keys[index] % rowSpan;
    const node = numbers[local[row]];
    if (index === 0 || node !== nodes[count - 1]) nodes[count++] = node;
    source[index] = row;
    target[index] = count - 1;
  }
  const columns = values.map((column): Int64Column => {
    if (column instanceof Float64Array) {
      const sums = new Float64Array(count);
      for (let index = 0; index < source.length; index++) sums[target[index]] += column[source[index]];
      return sums;
    }
    // Sums of one stack beyond 64 bits do not come from a program that counts in 64 bits.
    const sums = new BigInt64Array(count);
    for (let index = 0; index < source.length; index++) sums[target[index]] += column[source[index]];
    return sums;
  });
  return { nodes: nodes.slice(0, count), values: columns };
}
