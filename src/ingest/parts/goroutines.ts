import { stackProfileOfDump } from '../../analysis/from-goroutine-dump.js';
import { goroutineContent } from '../../analysis/goroutine-content.js';
import { countStates } from '../../analysis/goroutine-groups.js';
import { type GoroutineRows, rowsOfDump, rowsOfStacks } from '../../analysis/goroutine-rows.js';
import { withGoroutineStates } from '../../analysis/goroutine-markers.js';
import { momentTable } from '../../analysis/series-table.js';
import type { StackProfile } from '../../analysis/stack-profile.js';
import type { Budget } from '../../formats/budget.js';
import type { Format } from '../../formats/detect.js';
import type { Kind } from '../../formats/kind.js';
import type { GoroutineDump, GoroutineDumps } from '../../formats/goroutine-dump/dump.js';
import type { ParsedPart, ParsedSeries } from '../parsed-part.js';
import { stackFacts } from './stacks.js';

/** How many goroutines are in each state, and in all, as series. */
export const goroutineStatesSource = 'goroutine-states';

/** One part for each dump. */
export function dumpParts(dumps: GoroutineDumps, format: Format, budget: Budget): ParsedPart[] {
  return dumps.dumps.map((dump, index) => {
    const { stacks, totals, losses, remarks } = stackFacts(stackProfileOfDump(dumps, dump, budget));
    const rows = rowsOfDump(dumps, dump);
    const counted = new Map(countStates(rows).map(({ state, count }) => [state, count]));
    const folded = dump.folded.map(({ state, count }) => ({ state: dumps.states[state], count }));
    for (const { state, count } of folded) counted.set(state, (counted.get(state) ?? 0) + count);
    return {
      kind: 'goroutine-dump',
      capturedAtNanos: dump.atNanos,
      delta: false,
      durationNanos: 0n,
      stacks,
      totals,
      series: [stateSeries(counted, dump.atNanos)],
      content: goroutineContent(rows, { crash: dump.crash, folded }),
      details: {
        format,
        // Else it were the last one, and most goroutines do not say how long they wait.
        defaultSampleType: 'goroutine',
        counts: { goroutines: Number(totals[0]), stacks: rows.stacks.length, lines: dump.endLine - dump.startLine + 1 },
        warnings: [...remarks, ...crashNote(dump)],
        // They are of the whole text, so they are told once.
        losses: [
          ...losses,
          ...(index === 0 ? dumps.losses.map(({ code, count, detail }) => ({ code, count, detail })) : []),
        ],
      },
    };
  });
}

/**
 * The stacks of a profile with the states that the frames of goroutines tell, and how many are in each: at the time of the
 * snapshot, which its sender may have said better than the profile does. A difference of two profiles counts none.
 */
export function goroutineFacts(
  kind: Kind,
  stacks: StackProfile,
  delta: boolean,
): { readonly stacks: StackProfile; readonly series: readonly ParsedSeries[] } {
  if (kind !== 'goroutine' && kind !== 'goroutineleak') return { stacks, series: [] };
  const marked = withGoroutineStates(stacks);
  if (kind === 'goroutineleak' || delta) return { stacks: marked, series: [] };
  return { stacks: marked, series: [stateSeries(countsOf(rowsOfStacks(marked)), null)] };
}

function countsOf(rows: GoroutineRows): ReadonlyMap<string, number> {
  return new Map(countStates(rows).map(({ state, count }) => [state, count]));
}

function stateSeries(counts: ReadonlyMap<string, number>, atNanos: bigint | null): ParsedSeries {
  const reading = (name: string, count: number) =>
    ({ name, unit: 'count', type: 'gauge', value: BigInt(Math.round(count)) }) as const;
  let total = 0;
  for (const count of counts.values()) total += count;
  const table = momentTable(atNanos ?? 0n, [
    reading('total', total),
    ...[...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([state, count]) => reading(state, count)),
  ]);
  return { source: goroutineStatesSource, anchor: atNanos === null ? 'capture' : 'time', table };
}

function crashNote({ crash }: GoroutineDump): { code: string; count: number; detail: string }[] {
  return crash === null ? [] : [{ code: 'crash', count: 1, detail: crash.text }];
}
