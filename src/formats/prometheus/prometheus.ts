import type { Damage } from '../damage.js';
import { FormatError, overBudget } from '../format-error.js';
import { checkedHistogram, type Histogram, type NamedHistogram } from '../histogram.js';
import { type LineSink, LineSplitter } from '../lines.js';
import type { Reading } from '../reading.js';
import { runtimeFamily, unitOfName } from './go-families.js';
import { type PrometheusLimits, prometheusLimits } from './limits.js';
import { labelText, parseSampleLine, type SampleLine } from './sample-line.js';

/** What a page of metrics says about the Go process that served it. */
export interface PrometheusSnapshot {
  /**
   * Samples of the Go runtime and the process (`go_*`, `process_*`, with a namespace before it or not). The name has
   * the labels that tell samples of one name apart, not those that all samples of the page have. A quantile of a
   * summary is a gauge.
   */
  readonly readings: readonly Reading[];
  readonly histograms: readonly NamedHistogram[];
  /** Metrics of the program itself that have no labels. What has labels is not kept: they may hold anything. */
  readonly others: readonly Reading[];
  /** Samples of the program itself that were not kept. */
  readonly othersLeftOut: number;
  /** `go1.26.11`; empty if go_info does not say it. */
  readonly goVersion: string;
  /** Of the main module, as go_build_info says; null where the page has none. */
  readonly build: { readonly path: string; readonly version: string } | null;
  /** The youngest time of these samples, where the page gives times. */
  readonly atUnixNanos: bigint | null;
  /** Lines that could not be read, and a page that ends too early. */
  readonly damage: Damage | null;
}

/**
 * A page of metrics of one Go process in Prometheus' text format 0.0.4 or in OpenMetrics 1.0. A value that is
 * written as an integer is exact; one with a fraction or an exponent (as Go writes whole numbers from 10^6 on, and no
 * limit at all as 9.223372036854776e+18) is the nearest double.
 *
 * @throws FormatError `unrecognized` for a page of something else than one Go process: no metric of the Go runtime
 * in it, or those of several processes
 */
export function decodePrometheus(bytes: Uint8Array, limits: PrometheusLimits = prometheusLimits): PrometheusSnapshot {
  if (bytes.length > limits.pageBytes) throw overBudget('pageBytes', bytes.length, limits.pageBytes);
  const page = new Page(limits, bytes.length === 0 || bytes[bytes.length - 1] === lineFeed);
  const splitter = new LineSplitter(page, limits.metricLineBytes);
  splitter.push(bytes);
  splitter.end();
  return page.snapshot();
}

/**
 * Whether a text starts as a page of metrics, of whatever program. Without comments `name number` is the form of
 * other files too (memory.stat of a cgroup), so there it takes labels or a name of the runtime.
 */
export function sniffPrometheus(_: Uint8Array, text: string): boolean {
  const first = text.trimStart();
  if (/^# (?:HELP|TYPE|UNIT) [A-Za-z_:"]/.test(first)) return true;
  const sample =
    /^([A-Za-z_:][A-Za-z0-9_:]{0,255})(\{[^\n]*\})?[ \t]+(?:[+-]?(?:[0-9.][0-9.eE+-]*|Inf)|NaN)(?:[ \t]+[0-9.]+)?[ \t]*\r?\n/.exec(
      first,
    );
  return sample !== null && (sample[2] !== undefined || runtimeFamily(sample[1]) !== null);
}

const lineFeed = 10;
const hash = 0x23;
const capitalH = 0x48;

interface Family {
  readonly type: string;
  unit: string | null;
}

interface Sample extends SampleLine {
  /** Its name without a namespace. */
  readonly bare: string;
  readonly family: string;
  readonly type: string;
  readonly unit: string;
}

/** These every Go page has once for each process: the first that is there shows how many there are. */
const oncePerProcess = ['go_goroutines', 'go_memstats_alloc_bytes', 'go_threads', 'process_start_time_seconds'];

class Page implements LineSink {
  readonly #samples: Sample[] = [];
  readonly #others: Reading[] = [];
  readonly #families = new Map<string, Family>();
  readonly #utf8 = new TextDecoder('utf-8', { fatal: false });
  #othersLeftOut = 0;
  #metrics = 0;
  #lost = 0;
  #first: FormatError | null = null;
  #lineNumber = 0;
  #ended = false;
  #openMetrics = false;
  #pending: SampleLine | null = null;

  constructor(
    private readonly limits: PrometheusLimits,
    private readonly complete: boolean,
  ) {}

  line(bytes: Uint8Array, start: number, end: number): void {
    this.#takePending();
    this.#lineNumber++;
    while (start < end && (bytes[start] === 0x20 || bytes[start] === 0x09 || isMark(bytes, start))) start++;
    if (start === end) return;
    if (this.#ended) {
      this.#lose('there is more after # EOF');
      return;
    }
    if (end - start >= this.limits.metricLineBytes) {
      this.#lose(`it is longer than ${this.limits.metricLineBytes} bytes`);
      return;
    }
    if (bytes[start] === hash) {
      // Help is the longest part of a page, and says nothing to a machine.
      if (bytes[start + 2] !== capitalH) this.#comment(this.#utf8.decode(bytes.subarray(start, end)));
      return;
    }
    const sample = parseSampleLine(this.#utf8.decode(bytes.subarray(start, end)), this.limits.labelsPerSample);
    if (sample === null) this.#lose('it is no sample');
    else this.#pending = sample;
  }

  end(): void {
    if (this.complete || this.#ended) this.#takePending();
    else this.#lose('the page ends inside a line', 'truncated');
    if (this.complete && this.#openMetrics && !this.#ended) this.#lose('the page ends without # EOF', 'truncated');
  }

  snapshot(): PrometheusSnapshot {
    if (!this.#samples.some(({ bare }) => bare.startsWith('go_'))) {
      const what = this.#metrics === 0 ? 'no sample could be read' : `${this.#metrics} samples, none of the Go runtime`;
      throw new FormatError(
        'unrecognized',
        `no page of metrics of a Go program: ${what} (go_goroutines, go_memstats_…)`,
      );
    }
    const shared = this.#sharedLabels();
    const readings = new Map<string, Reading>();
    const buckets = new Map<string, Sample[]>();
    for (const sample of this.#samples) {
      const own = sample.labels.filter(([name, value]) => shared.get(name) !== value);
      if (sample.type === 'histogram' && sample.bare.endsWith('_bucket')) {
        const key = sample.family + labelText(own.filter(([name]) => name !== 'le'));
        const group = buckets.get(key);
        if (group === undefined) buckets.set(key, [sample]);
        else group.push(sample);
        continue;
      }
      const name = sample.name + labelText(own);
      if (readings.has(name)) this.#lose(`a series comes twice: ${sample.name}`);
      else readings.set(name, { name, unit: sample.unit, type: readingType(sample), value: sample.value });
    }
    const histograms = this.#histogramsOf(buckets);
    return {
      readings: [...readings.values()],
      histograms,
      others: this.#others,
      othersLeftOut: this.#othersLeftOut,
      goVersion: this.#labelOf('go_info', 'version') ?? '',
      build: this.#build(),
      atUnixNanos: this.#youngest(),
      damage: this.#first === null ? null : { lost: this.#lost, first: this.#first },
    };
  }

  #comment(line: string): void {
    if (/^#[ \t]*EOF[ \t]*$/.test(line)) {
      this.#ended = this.#openMetrics = true;
      return;
    }
    const words = /^#[ \t]+(TYPE|UNIT)[ \t]+("?)([^\s"]+)\2[ \t]+(\S+)[ \t]*$/.exec(line);
    if (words === null || runtimeFamily(words[3]) === null) return;
    const [, keyword, , name, word] = words;
    if (keyword === 'TYPE') {
      if (!this.#families.has(name) && this.#families.size >= this.limits.samples) {
        throw overBudget('samples', this.#families.size + 1, this.limits.samples);
      }
      this.#families.set(name, { type: word, unit: null });
    } else {
      this.#openMetrics = true;
      const family = this.#families.get(name);
      if (family !== undefined) family.unit = word;
    }
  }

  /** A sample is taken when another line has come: the last one may be cut. */
  #takePending(): void {
    const sample = this.#pending;
    if (sample === null) return;
    this.#pending = null;
    this.#metrics++;
    const bare = runtimeFamily(sample.name);
    const length = sample.labels.reduce((sum, [name, value]) => sum + name.length + value.length, sample.name.length);
    if (length > this.limits.seriesNameLength) {
      if (bare === null) this.#othersLeftOut++;
      else this.#lose(`its name and labels are longer than ${this.limits.seriesNameLength}`);
    } else if (bare === null) {
      this.#other(sample);
    } else {
      if (this.#samples.length >= this.limits.samples) {
        throw overBudget('samples', this.#samples.length + 1, this.limits.samples);
      }
      const family = this.#familyOf(sample.name);
      const { type, unit } = this.#families.get(family) ?? { type: 'untyped', unit: null };
      // The text format names a counter as its samples are named, OpenMetrics without the suffix.
      if (type === 'counter' && family !== sample.name) this.#openMetrics = true;
      this.#samples.push({ ...sample, bare, family, type, unit: unit ?? unitOfName(bare) });
    }
  }

  #other({ name, labels, value }: SampleLine): void {
    if (labels.length > 0 || this.#others.length >= this.limits.keptOthers) this.#othersLeftOut++;
    else
      this.#others.push({ name, unit: unitOfOther(name), type: name.endsWith('_total') ? 'counter' : 'gauge', value });
  }

  /** The family that a sample belongs to: its name, or that without a suffix. */
  #familyOf(name: string): string {
    if (this.#families.has(name)) return name;
    const stem = name.replace(/_(?:bucket|sum|count|total|created|info)$/, '');
    return this.#families.has(stem) ? stem : name;
  }

  /** Labels that every process-wide sample has: the same for the whole page, as constant labels and targets are. */
  #sharedLabels(): ReadonlyMap<string, string> {
    for (const bare of oncePerProcess) {
      const samples = this.#samples.filter((sample) => sample.bare === bare);
      if (samples.length === 0) continue;
      const series = new Set(samples.map(({ name, labels }) => name + labelText(labels)));
      if (series.size > 1) {
        const message = `a page of ${series.size} processes (${bare} has as many series), not of one: send each process apart`;
        throw new FormatError('unrecognized', message);
      }
      return new Map(samples[0].labels);
    }
    return new Map();
  }

  #histogramsOf(buckets: ReadonlyMap<string, readonly Sample[]>): NamedHistogram[] {
    const histograms: NamedHistogram[] = [];
    for (const [name, samples] of buckets) {
      if (samples.length > this.limits.histogramBuckets) {
        throw overBudget('histogramBuckets', samples.length, this.limits.histogramBuckets);
      }
      const histogram = histogramOf(samples, name);
      if (histogram instanceof FormatError) this.#lose(histogram.message);
      else histograms.push({ name, unit: unitOfName(samples[0].family), type: 'counter', histogram });
    }
    return histograms;
  }

  #labelOf(bare: string, label: string): string | undefined {
    const sample = this.#samples.find((candidate) => candidate.bare === bare);
    return sample?.labels.find(([name]) => name === label)?.[1];
  }

  #build(): PrometheusSnapshot['build'] {
    const path = this.#labelOf('go_build_info', 'path');
    const version = this.#labelOf('go_build_info', 'version');
    return path === undefined && version === undefined ? null : { path: path ?? '', version: version ?? '' };
  }

  #youngest(): bigint | null {
    let youngest: bigint | null = null;
    for (const { timestamp } of this.#samples) {
      if (timestamp === null) continue;
      const nanos = nanosOf(timestamp, this.#openMetrics ? 9 : 6);
      if (nanos !== null && (youngest === null || nanos > youngest)) youngest = nanos;
    }
    return youngest;
  }

  #lose(what: string, fault: 'malformed' | 'truncated' = 'malformed'): void {
    this.#lost++;
    this.#first ??= new FormatError(fault, `line ${this.#lineNumber}: ${what}`);
  }
}

function readingType({ type, bare }: Sample): 'gauge' | 'counter' {
  if (type === 'counter') return bare.endsWith('_created') ? 'gauge' : 'counter';
  if (type === 'summary' || type === 'histogram') return /_(?:sum|count)$/.test(bare) ? 'counter' : 'gauge';
  return type === 'untyped' && bare.endsWith('_total') ? 'counter' : 'gauge';
}

function unitOfOther(name: string): string {
  const unit = unitOfName(name);
  return unit === 'count' && !name.endsWith('_total') && !name.endsWith('_count') ? '' : unit;
}

/** Counts up to a bound become counts between bounds. An error, not thrown, if they are none. */
function histogramOf(samples: readonly Sample[], name: string): Histogram | FormatError {
  const bounds: number[] = [-Infinity];
  const counts: bigint[] = [];
  let below = 0n;
  for (const { labels, value } of samples) {
    const le = labels.find(([label]) => label === 'le')?.[1];
    const bound = le === undefined ? null : toNumber(le);
    const count = typeof value === 'bigint' ? value : Number.isInteger(value) ? BigInt(value) : null;
    if (bound === null || count === null || count < below) {
      return new FormatError('malformed', `${name}: its buckets do not add up`);
    }
    bounds.push(bound);
    counts.push(count - below);
    below = count;
  }
  if (bounds[bounds.length - 1] !== Infinity) return new FormatError('malformed', `${name} has no bucket up to +Inf`);
  try {
    return checkedHistogram({ bounds, counts, closed: 'upper' }, name);
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
}

function toNumber(text: string): number | null {
  if (/^\+?Inf$/.test(text)) return Infinity;
  const number = text.length > 64 || text.trim() === '' ? NaN : Number(text);
  return Number.isNaN(number) ? null : number;
}

/** A decimal number times 10^digits as an integer, what is finer dropped; null if it has an exponent or is none. */
function nanosOf(text: string, digits: number): bigint | null {
  const parts = text.length > 40 ? null : /^([+-]?\d+)(?:\.(\d*))?$/.exec(text);
  if (parts === null) return null;
  return BigInt(parts[1].replace('+', '') + (parts[2] ?? '').slice(0, digits).padEnd(digits, '0'));
}

/** The bytes of a byte order mark. */
function isMark(bytes: Uint8Array, at: number): boolean {
  return at < 3 && bytes[at] === [0xef, 0xbb, 0xbf][at];
}
