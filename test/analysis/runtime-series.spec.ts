import { prometheusName, readingsByName, runtimeSeries, seriesOf, valueOf } from '../../src/analysis/runtime-series.js';
import { decodeExpvar } from '../../src/formats/memstats/expvar.js';
import { memStatsField } from '../../src/formats/memstats/fields.js';
import { decodeGcStats } from '../../src/formats/memstats/gc-stats.js';
import { decodeMemStats } from '../../src/formats/memstats/memstats-json.js';
import { decodePrometheus } from '../../src/formats/prometheus/prometheus.js';
import type { Reading } from '../../src/formats/reading.js';
import { runtimeMetric, runtimeMetrics } from '../../src/formats/runtime-metrics/known-metrics.js';
import { decodeRuntimeMetricsJson } from '../../src/formats/runtime-metrics/runtime-metrics-json.js';
import { metricsFixture } from '../formats/metrics-fixtures.js';

const memStats = decodeMemStats(metricsFixture('json/go1.26/memstats.json').bytes).snapshots[0].readings;
const metrics = decodeRuntimeMetricsJson(metricsFixture('json/go1.26/metrics.json').bytes).snapshots[0].readings;
const page = decodePrometheus(metricsFixture('prometheus/prometheus-all-runtime-metrics.prom').bytes);

const gauge = (name: string, unit: string, value: bigint | number): Reading => ({ name, unit, type: 'gauge', value });
const valuesOf = (source: Parameters<typeof seriesOf>[0], readings: readonly Reading[]): Map<string, bigint | number> =>
  new Map(seriesOf(source, readings).map(({ name, value }) => [name, value]));

describe('the table', () => {
  it('names only fields of MemStats and metrics of the runtime that exist', () => {
    for (const { name, from } of runtimeSeries) {
      for (const { plus, minus, per } of from.memstats ?? []) {
        for (const field of [...plus, ...minus, ...per])
          expect([name, memStatsField(field)?.name]).toEqual([name, field]);
      }
      for (const { plus, minus, per } of from['runtime-metrics'] ?? []) {
        for (const metric of [...plus, ...minus, ...per]) {
          expect([name, runtimeMetric(metric)?.name]).toEqual([name, metric]);
        }
      }
    }
    expect(new Set(runtimeSeries.map(({ name }) => name)).size).toBe(runtimeSeries.length);
  });

  it('a series grows where all that it comes from grows', () => {
    for (const { name, type, unit, from } of runtimeSeries) {
      if (unit === 'ratio') continue;
      for (const [{ plus }] of [from.memstats, from['runtime-metrics']].filter((formulas) => formulas !== undefined)) {
        for (const part of plus) {
          expect([name, (memStatsField(part) ?? runtimeMetric(part))?.type]).toEqual([name, type]);
        }
      }
    }
  });

  it('knows the name that Prometheus gives each runtime metric', () => {
    const names = new Set([...page.readings, ...page.histograms].map(({ name }) => name));
    for (const { name, kind, type } of runtimeMetrics) {
      expect(names).toContain(prometheusName(name, type === 'counter' && kind !== 'histogram'));
    }
  });
});

describe('one number from many sources', () => {
  it('the collector and the formulas over runtime metrics agree on one page, series by series', () => {
    const byName = readingsByName('prometheus', page.readings);
    let compared = 0;
    for (const { name, unit, from } of runtimeSeries) {
      // The page itself is gathered by goroutines that come and go between the two.
      if (name === 'goroutines') continue;
      const values = (from.prometheus ?? [])
        .map((formula) => valueOf(formula, unit, byName))
        .filter((value) => value !== null)
        .map(Number);
      for (const value of values.slice(1)) {
        expect([name, value]).toEqual([name, values[0]]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThanOrEqual(17);
  });

  it('MemStats and runtime metrics that a program read at one moment agree to the last byte', () => {
    const { bytes } = metricsFixture('json/go1.26/same-moment.ndjson');
    const [a] = decodeMemStats(bytes).snapshots;
    const [b] = decodeRuntimeMetricsJson(bytes).snapshots;
    const [left, right] = [valuesOf('memstats', a.readings), valuesOf('runtime-metrics', b.readings)];
    const both = [...left.keys()].filter((name) => right.has(name));
    expect(both).toHaveLength(16);
    for (const name of both) {
      if (name === 'gc_cpu_fraction') expect(right.get(name)).toBeCloseTo(left.get(name) as number, 14);
      else expect([name, right.get(name)]).toEqual([name, left.get(name)]);
    }
  });

  it('MemStats gives its fields as they are, and expvar the same', () => {
    const values = valuesOf('memstats', memStats);
    const field = (name: string): bigint | number => memStats.find((reading) => reading.name === name)!.value;
    expect(values.get('heap_in_use')).toBe(field('HeapInuse'));
    expect(values.get('next_gc')).toBe(field('NextGC'));
    expect(values.get('gc_pause_total')).toBe(field('PauseTotalNs'));
    expect(values.get('gc_cpu_fraction')).toBe(field('GCCPUFraction'));
    expect(values.get('footprint')).toBe((field('Sys') as bigint) - (field('HeapReleased') as bigint));
    expect(values.has('goroutines')).toBe(false);
    const page = decodeExpvar(metricsFixture('json/go1.26/expvar.json').bytes).snapshots[0];
    expect(seriesOf('expvar', page.readings)).toEqual(seriesOf('memstats', page.readings));
  });

  it('runtime metrics give whole sums, and the share of the collector as the runtime computes it', () => {
    const values = valuesOf('runtime-metrics', metrics);
    const metric = (name: string): bigint | number => metrics.find((reading) => reading.name === name)!.value;
    expect(values.get('heap_in_use')).toBe(
      (metric('/memory/classes/heap/objects:bytes') as bigint) +
        (metric('/memory/classes/heap/unused:bytes') as bigint),
    );
    expect(values.get('gc_cpu_fraction')).toBe(
      (Number(metric('/cpu/classes/gc/total:cpu-seconds')) - Number(metric('/cpu/classes/gc/mark/idle:cpu-seconds'))) /
        Number(metric('/cpu/classes/total:cpu-seconds')),
    );
    // No collection lay between the two: the runtime's own figure is the same but for rounding.
    expect(values.get('gc_cpu_fraction')).toBeCloseTo(
      valuesOf('memstats', memStats).get('gc_cpu_fraction') as number,
      3,
    );
    expect(values.get('gc_count')).toBe(valuesOf('memstats', memStats).get('gc_count'));
    expect(values.get('heap_goal')).toBe(valuesOf('memstats', memStats).get('heap_goal'));
  });

  it('GCStats and MemStats agree', () => {
    const values = valuesOf(
      'gcstats',
      decodeGcStats(metricsFixture('json/go1.26/gcstats.json').bytes).snapshots[0].readings,
    );
    expect([...values.keys()]).toEqual(['gc_count', 'gc_pause_total']);
    for (const [name, value] of values) expect(valuesOf('memstats', memStats).get(name)).toBe(value);
  });

  it('an execution trace gives its heap and its goal', () => {
    const readings = ['/memory/classes/heap/objects:bytes', '/gc/heap/goal:bytes'].map(
      (name, index) => ({ name, unit: 'bytes', type: 'gauge', value: BigInt(index + 1) }) as const,
    );
    expect(seriesOf('exectrace', readings)).toEqual([
      { name: 'heap_alloc', value: 1n },
      { name: 'heap_goal', value: 2n },
    ]);
  });

  it('seconds become whole nanoseconds and percent a ratio', () => {
    expect(valuesOf('prometheus', page.readings).get('gc_pause_total')).toBe(355_914);
    expect(valuesOf('gctrace', [gauge('cpuPercentSinceStart', 'percent', 24)]).get('gc_cpu_fraction')).toBe(0.24);
  });

  it('a namespace makes no difference', () => {
    const named = page.readings.map((reading) => ({ ...reading, name: `shop_${reading.name}` }));
    expect(seriesOf('prometheus', named)).toEqual(seriesOf('prometheus', page.readings));
  });

  it('what /proc says is taken in bytes only', () => {
    expect(seriesOf('process-memory', [gauge('VmRSS', 'bytes', 4096n), gauge('Threads', 'count', 7n)])).toEqual([
      { name: 'rss', value: 4096n },
      { name: 'threads', value: 7n },
    ]);
    expect(seriesOf('process-memory', [gauge('VmRSS', 'kB', 4n)])).toEqual([]);
  });

  it('no limit is no value, and neither is what is not finite', () => {
    const limit = (value: bigint | number): unknown =>
      seriesOf('runtime-metrics', [gauge('/gc/gomemlimit:bytes', 'bytes', value)]);
    expect(limit(2n ** 63n - 1n)).toEqual([]);
    expect(limit(9.223372036854776e18)).toEqual([]);
    // GOGC=off, Go 1.26 and 1.15.
    for (const goal of [8946670875742424768n, 2n ** 64n - 1n]) {
      expect(seriesOf('memstats', [gauge('NextGC', 'bytes', goal)])).toEqual([]);
    }
    expect(limit(1024n)).toEqual([{ name: 'memory_limit', value: 1024n }]);
    expect(seriesOf('prometheus', [gauge('go_goroutines', 'count', NaN)])).toEqual([]);
  });

  it('a sum of which a part is missing is no value', () => {
    const part = metrics.filter(({ name }) => name === '/memory/classes/heap/objects:bytes');
    expect(seriesOf('runtime-metrics', part).map(({ name }) => name)).toEqual(['heap_alloc']);
  });
});
