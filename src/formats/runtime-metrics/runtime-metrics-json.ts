import { FormatError, overBudget } from '../format-error.js';
import { checkedHistogram, type Histogram, type NamedHistogram } from '../histogram.js';
import { documentTime } from '../json/document-time.js';
import { decodeDocuments, type Documents, elementsOf, numberOf, unsignedOf } from '../json/documents.js';
import type { JsonObject, JsonValue } from '../json/reader.js';
import type { Reading } from '../reading.js';
import { isMetricName, metricUnit, runtimeMetric } from './known-metrics.js';
import { type RuntimeMetricsLimits, runtimeMetricsLimits } from './limits.js';

/** What one dump of runtime/metrics says. */
export interface RuntimeMetricsSnapshot {
  /** When the document says that it was written; null if it does not, as an array cannot. */
  readonly atUnixNanos: bigint | null;
  readonly readings: readonly Reading[];
  readonly histograms: readonly NamedHistogram[];
}

/**
 * A dump of runtime/metrics as JSON, one or several in a file. There is no form that Go prescribes; these two are read:
 * an array of `{"Name", "Kind", "Description", "Cumulative", "Value"}`, of which only Name and Value are needed, and
 * an object from name to value. The value of a histogram is `{"Counts": […], "Buckets": […]}`; where JSON has no word for
 * infinite bounds they are texts (`"-Inf"`, `"+Inf"`) or null at the ends. Keys may be in lower case. What has no
 * name of a runtime metric is passed over.
 *
 * @throws FormatError
 */
export function decodeRuntimeMetricsJson(
  bytes: Uint8Array,
  limits: RuntimeMetricsLimits = runtimeMetricsLimits,
): Documents<RuntimeMetricsSnapshot> {
  return decodeDocuments(bytes, 'runtime metrics', (value) => snapshotOf(value, limits), limits);
}

/** Whether a text starts as such a JSON. */
export function sniffRuntimeMetricsJson(_: Uint8Array, text: string): boolean {
  return /^\s*[[{]/.test(text) && /"(?:\/[A-Za-z0-9_.-]+){2,16}:[A-Za-z0-9*/_-]+"/.test(text);
}

function snapshotOf(value: JsonValue, limits: RuntimeMetricsLimits): RuntimeMetricsSnapshot {
  const readings: Reading[] = [];
  const histograms: NamedHistogram[] = [];
  const names = new Set<string>();
  const add = (name: JsonValue | undefined, metricValue: JsonValue | undefined, cumulative: boolean): void => {
    if (typeof name !== 'string' || metricValue === undefined || !isMetricName(name, limits.metricNameLength)) return;
    if (names.has(name)) throw new FormatError('malformed', `${name} comes twice`);
    names.add(name);
    if (names.size > limits.metrics) throw overBudget('metrics', names.size, limits.metrics);
    const known = runtimeMetric(name);
    const type = known?.type ?? (cumulative ? 'counter' : 'gauge');
    const unit = metricUnit(name);
    if (metricValue instanceof Map) {
      histograms.push({ name, unit, type, histogram: histogramOf(metricValue, name, limits) });
    } else if (known?.kind === 'histogram') {
      throw new FormatError('malformed', `${name} is no histogram`);
    } else {
      readings.push({ name, unit, type, value: scalarOf(metricValue, name, known?.kind) });
    }
  };
  if (Array.isArray(value)) {
    for (const element of value) {
      if (!(element instanceof Map)) continue;
      add(member(element, 'Name'), member(element, 'Value'), member(element, 'Cumulative') === true);
    }
  } else if (value instanceof Map) {
    for (const [name, metricValue] of value) add(name, metricValue, false);
  }
  if (names.size === 0) throw new FormatError('unrecognized', 'no runtime metrics: no name like /path:unit is in it');
  return { atUnixNanos: value instanceof Map ? documentTime(value) : null, readings, histograms };
}

function member(object: JsonObject, name: string): JsonValue | undefined {
  return object.get(name) ?? object.get(name.toLowerCase());
}

/** What is unknown counts in integers if it is one. */
function scalarOf(value: JsonValue, name: string, kind: 'uint64' | 'float64' | undefined): bigint | number {
  if (kind === 'uint64') return unsignedOf(value, name);
  const number = numberOf(value, name);
  if (kind === 'float64' || !Number.isInteger(number)) return number;
  return typeof value === 'bigint' ? value : BigInt(number);
}

function histogramOf(value: JsonObject, name: string, limits: RuntimeMetricsLimits): Histogram {
  const counts = elementsOf(member(value, 'Counts'), `Counts of ${name}`);
  const buckets = elementsOf(member(value, 'Buckets'), `Buckets of ${name}`);
  if (counts.length > limits.histogramBuckets) {
    throw overBudget('histogramBuckets', counts.length, limits.histogramBuckets);
  }
  const bounds = buckets.map((bucket, i) => {
    if (bucket === null && i === 0) return -Infinity;
    if (bucket === null && i === buckets.length - 1) return Infinity;
    return typeof bucket === 'string' ? infinityOf(bucket, name) : numberOf(bucket, `a bound of ${name}`);
  });
  const histogram: Histogram = { bounds, counts: counts.map((count) => unsignedOf(count, name)), closed: 'lower' };
  return checkedHistogram(histogram, name);
}

function infinityOf(text: string, name: string): number {
  if (text === '-Inf' || text === '-Infinity') return -Infinity;
  if (text === '+Inf' || text === 'Inf' || text === 'Infinity' || text === '+Infinity') return Infinity;
  throw new FormatError('malformed', `a bound of ${name} is neither a number nor infinite`);
}
