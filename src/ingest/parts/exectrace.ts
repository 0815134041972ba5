import type { SeriesColumn, SeriesTable } from '../../analysis/series-table.js';
import { StackJoin } from '../../analysis/stack-builder.js';
import type { SampleType, StackProfile } from '../../analysis/stack-profile.js';
import type { DelayProfileName } from '../../analysis/trace/delay-profiles.js';
import { readTrace, type TraceReading } from '../../analysis/trace/read-trace.js';
import { type TraceSummary, TraceSummarizer } from '../../analysis/trace/summarizer.js';
import { contentSummaryLimits, peaks, traceContent } from '../../analysis/trace/trace-content.js';
import { otherStacks } from '../../analysis/trace/trace-stacks.js';
import type { Budget } from '../../formats/budget.js';
import { metricKind, metricNames } from '../../formats/exectrace/events.js';
import { FormatError } from '../../formats/format-error.js';
import { Int64ColumnBuilder, sumOf } from '../../formats/int64.js';
import type { ParsedPart, ParsedSeries, PartNote } from '../parsed-part.js';

/** The delay profiles of `go tool trace`, and what their columns are called here. */
const delayColumns: readonly (readonly [DelayProfileName, string])[] = [
  ['sync', 'sync'],
  ['net', 'network'],
  ['syscall', 'syscall'],
  ['sched', 'scheduler'],
];

/**
 * What runtime/pprof.StartCPUProfile sets, which no program can change but by calling runtime.SetCPUProfileRate itself.
 * A trace does not hold the rate (Go src/runtime/pprof/pprof.go).
 */
const cpuSamplesPerSecond = 100;

/** Of one trace in the series of the heap. */
const heapMoments = 2_000;

/**
 * An execution trace, plain or gzip: where its goroutines waited, as stacks and as a summary, and a CPU profile if the
 * profiler ran meanwhile. Of a damaged trace what was read before the damage is kept.
 *
 * @throws FormatError where not one generation of it can be read
 */
export function traceParts(bytes: Uint8Array, budget: Budget): ParsedPart[] {
  const summarizer = new TraceSummarizer(contentSummaryLimits);
  const reading = readTrace(bytes, summarizer, budget);
  if (reading.reader.generations === 0) {
    throw reading.fault ?? new FormatError('truncated', 'the trace holds no generation');
  }
  const summary = summarizer.summary();
  const common = {
    capturedAtNanos: summary.wallClock.at(summary.start),
    durationNanos: BigInt(Math.round(summary.end - summary.start)),
  };
  const parts = [tracePart(reading, summary, common)];
  if (summary.cpuSamples > 0) parts.push(cpuPart(summary, common));
  return parts;
}

type Common = Pick<ParsedPart, 'capturedAtNanos' | 'durationNanos'>;

function tracePart({ reader, fault }: TraceReading, summary: TraceSummary, common: Common): ParsedPart {
  const stacks = delayStacks(summary);
  const warnings: PartNote[] = [];
  if (common.capturedAtNanos === null) {
    const detail = 'the trace holds no time of day (Go 1.24 and older): its end is taken to be the capture';
    warnings.push({ code: 'clock', count: 1, detail });
  }
  const { notFollowed } = summary.annotations;
  const losses: PartNote[] = [
    ...(fault === null ? [] : [{ code: fault.fault, count: 1, detail: fault.message }]),
    ...foldedNote(stacks),
    ...(notFollowed === 0
      ? []
      : [{ code: 'left-out', count: notFollowed, detail: 'tasks and regions that were open beyond the limit' }]),
  ];
  return {
    kind: 'exectrace',
    ...common,
    delta: true,
    stacks,
    totals: stacks.values.map(sumOf),
    series: heapSeries(summary, common),
    content: traceContent(reader.version!, summary, (id) => reader.exactId(id)),
    details: {
      format: 'exectrace',
      defaultSampleType: delayColumns[0][1],
      counts: {
        events: summary.events,
        generations: reader.generations,
        goroutines: summary.goroutineCount,
        stacks: stacks.nodes.length,
        gcCycles: summary.gc.cycleTimes.count,
        cpuSamples: summary.cpuSamples,
        tasks: summary.annotations.taskCount,
      },
      warnings,
      losses,
    },
  };
}

/** The nanoseconds that each stack took in each of the delay profiles, in one profile of four columns. */
function delayStacks({ profiles }: TraceSummary): StackProfile {
  const join = new StackJoin();
  const rows = new Map<number, number[]>();
  delayColumns.forEach(([name], column) => {
    const profile = profiles[name];
    const delays = profile.values[profile.sampleTypes.findIndex(({ type }) => type === 'delay')];
    join.add(profile).forEach((node, row) => {
      let values = rows.get(node);
      if (values === undefined) rows.set(node, (values = delayColumns.map(() => 0)));
      values[column] += Number(delays[row]);
    });
  });
  const sorted = [...rows].sort(([a], [b]) => a - b);
  return profileOf(
    join,
    delayColumns.map(([, type]) => ({ type, unit: 'nanoseconds' })),
    sorted.map(([node]) => node),
    delayColumns.map((_, column) => sorted.map(([, values]) => values[column])),
  );
}

/** The samples as the CPU profiler itself would have written them: what it counts, and that many periods. */
function cpuPart({ cpuProfile }: TraceSummary, common: Common): ParsedPart {
  const join = new StackJoin();
  const nodes = join.add(cpuProfile);
  const rows = Array.from(nodes, (node, row) => ({ node, count: Number(cpuProfile.values[0][row]) }));
  rows.sort((a, b) => a.node - b.node);
  const periodNanos = 1e9 / cpuSamplesPerSecond;
  const stacks = profileOf(
    join,
    [
      { type: 'samples', unit: 'count' },
      { type: 'cpu', unit: 'nanoseconds' },
    ],
    rows.map(({ node }) => node),
    [rows.map(({ count }) => count), rows.map(({ count }) => count * periodNanos)],
  );
  const totals = stacks.values.map(sumOf);
  return {
    kind: 'cpu',
    ...common,
    // As of any CPU profile: it covers its own duration.
    delta: false,
    stacks,
    totals,
    series: [],
    content: null,
    details: {
      format: 'exectrace',
      period: String(periodNanos),
      periodType: { type: 'cpu', unit: 'nanoseconds' },
      counts: { samples: Number(totals[0]), stacks: stacks.nodes.length },
      warnings: [
        {
          code: 'assumed-period',
          count: 1,
          detail: `a trace does not hold the rate of the CPU profiler: ${cpuSamplesPerSecond} samples a second is what runtime/pprof sets`,
        },
      ],
      losses: foldedNote(stacks),
    },
  };
}

function profileOf(
  { symbols, tree }: StackJoin,
  sampleTypes: readonly SampleType[],
  nodes: readonly number[],
  columns: readonly (readonly number[])[],
): StackProfile {
  const values = columns.map((column) => {
    const builder = new Int64ColumnBuilder(column.length);
    column.forEach((value, row) => builder.put(row, Math.round(value)));
    return builder.finish(column.length);
  });
  return { symbols: symbols.build(), tree: tree.build(), sampleTypes, nodes: Int32Array.from(nodes), values };
}

function foldedNote({ symbols }: StackProfile): PartNote[] {
  if (!symbols.functions.includes(otherStacks)) return [];
  return [{ code: 'folded', count: 1, detail: `stacks beyond the limit are one, ${otherStacks}` }];
}

/** Heap in use and the collector's goal, by the names that runtime/metrics has for them. */
function heapSeries({ gc, start, end }: TraceSummary, { capturedAtNanos }: Common): ParsedSeries[] {
  const heap = peaks(gc.heap, heapMoments);
  if (heap.length === 0) return [];
  const isTimed = capturedAtNanos !== null;
  // One clock for all moments, so that they are as far from each other as in the trace.
  const origin = isTimed ? capturedAtNanos : BigInt(Math.round(start - end));
  const gauge = (metric: number, values: readonly number[]): SeriesColumn => {
    // 0: not known yet, or off. What exceeds 63 bits is no size of a heap.
    const present = Uint8Array.from(values, (value) => (value > 0 && value < 2 ** 63 ? 1 : 0));
    return {
      name: metricNames[metric],
      unit: 'bytes',
      type: 'gauge',
      values: BigInt64Array.from(values, (value, row) => (present[row] === 1 ? BigInt(value) : 0n)),
      present: present.includes(0) ? present : null,
    };
  };
  const columns = [
    gauge(
      metricKind.heapObjectsBytes,
      heap.map(({ heapBytes }) => heapBytes),
    ),
    gauge(
      metricKind.heapGoalBytes,
      heap.map(({ goalBytes }) => goalBytes),
    ),
  ];
  const table: SeriesTable = {
    atNanos: BigInt64Array.from(heap, ({ time }) => origin + BigInt(Math.round(time - start))),
    columns: columns.filter(({ present }) => present === null || present.includes(1)),
  };
  return [{ source: 'exectrace', anchor: isTimed ? 'time' : 'capture', table }];
}
