import { runtimeFamily } from '../../formats/prometheus/go-families.js';
import type { InstanceRuntime, ProcessPoint, RuntimeSource, RuntimeWindow } from '../runtime/runtime-window.js';
import type { SeriesTable } from '../series-table.js';
import type { MemoryEvidence } from './evidence.js';

/** Canonical series (`runtimeSeries`) that say what memory is used for; of two limits the smaller one counts. */
const seriesOf = {
  heapLive: ['heap_live'],
  heapInuse: ['heap_in_use'],
  heapIdle: ['heap_idle'],
  heapReleased: ['heap_released'],
  stackInuse: ['stack_in_use'],
  goSys: ['sys'],
  rss: ['rss'],
  memoryLimit: ['memory_limit', 'container_limit'],
} as const satisfies Record<Exclude<keyof MemoryEvidence, 'atMillis'>, readonly string[]>;

export const memorySeries: readonly string[] = Object.values(seriesOf).flat();

type Figures = { -readonly [Name in keyof MemoryEvidence]: MemoryEvidence[Name] };

/**
 * What is known of the memory of each instance, by name: one moment for each step (whole multiples since 1970) in which
 * anything was said, at the time of the last word in it, with the last that each series said there of the same process.
 */
export function memoryEvidence(
  { fromMillis, toMillis, instances }: RuntimeWindow,
  stepMillis: number,
): Map<string, MemoryEvidence[]> {
  return new Map(
    instances.map((instance) => [instance.instance, momentsOf(instance, fromMillis, toMillis, stepMillis)]),
  );
}

function momentsOf({ series }: InstanceRuntime, from: number, to: number, stepMillis: number): MemoryEvidence[] {
  const steps = new Map<number, { last: ProcessPoint; said: [keyof typeof seriesOf, ProcessPoint][] }>();
  for (const [figure, names] of Object.entries(seriesOf) as [keyof typeof seriesOf, readonly string[]][]) {
    for (const name of names) {
      for (const point of lastOfSteps(series.get(name)?.points ?? [], from, to, stepMillis)) {
        const step = Math.floor(point.atMillis / stepMillis);
        const known = steps.get(step);
        if (known === undefined) steps.set(step, { last: point, said: [[figure, point]] });
        else {
          known.said.push([figure, point]);
          if (point.atMillis > known.last.atMillis) known.last = point;
        }
      }
    }
  }
  return [...steps.values()]
    .map(({ last, said }): MemoryEvidence => {
      const moment: Figures = { atMillis: last.atMillis };
      for (const [figure, { lifetime, value }] of said) {
        if (lifetime === last.lifetime) moment[figure] = Math.min(moment[figure] ?? Infinity, Number(value));
      }
      return moment;
    })
    .sort((a, b) => a.atMillis - b.atMillis);
}

/** @param points ascending */
function lastOfSteps(
  points: readonly ProcessPoint[],
  fromMillis: number,
  toMillis: number,
  stepMillis: number,
): ProcessPoint[] {
  const inside = points.filter(({ atMillis }) => atMillis >= fromMillis && atMillis < toMillis);
  const stepOf = ({ atMillis }: ProcessPoint) => Math.floor(atMillis / stepMillis);
  return inside.filter((point, i) => i + 1 === inside.length || stepOf(inside[i + 1]) !== stepOf(point));
}

/** Of a table the last row of each step (whole multiples since 1970): a log of a week has a row per collection. */
export function lastRowsOfSteps({ atNanos, columns }: SeriesTable, stepMillis: number): SeriesTable {
  const step = BigInt(stepMillis) * 1_000_000n;
  const isLast = (_: unknown, row: number) =>
    row + 1 === atNanos.length || atNanos[row + 1] / step !== atNanos[row] / step;
  return {
    atNanos: atNanos.filter(isLast),
    columns: columns.map((column) => ({
      ...column,
      values: column.values.filter(isLast),
      present: column.present?.filter(isLast) ?? null,
    })),
  };
}

/** What was said of when a process started, ascending by when it was said. */
export interface SaidStart {
  readonly atMillis: number;
  readonly startMillis: number;
}

/** What each instance's metrics say of when its process started. */
export function saidStarts(sources: readonly RuntimeSource[]): Map<string, SaidStart[]> {
  const starts = new Map<string, SaidStart[]>();
  for (const { instance, source, table } of sources) {
    if (source !== 'prometheus') continue;
    const column = table.columns.find(({ name }) => (runtimeFamily(name) ?? name) === 'process_start_time_seconds');
    if (column === undefined) continue;
    const said = starts.get(instance) ?? [];
    starts.set(instance, said);
    table.atNanos.forEach((at, row) => {
      const seconds = Number(column.values[row]);
      if (column.present?.[row] === 0 || !(seconds > 0)) return;
      said.push({ atMillis: Number(at / 1_000_000n), startMillis: Math.round(seconds * 1000) });
    });
  }
  for (const said of starts.values()) said.sort((a, b) => a.atMillis - b.atMillis || a.startMillis - b.startMillis);
  return starts;
}

/**
 * When the process started that lived at a moment: what was said next, if that process had started by then, else what
 * was said last before, since between the two another one has come. Null if nothing says it.
 */
export function startAt(said: readonly SaidStart[], atMillis: number): number | null {
  const next = said.find((each) => each.atMillis >= atMillis);
  if (next !== undefined && next.startMillis <= atMillis) return next.startMillis;
  const before = said.findLast((each) => each.atMillis <= atMillis && each.startMillis <= atMillis);
  return before?.startMillis ?? null;
}
