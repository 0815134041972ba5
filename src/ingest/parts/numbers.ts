import { pauseDistribution } from '../../analysis/pauses.js';
import { momentsTable } from '../../analysis/series-table.js';
import type { Damage } from '../../formats/damage.js';
import type { Format } from '../../formats/detect.js';
import type { Kind } from '../../formats/kind.js';
import { decodeBuildInfo } from '../../formats/memstats/build-info.js';
import { decodeExpvar } from '../../formats/memstats/expvar.js';
import { decodeGcStats } from '../../formats/memstats/gc-stats.js';
import { decodeMemStats } from '../../formats/memstats/memstats-json.js';
import type { Pause } from '../../formats/memstats/pause.js';
import { decodePrometheus } from '../../formats/prometheus/prometheus.js';
import type { Reading } from '../../formats/reading.js';
import { decodeRuntimeMetricsJson } from '../../formats/runtime-metrics/runtime-metrics-json.js';
import { decodeRuntimeMetricsText } from '../../formats/runtime-metrics/runtime-metrics-text.js';
import type { ParsedPart, ParsedSeries, PartBuild, PartNote } from '../parsed-part.js';

/** What a process said about itself at one moment. */
export interface Moment {
  /** Null where it does not say when. */
  readonly atUnixNanos: bigint | null;
  readonly readings: readonly Reading[];
}

interface NumbersPart {
  readonly kind: Kind;
  readonly format: Format;
  /** What the series are called by. */
  readonly source: string;
  /** At least one, in the order of the file. */
  readonly moments: readonly Moment[];
  readonly content?: object;
  readonly build?: PartBuild;
  readonly damage?: Damage | null;
  readonly losses?: readonly PartNote[];
}

/** The part that such moments make: a table of all whose time is known, or the last one, at the time of the capture. */
export function numbersPart({ kind, format, source, moments, damage, ...rest }: NumbersPart): ParsedPart {
  const losses = [...(rest.losses ?? []), ...damageNotes(damage ?? null)];
  const last = moments[moments.length - 1];
  const isTimed = last.atUnixNanos !== null;
  const known = isTimed
    ? moments.flatMap(({ atUnixNanos, readings }) => (atUnixNanos === null ? [] : [{ atNanos: atUnixNanos, readings }]))
    : [{ atNanos: 0n, readings: last.readings }];
  const { table, namesLeftOut } = momentsTable(known);
  if (namesLeftOut > 0) losses.push(leftOut(namesLeftOut, 'names for which one table has no room'));
  if (moments.length > known.length) {
    const detail = `snapshots of which nothing says when they were made${isTimed ? '' : '; the last is of the capture'}`;
    losses.push({ code: 'unknown-time', count: moments.length - known.length, detail });
  }
  const anchor: ParsedSeries['anchor'] = isTimed ? 'time' : 'capture';
  return {
    kind,
    capturedAtNanos: last.atUnixNanos,
    delta: false,
    durationNanos: 0n,
    stacks: null,
    totals: [],
    series: table.columns.length === 0 ? [] : [{ source, anchor, table }],
    content: rest.content ?? null,
    ...(rest.build === undefined ? {} : { build: rest.build }),
    details: {
      format,
      counts: { moments: table.atNanos.length, series: table.columns.length },
      warnings: [],
      losses,
    },
  };
}

export function damageNotes(damage: Damage | null): PartNote[] {
  if (damage === null) return [];
  return [{ code: damage.first.fault, count: damage.lost, detail: `left out; the first: ${damage.first.message}` }];
}

export function memStatsParts(text: Uint8Array): ParsedPart[] {
  const { snapshots, damage } = decodeMemStats(text);
  const moments = snapshots.map(({ atUnixNanos, readings, pauses }) => ({
    atUnixNanos,
    readings: [...readings, ...pauseReadings(pauses)],
  }));
  const { pauses, sizeClasses } = snapshots[snapshots.length - 1];
  return [
    numbersPart({
      kind: 'memstats',
      format: 'memstats',
      source: 'memstats',
      moments,
      damage,
      content: { pauses, sizeClasses },
    }),
  ];
}

export function expvarParts(text: Uint8Array): ParsedPart[] {
  const { snapshots, damage } = decodeExpvar(text);
  const moments = snapshots.map(({ atUnixNanos, readings, pauses, variables }) => ({
    atUnixNanos,
    readings: [...readings, ...pauseReadings(pauses), ...variables],
  }));
  const { pauses, sizeClasses, variablesLeftOut } = snapshots[snapshots.length - 1];
  const losses =
    variablesLeftOut === 0 ? [] : [leftOut(variablesLeftOut, "the program's own variables beyond the limit")];
  return [
    numbersPart({
      kind: 'memstats',
      format: 'expvar',
      source: 'expvar',
      moments,
      damage,
      losses,
      content: { pauses, sizeClasses },
    }),
  ];
}

export function gcStatsParts(text: Uint8Array): ParsedPart[] {
  const { snapshots, damage } = decodeGcStats(text);
  const moments = snapshots.map(({ atUnixNanos, readings, pauses }) => ({
    atUnixNanos,
    readings: [...readings, ...pauseReadings(pauses)],
  }));
  const { pauses, quantileNanos } = snapshots[snapshots.length - 1];
  return [
    numbersPart({
      kind: 'gcstats',
      format: 'gcstats',
      source: 'gcstats',
      moments,
      damage,
      content: { pauses, quantileNanos },
    }),
  ];
}

export function buildInfoParts(text: Uint8Array): ParsedPart[] {
  const { snapshots, damage } = decodeBuildInfo(text);
  const { main, vcsRevision, settings, ...rest } = snapshots[snapshots.length - 1];
  return [
    numbersPart({
      kind: 'build-info',
      format: 'build-info',
      source: 'build-info',
      moments: [{ atUnixNanos: null, readings: [] }],
      damage,
      build: { version: main.version === '(devel)' ? '' : main.version, gitSha: vcsRevision },
      content: { ...rest, main, vcsRevision, settings: Object.fromEntries(settings) },
    }),
  ];
}

export function runtimeMetricsJsonParts(text: Uint8Array): ParsedPart[] {
  return runtimeMetricsParts('runtime-metrics', decodeRuntimeMetricsJson(text));
}

export function runtimeMetricsTextParts(text: Uint8Array): ParsedPart[] {
  return runtimeMetricsParts('runtime-metrics-text', decodeRuntimeMetricsText(text));
}

function runtimeMetricsParts(
  format: Format,
  { snapshots, damage }: ReturnType<typeof decodeRuntimeMetricsJson>,
): ParsedPart[] {
  const { histograms } = snapshots[snapshots.length - 1];
  return [
    numbersPart({
      kind: 'runtime-metrics',
      format,
      source: 'runtime-metrics',
      moments: snapshots,
      damage,
      content: { histograms },
    }),
  ];
}

export function prometheusParts(text: Uint8Array): ParsedPart[] {
  const page = decodePrometheus(text);
  const losses =
    page.othersLeftOut === 0
      ? []
      : [leftOut(page.othersLeftOut, "the program's own metrics that have labels, or too many")];
  const { histograms, goVersion, build, atUnixNanos } = page;
  const moments = [{ atUnixNanos, readings: [...page.readings, ...page.others] }];
  return [
    numbersPart({
      kind: 'runtime-metrics',
      format: 'prometheus',
      source: 'prometheus',
      moments,
      damage: page.damage,
      losses,
      content: { goVersion, build, histograms },
      ...(build === null || build.version === '(devel)' ? {} : { build: { version: build.version, gitSha: '' } }),
    }),
  ];
}

function leftOut(count: number, what: string): PartNote {
  return { code: 'left-out', count, detail: what };
}

/** How long the pauses were of the collections that the ring still holds, at most 256. */
export function pauseReadings(pauses: readonly Pause[]): Reading[] {
  const distribution = pauseDistribution(pauses);
  if (distribution === null) return [];
  const { p50Nanos, p95Nanos, p99Nanos, maxNanos } = distribution;
  return Object.entries({ p50: p50Nanos, p95: p95Nanos, p99: p99Nanos, max: maxNanos }).map(([rank, value]) => ({
    name: `PauseNs.${rank}`,
    unit: 'nanoseconds',
    type: 'gauge',
    value,
  }));
}
