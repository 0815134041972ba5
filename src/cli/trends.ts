import { escapeControl } from '../analysis/text-escape.js';
import { label } from '../analysis/units.js';
import type { Api } from './api.js';
import { type RangeOptions, rangeQuery } from './options.js';
import { table, type Terminal } from './terminal.js';

export interface TrendOptions extends RangeOptions {
  readonly sampleType?: string;
  readonly function?: string;
  readonly value?: 'flat' | 'cum';
  readonly stat?: 'mean' | 'last' | 'max';
  readonly by?: 'instance' | 'build';
  readonly step?: string;
  readonly json?: boolean;
}

interface Trend {
  readonly sample_type: string;
  readonly unit: string;
  readonly semantics: string;
  readonly stat: string;
  readonly step_seconds: number;
  readonly from: string;
  readonly to: string;
  readonly note: string | null;
  readonly series: readonly TrendSeries[];
}

interface TrendSeries {
  readonly name: string | null;
  readonly other: boolean;
  readonly points: readonly { readonly at: string; readonly value: string }[];
}

/** Columns of a sparkline: what fits beside the figures on a terminal of 80. */
const sparkColumns = 40;
const bars = '▁▂▃▄▅▆▇█';

/** `trends SERVICE`: a line per series, drawn and in figures. */
export async function printTrend(api: Api, service: string, options: TrendOptions, out: Terminal): Promise<void> {
  const { sampleType, function: functionName, value, stat, by, step, json } = options;
  const path = `/api/v1/services/${encodeURIComponent(service)}/trends`;
  const query = { ...rangeQuery(options), sample_type: sampleType, function: functionName, value, stat, by, step };
  const trend = await api.json<Trend>(path, { query });
  if (json) return out.print(JSON.stringify(trend, null, 2));
  if (trend.note !== null) out.remark(trend.note);
  const what = trend.semantics === 'gauge' ? trend.stat : trend.semantics === 'cpu' ? 'cores' : 'growth';
  out.remark(`${trend.sample_type} (${trend.unit}), ${what} per ${trend.step_seconds} s, ${trend.from} to ${trend.to}`);
  const series = trend.series.filter(({ points }) => points.length > 0);
  if (series.length === 0) return out.remark('No snapshot in this range. --from reaches further back: --from -30d');
  const rows = series.map(({ name, other, points }) => {
    const format = (text: string): string => (trend.unit === 'cores' ? text : label(BigInt(text), trend.unit));
    const values = points.map((point) => Number(point.value));
    const [least, most] = [points[values.indexOf(minOf(values))], points[values.indexOf(maxOf(values))]];
    return [
      other ? 'other' : escapeControl(name ?? service),
      drawn(values),
      ...[points[0], least, most, points[points.length - 1]].map((point) => format(point.value)),
    ];
  });
  out.print(table(['SERIES', '', 'FIRST', 'MIN', 'MAX', 'LAST'], rows, [2, 3, 4, 5]));
}

/** A sparkline from 0 to the largest value; each column shows the largest value of its part. */
export function drawn(values: readonly number[]): string {
  const columns = Math.min(sparkColumns, values.length);
  const top = maxOf(values);
  return Array.from({ length: columns }, (_, column) => {
    const begin = Math.floor((column * values.length) / columns);
    const end = Math.max(begin + 1, Math.floor(((column + 1) * values.length) / columns));
    const height = top > 0 ? Math.max(0, maxOf(values.slice(begin, end))) / top : 0;
    return bars[Math.min(bars.length - 1, Math.floor(height * bars.length))];
  }).join('');
}

function minOf(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Infinity);
}

function maxOf(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), -Infinity);
}
