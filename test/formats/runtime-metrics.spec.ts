import fc from 'fast-check';
import { isMetricName, runtimeMetric, runtimeMetrics } from '../../src/formats/runtime-metrics/known-metrics.js';
import { runtimeMetricsLimits } from '../../src/formats/runtime-metrics/limits.js';
import { decodeRuntimeMetricsJson } from '../../src/formats/runtime-metrics/runtime-metrics-json.js';
import {
  decodeRuntimeMetricsText,
  sniffRuntimeMetricsText,
} from '../../src/formats/runtime-metrics/runtime-metrics-text.js';
import { metricsFixture, metricsFixtures, parseWithTextNumbers } from './metrics-fixtures.js';
import { faultOf, valueOrFault } from './fault-of.js';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Dumped {
  Name: string;
  Kind: 'uint64' | 'float64' | 'float64-histogram';
  Cumulative: boolean;
  Value: string & { Counts: string[]; Buckets: string[] };
}

const bound = (text: string): number => Number(text.replace('Inf', 'Infinity'));

describe('what real programs wrote', () => {
  it.each(metricsFixtures('json', 'metrics.json'))('$name reads exactly', ({ bytes, text }) => {
    const expected = parseWithTextNumbers(text) as Dumped[];
    const { snapshots, damage } = decodeRuntimeMetricsJson(bytes);
    expect(damage).toBeNull();
    const [{ readings, histograms }] = snapshots;
    expect(readings.map(({ name, value }) => [name, value])).toEqual(
      expected
        .filter(({ Kind }) => Kind !== 'float64-histogram')
        .map(({ Name, Kind, Value }) => [Name, Kind === 'uint64' ? BigInt(Value) : Number(Value)]),
    );
    expect(histograms.map(({ name, histogram }) => ({ name, ...histogram }))).toEqual(
      expected
        .filter(({ Kind }) => Kind === 'float64-histogram')
        .map(({ Name, Value }) => ({
          name: Name,
          bounds: Value.Buckets.map(bound),
          counts: Value.Counts.map(BigInt),
          closed: 'lower',
        })),
    );
  });

  it.each(metricsFixtures('json', 'metrics.json'))(
    '$name says of each metric what the table says',
    ({ name, text }) => {
      for (const { Name, Kind, Cumulative } of JSON.parse(text) as Dumped[]) {
        const metric = runtimeMetric(Name);
        expect([Name, metric?.kind]).toEqual([Name, Kind === 'float64-histogram' ? 'histogram' : Kind]);
        // Go 1.19 had this flag wrong.
        const cumulative = Cumulative || (Name === '/sched/latencies:seconds' && name.includes('go1.19'));
        expect([Name, metric?.type]).toEqual([Name, cumulative ? 'counter' : 'gauge']);
      }
    },
  );

  it('every name of the table is one, with a unit of its own', () => {
    expect(runtimeMetrics).toHaveLength(66);
    for (const { name } of runtimeMetrics) expect(isMetricName(name, 256)).toBe(true);
    expect(runtimeMetric('/cpu/classes/gc/total:cpu-seconds')?.unit).toBe('seconds');
    expect(runtimeMetric('/sched/goroutines:goroutines')?.unit).toBe('count');
    expect(runtimeMetric('/gc/gogc:percent')?.unit).toBe('percent');
    expect(runtimeMetric('/no/such:bytes')).toBeUndefined();
  });
});

describe('forms of a dump', () => {
  const expected = JSON.parse(metricsFixture('json/go1.26/metrics.json').text) as Dumped[];
  const scalars = expected.filter(({ Kind }) => Kind !== 'float64-histogram');
  const [array] = decodeRuntimeMetricsJson(metricsFixture('json/go1.26/metrics.json').bytes).snapshots;

  it('an object from name to value reads as the array does', () => {
    const object = JSON.stringify(Object.fromEntries(expected.map(({ Name, Value }) => [Name, Value])));
    // JSON.stringify has rounded the one that says "no limit".
    const exact = object.replace('9223372036854776000', '9223372036854775807');
    expect(decodeRuntimeMetricsJson(bytesOf(exact)).snapshots).toEqual([array]);
  });

  it.each([' ', ': ', '=', '\t', ' = '])('lines with "%s" between name and value read as JSON does', (between) => {
    const lines = metricsFixture('json/go1.26/metrics.json')
      .text.split(/\},\s*\{/)
      .filter((part) => !part.includes('histogram'))
      .map((part) => `${/"Name": "(.*?)"/.exec(part)![1]}${between}${/"Value": (.*)/.exec(part)![1]}`);
    expect(lines).toHaveLength(scalars.length);
    const text = `2026/11/23 15:19:57 metrics follow\n${lines.join('\n')}\n`;
    expect(decodeRuntimeMetricsText(bytesOf(text))).toEqual({
      snapshots: [{ atUnixNanos: null, readings: array.readings, histograms: [] }],
      damage: null,
    });
    expect(sniffRuntimeMetricsText(bytesOf(text), text.slice(0, 4096))).toBe(true);
  });

  it('a name that comes again starts the next snapshot', () => {
    const text = '/a/b:bytes 1\n/a/c:bytes 2\n\n2026/11/23 15:19:57 /a/b:bytes: 3\n/a/c:bytes 4\n';
    const { snapshots } = decodeRuntimeMetricsText(bytesOf(text));
    expect(snapshots.map(({ readings }) => readings.map(({ value }) => value))).toEqual([
      [1n, 2n],
      [3n, 4n],
    ]);
  });

  it('a last line without an end is not taken for a whole number', () => {
    const { snapshots, damage } = decodeRuntimeMetricsText(bytesOf('/a/b:bytes 1\n/gc/heap/goal:bytes 4194'));
    expect(snapshots[0].readings).toHaveLength(1);
    expect(damage?.lost).toBe(1);
  });
});

describe('laws', () => {
  it('a dump cut anywhere or with any bit flipped is a value or a FormatError', () => {
    const { bytes } = metricsFixture('json/go1.26/metrics.json');
    const text = bytesOf(
      '/a/b:bytes 1\n/gc/heap/goal:bytes: 4194304\n/cpu/classes/gc/total:cpu-seconds=1e-07\n/a/b:bytes NaN\n',
    );
    for (const [input, decode] of [
      [bytes, decodeRuntimeMetricsJson],
      [text, decodeRuntimeMetricsText],
    ] as const) {
      fc.assert(
        fc.property(fc.nat({ max: input.length * 8 - 1 }), fc.boolean(), (bit, cut) => {
          const changed = cut ? input.slice(0, bit >> 3) : input.slice();
          if (!cut) changed[bit >> 3] ^= 1 << (bit & 7);
          valueOrFault(() => decode(changed));
        }),
        { numRuns: 300 },
      );
    }
  });

  it('histograms that are none are malformed', () => {
    const histogram = (value: string): string => `{"/a/b:seconds":${value}}`;
    for (const broken of [
      '{"Counts":[1],"Buckets":[1]}',
      '{"Counts":[1,1],"Buckets":[1,1,2]}',
      '{"Counts":[1],"Buckets":[2,1]}',
      '{"Counts":[-1],"Buckets":[1,2]}',
      '{"Counts":[1.5],"Buckets":[1,2]}',
      '{"Counts":[1],"Buckets":[1,"many"]}',
      '{"Counts":[1,1],"Buckets":[1,null,2]}',
      '{"Counts":1}',
    ]) {
      expect([broken, faultOf(() => decodeRuntimeMetricsJson(bytesOf(histogram(broken)))).fault]).toEqual([
        broken,
        'malformed',
      ]);
    }
    const [{ histograms }] = decodeRuntimeMetricsJson(
      bytesOf(histogram('{"counts":[18446744073709551615],"buckets":[null,null]}')),
    ).snapshots;
    expect(histograms[0].histogram).toEqual({
      bounds: [-Infinity, Infinity],
      counts: [18446744073709551615n],
      closed: 'lower',
    });
  });

  it('names the limit that was passed', () => {
    const limits = { ...runtimeMetricsLimits, metrics: 1, histogramBuckets: 1 };
    const two = '{"/a/b:bytes":1,"/a/c:bytes":2}';
    expect(faultOf(() => decodeRuntimeMetricsJson(bytesOf(two), limits)).at.limit).toBe('metrics');
    expect(faultOf(() => decodeRuntimeMetricsText(bytesOf('/a/b:bytes 1\n/a/c:bytes 2\n'), limits)).at.limit).toBe(
      'metrics',
    );
    const wide = '{"/a/b:bytes":{"Counts":[1,2],"Buckets":[1,2,3]}}';
    expect(faultOf(() => decodeRuntimeMetricsJson(bytesOf(wide), limits)).at.limit).toBe('histogramBuckets');
  });

  it('what has no runtime metric in it is unrecognized', () => {
    for (const text of ['{}', '[]', '[1]', '{"a":1}', '{"__proto__":{"/a/b:bytes":1}}', '3']) {
      expect(faultOf(() => decodeRuntimeMetricsJson(bytesOf(text))).fault).toBe('unrecognized');
    }
    expect(faultOf(() => decodeRuntimeMetricsText(bytesOf('GET /index.html 200\n/a/b 3\n'))).fault).toBe(
      'unrecognized',
    );
  });
});
