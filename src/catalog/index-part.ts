import { type SeriesTable, sliceTable } from '../analysis/series-table.js';
import type { StackProfile } from '../analysis/stack-profile.js';
import type { Int64Column } from '../formats/int64.js';
import type { TenantId } from '../platform/database.js';
import { type CapturedFrom, capturedAt, monthOf } from './captured-at.js';
import type { Dictionary } from './dictionary.js';
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

/**
 * Everything that can be done for a snapshot before the transaction that records it: its time, its stacks' numbers (the
 * dictionaries grow in a transaction of their own), its vector, its series, its content.
 *
 * @throws DamagedBlockError
 */
export async function indexPart(
  dictionary: Dictionary,
  tenantId: TenantId,
  { serviceId, receivedAt, declared }: Pick<RecordedUpload, 'serviceId' | 'receivedAt' | 'declared'>,
  part: PartContent,
): Promise<IndexedPart> {
  const captured = capturedAt(declared.capturedAt ?? null, part.capturedAtNanos, receivedAt);
  const warnings = [...part.details.warnings];
  if (captured.ignored !== undefined) {
    warnings.push({ code: 'impossible-time', count: 1, detail: `passed over ${captured.ignored}` });
  }
  const losses = [...part.details.losses];
  let stacks: IndexedStacks | null = null;
  if (part.stacks !== null) {
    const month = monthOf(captured.at);
    const { nodes, folded, incarnation } = await dictionary.resolve(tenantId, serviceId, month, part.stacks);
    const rows = renumber(part.stacks, nodes);
    if (folded > 0) {
      losses.push({
        code: 'dictionary-full',
        count: folded,
        detail: 'calls were left out at the leaf end of new stacks',
      });
    }
    stacks = {
      vector: await encodeVector(rows.nodes, rows.values),
      dictionary: { month, incarnation, forget: () => dictionary.forget(tenantId, serviceId, month) },
    };
  }
  const series: SealedSeries[] = [];
  for (const { source, anchor, table } of part.series) {
    const { kept, lost } = withinReach(anchor === 'time' ? table : shifted(table, nanosOf(captured.at)), receivedAt);
    if (lost > 0) {
      losses.push({ code: 'impossible-time', count: lost, detail: `moments of ${source} were left out` });
    }
    series.push(...(await sealSeries(source, kept)));
  }
  const content = part.content === null ? null : await encodeContent(part.content);
  const months = new Set([
    ...series.map(({ firstAt }) => monthOf(firstAt)),
    ...(content ? [monthOf(captured.at)] : []),
  ]);
  for (const month of months) await dictionary.ensureMonth(tenantId, month);
  return {
    kind: part.kind,
    capturedAt: captured.at,
    capturedFrom: captured.from,
    delta: part.delta,
    durationNanos: part.durationNanos,
    sampleTypes: (part.stacks?.sampleTypes ?? []).map(({ type, unit }, index) => ({
      type,
      unit,
      total: part.totals[index],
    })),
    details: { ...part.details, warnings, losses },
    stacks,
    series,
    content,
    ...(part.build === undefined ? {} : { build: part.build }),
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
  const keys = Float64Array.from(local, (node, row) => numbers[node] * rowSpan + row).sort();
  const order = Int32Array.from(keys, (key) => key % rowSpan);
  const nodes = new Int32Array(order.length);
  const target = new Int32Array(order.length);
  let count = 0;
  order.forEach((row, index) => {
    const node = numbers[local[row]];
    if (index === 0 || node !== nodes[count - 1]) nodes[count++] = node;
    target[index] = count - 1;
  });
  const columns = values.map((column): Int64Column => {
    if (column instanceof Float64Array) {
      const sums = new Float64Array(count);
      for (let index = 0; index < order.length; index++) sums[target[index]] += column[order[index]];
      return sums;
    }
    // Sums of one stack beyond 64 bits do not come from a program that counts in 64 bits.
    const sums = new BigInt64Array(count);
    for (let index = 0; index < order.length; index++) sums[target[index]] += column[order[index]];
    return sums;
  });
  return { nodes: nodes.slice(0, count), values: columns };
}
