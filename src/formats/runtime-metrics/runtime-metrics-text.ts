import type { Damage } from '../damage.js';
import { decimalOf } from '../decimal.js';
import { FormatError, overBudget } from '../format-error.js';
import type { Documents } from '../json/documents.js';
import { type LineSink, LineSplitter } from '../lines.js';
import type { Reading } from '../reading.js';
import { isMetricName, metricUnit, runtimeMetric } from './known-metrics.js';
import { type RuntimeMetricsLimits, runtimeMetricsLimits } from './limits.js';
import type { RuntimeMetricsSnapshot } from './runtime-metrics-json.js';

const slash = 0x2f;

/**
 * A dump of runtime/metrics as text, as programs print it with their own words around:
 *
 *     /gc/heap/goal:bytes 4194304
 *     /gc/heap/goal:bytes: 4194304
 *     2026/11/23 15:19:57 /cpu/classes/gc/total:cpu-seconds=0.031715145
 *
 * The first name of a metric in a line counts, and the number after it. A name that comes again starts the next
 * snapshot. Lines without a name are passed over; lines whose number cannot be read are counted as damage, and so is
 * a last line that has no end, as its number may have been cut. Histograms have no usual form as text.
 */
export function decodeRuntimeMetricsText(
  bytes: Uint8Array,
  limits: RuntimeMetricsLimits = runtimeMetricsLimits,
): Documents<RuntimeMetricsSnapshot> {
  if (bytes.length > limits.jsonBytes) throw overBudget('jsonBytes', bytes.length, limits.jsonBytes);
  const sink = new MetricLines(limits, bytes.at(-1) === 10);
  const splitter = new LineSplitter(sink, limits.metricLineBytes);
  splitter.push(bytes);
  splitter.end();
  return sink.documents();
}

/**
 * Whether a text has a line with a runtime metric and a number. The metric is of a family that Go 1.16 to 1.27 has: many a
 * line of a log has something of this form, `/srv/main.go:11`, `/v1/items/id:x 200`.
 */
export function sniffRuntimeMetricsText(_: Uint8Array, text: string): boolean {
  return /^(?:[^\n"{[]{0,40}[ \t])?\/(?:cgo|cpu|gc|godebug|memory|sched|sync)(?:\/[A-Za-z0-9_.-]+){1,16}:[A-Za-z][A-Za-z0-9*/_-]*(?:[ \t]*[:=][ \t]*|[ \t]+)[-+0-9NI]/m.test(
    text.slice(0, 4096),
  );
}

class MetricLines implements LineSink {
  readonly #snapshots: RuntimeMetricsSnapshot[] = [];
  #readings = new Map<string, Reading>();
  #lost = 0;
  #first: FormatError | null = null;
  #lineNumber = 0;
  #pending: string[] | null = null;
  readonly #utf8 = new TextDecoder('utf-8');

  constructor(
    private readonly limits: RuntimeMetricsLimits,
    private readonly complete: boolean,
  ) {}

  line(bytes: Uint8Array, start: number, end: number): void {
    this.#takePending();
    this.#lineNumber++;
    if (bytes.subarray(start, end).indexOf(slash) === -1) return;
    const words = this.#utf8
      .decode(bytes.subarray(start, end))
      .trim()
      .split(/[\s=]+/);
    const at = words.findIndex((word) => isMetricName(bare(word), this.limits.metricNameLength));
    if (at === -1) return;
    this.#pending = [bare(words[at]), (words[at + 1] === ':' ? words[at + 2] : words[at + 1]) ?? ''];
  }

  end(): void {
    if (this.complete) this.#takePending();
    else if (this.#pending !== null) this.#lose(`${this.#pending[0]} stands in a last line that may have been cut`);
    this.#endSnapshot();
  }

  documents(): Documents<RuntimeMetricsSnapshot> {
    if (this.#snapshots.length === 0) {
      throw this.#first ?? new FormatError('unrecognized', 'no runtime metrics: no line has a name like /path:unit');
    }
    const damage: Damage | null = this.#first === null ? null : { lost: this.#lost, first: this.#first };
    return { snapshots: this.#snapshots, damage };
  }

  /** A line is read when another has come: the last one may be cut. */
  #takePending(): void {
    if (this.#pending === null) return;
    const [name, text] = this.#pending;
    this.#pending = null;
    const value = decimalOf(text);
    const metric = runtimeMetric(name);
    if (value === null || (metric?.kind === 'uint64' && typeof value === 'bigint' && value < 0n)) {
      this.#lose(`${name} has no number`);
      return;
    }
    if (this.#readings.has(name)) this.#endSnapshot();
    if (this.#readings.size >= this.limits.metrics) {
      throw overBudget('metrics', this.#readings.size + 1, this.limits.metrics);
    }
    this.#readings.set(name, {
      name,
      unit: metricUnit(name),
      // One number of a histogram is a figure about it (a median, as in Go's example), and no count.
      type: metric === undefined || metric.kind === 'histogram' ? 'gauge' : metric.type,
      value: metric?.kind === 'float64' ? Number(value) : value,
    });
  }

  #endSnapshot(): void {
    if (this.#readings.size === 0) return;
    if (this.#snapshots.length >= this.limits.jsonDocuments) {
      throw overBudget('jsonDocuments', this.#snapshots.length + 1, this.limits.jsonDocuments);
    }
    this.#snapshots.push({ atUnixNanos: null, readings: [...this.#readings.values()], histograms: [] });
    this.#readings = new Map();
  }

  #lose(what: string): void {
    this.#lost++;
    this.#first ??= new FormatError('malformed', `line ${this.#lineNumber}: ${what}`);
  }
}

/** Without the punctuation that may follow a name. */
function bare(word: string): string {
  return word.endsWith(':') ? word.slice(0, -1) : word;
}
