import fc from 'fast-check';
import { FormatError } from '../../src/formats/format-error.js';
import { prometheusLimits } from '../../src/formats/prometheus/limits.js';
import { decodePrometheus, type PrometheusSnapshot, sniffPrometheus } from '../../src/formats/prometheus/prometheus.js';
import { labelText, parseSampleLine } from '../../src/formats/prometheus/sample-line.js';
import { metricsFixture, metricsFixtures } from './metrics-fixtures.js';
import { faultOf, valueOrFault } from './fault-of.js';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (text: string): PrometheusSnapshot => decodePrometheus(bytesOf(text));
const valuesOf = (snapshot: PrometheusSnapshot): [string, bigint | number][] =>
  snapshot.readings.map(({ name, value }) => [name, value]);

const fixtures = metricsFixtures('prometheus', '');

describe('what real programs wrote', () => {
  it.each(fixtures)('$name reads exactly', ({ text, bytes }) => {
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const expected = lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), line.slice(space + 1)] as const;
    });
    const snapshot = decodePrometheus(bytes);
    expect(snapshot.damage).toBeNull();
    expect(snapshot.goVersion).toBe('go1.26.11');
    expect(snapshot.atUnixNanos).toBeNull();
    expect([snapshot.others, snapshot.othersLeftOut]).toEqual([[], 0]);
    expect(valuesOf(snapshot)).toEqual(
      expected
        .filter(([name]) => !name.includes('_bucket{'))
        .map(([name, value]) => [name, /^\d+$/.test(value) ? BigInt(value) : Number(value)]),
    );
    let buckets = 0;
    for (const { name, histogram } of snapshot.histograms) {
      let below = 0n;
      histogram.counts.forEach((count, i) => {
        below += count;
        const bound = histogram.bounds[i + 1];
        const line = expected.find(
          ([series]) =>
            series.startsWith(`${name}_bucket{`) &&
            Number(/le="(.*?)"/.exec(series)![1].replace('+Inf', 'Infinity')) === bound,
        );
        expect([name, bound, below]).toEqual([name, bound, BigInt(line![1])]);
        buckets++;
      });
    }
    expect(buckets).toBe(expected.filter(([name]) => name.includes('_bucket{')).length);
  });

  it('counters are those that the page calls counters', () => {
    const counters = (file: string): string[] =>
      decodePrometheus(metricsFixture(file).bytes)
        .readings.filter(({ type }) => type === 'counter')
        .map(({ name }) => name);
    const expected = [
      'go_gc_duration_seconds_sum',
      'go_gc_duration_seconds_count',
      'go_memstats_alloc_bytes_total',
      'go_memstats_frees_total',
      'go_memstats_mallocs_total',
      'process_cpu_seconds_total',
      'process_network_receive_bytes_total',
      'process_network_transmit_bytes_total',
    ];
    expect(counters('prometheus/prometheus-default.prom')).toEqual(expected);
    expect(counters('prometheus/openmetrics-default.om.txt')).toEqual(expected);
  });

  it('units are those of the names', () => {
    const units = new Map(
      decodePrometheus(metricsFixture('prometheus/prometheus-all-runtime-metrics.prom').bytes).readings.map(
        ({ name, unit }) => [name, unit],
      ),
    );
    expect(units.get('go_memstats_heap_inuse_bytes')).toBe('bytes');
    expect(units.get('go_memstats_alloc_bytes_total')).toBe('bytes');
    expect(units.get('go_cpu_classes_gc_total_cpu_seconds_total')).toBe('seconds');
    expect(units.get('go_gc_gogc_percent')).toBe('percent');
    expect(units.get('go_goroutines')).toBe('count');
    expect(units.get('go_gc_duration_seconds_count')).toBe('count');
    expect(units.get('go_gc_duration_seconds_sum')).toBe('seconds');
    expect(units.get('process_start_time_seconds')).toBe('unix-seconds');
  });

  it('each is recognised by its first bytes', () => {
    for (const { bytes, text } of fixtures) expect(sniffPrometheus(bytes, text.slice(0, 4096))).toBe(true);
    for (const text of ['go_threads 1\n', 'a{b="c"} +Inf 17\n', '# TYPE go_info gauge\n']) {
      expect(sniffPrometheus(bytesOf(text), text)).toBe(true);
    }
    for (const text of [
      '',
      'anon 1234\nfile 5678\n',
      '# a heading\n',
      'gc 1 @0.012s 3%: 1\n',
      'SCHED 0ms: gomaxprocs=2\n',
      '{"a": 1}',
      'Name:\tshop\n',
    ]) {
      expect([text, sniffPrometheus(bytesOf(text), text)]).toEqual([text, false]);
    }
  });
});

describe('the syntax of a sample', () => {
  const parse = (line: string): unknown => parseSampleLine(line, 64);

  it('any labels read as they were written', () => {
    const label = fc.tuple(
      fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/),
      fc.string({ unit: 'binary', maxLength: 20 }),
    );
    fc.assert(
      fc.property(
        fc.array(label, { maxLength: 4 }),
        fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
        (labels, value) => {
          fc.pre(labels.every(([, text]) => !text.includes('\r')));
          expect(parse(`go_x${labelText(labels)} ${value}`)).toEqual({ name: 'go_x', labels, value, timestamp: null });
        },
      ),
      { numRuns: 500 },
    );
  });

  it('spaces, commas at the end, quoted names, times and exemplars are understood', () => {
    const expected = { name: 'a', labels: [['b', 'c']], value: 1n, timestamp: '1700000000123' };
    for (const line of [
      'a{b="c"} 1 1700000000123',
      '  a { b = "c" , } \t 1  1700000000123 ',
      '{"a",b="c"} 1 1700000000123',
      'a{b="c"} 1 1700000000123 # {trace_id="x y"} 0.5 3',
    ]) {
      expect([line, parse(line)]).toEqual([line, expected]);
    }
    expect(parse('a 1.5')).toMatchObject({ value: 1.5, labels: [] });
  });

  it('values are integers or doubles as they are written', () => {
    const value = (text: string): unknown => (parse(`a ${text}`) as { value: unknown } | null)?.value;
    expect(value('18446744073709551615')).toBe(18446744073709551615n);
    expect(value('1.3513e-05')).toBe(1.3513e-5);
    expect(value('9.223372036854776e+18')).toBe(9.223372036854776e18);
    expect(value('10.0')).toBe(10);
    expect([value('NaN'), value('+Inf'), value('-Inf')]).toEqual([NaN, Infinity, -Infinity]);
  });

  it('what is no sample is none', () => {
    for (const line of [
      ...['a', 'a b', 'a{b="c" 1', 'a{b="c} 1', 'a{b=c} 1', 'a{b="c"}', '{b="c"} 1', 'a{b} 1', 'a 1 2 3', 'a 1 x', '1'],
      ...['a 1e', 'a --1', 'a 0x10', 'a{"x","y"} 1', 'a{b="c"d="e"} 1', 'é 1'],
    ]) {
      expect([line, parse(line)]).toEqual([line, null]);
    }
  });
});

describe('pages', () => {
  it('a page of another program says so', () => {
    const python = 'python_info{version="3.12"} 1\nprocess_resident_memory_bytes 1\nprocess_open_fds 4\n';
    const fault = faultOf(() => read(python));
    expect(fault.fault).toBe('unrecognized');
    expect(fault.message).toContain('3 samples, none of the Go runtime');
    for (const text of ['', '\n', '# HELP a b\n', '<html>', 'hello world\n']) {
      expect(faultOf(() => read(text)).fault).toBe('unrecognized');
    }
  });

  it('a page of several processes is not taken for one', () => {
    const fault = faultOf(() => read('go_goroutines{instance="a"} 1\ngo_goroutines{instance="b"} 2\n'));
    expect(fault.fault).toBe('unrecognized');
    expect(fault.message).toContain('2 processes');
  });

  it('labels that the whole page has are no part of a name, others are', () => {
    const page = read(
      'go_goroutines{app="shop"} 7\ngo_gc_duration_seconds{app="shop",quantile="0.5"} 0.1\ngo_sql_open_connections{app="shop",db_name="a\\"b"} 3\n',
    );
    expect(valuesOf(page)).toEqual([
      ['go_goroutines', 7n],
      ['go_gc_duration_seconds{quantile="0.5"}', 0.1],
      ['go_sql_open_connections{db_name="a\\"b"}', 3n],
    ]);
  });

  it('a namespace before the names is kept, and known for one', () => {
    const page = read('shop_go_goroutines 7\nshop_process_open_fds 3\nshop_orders_total 4\nshop_go_home 1\n');
    expect(page.readings.map(({ name }) => name)).toEqual(['shop_go_goroutines', 'shop_process_open_fds']);
    expect(page.others.map(({ name, type, unit }) => [name, type, unit])).toEqual([
      ['shop_orders_total', 'counter', 'count'],
      ['shop_go_home', 'gauge', ''],
    ]);
  });

  it('of other metrics those without labels are kept, up to the limit', () => {
    const text = 'go_goroutines 1\na 1\nb{user="hunter2"} 1\nc_seconds_total 1.5\nd 1\n';
    const page = decodePrometheus(bytesOf(text), { ...prometheusLimits, keptOthers: 2 });
    expect(page.others).toEqual([
      { name: 'a', unit: '', type: 'gauge', value: 1n },
      { name: 'c_seconds_total', unit: 'seconds', type: 'counter', value: 1.5 },
    ]);
    expect(page.othersLeftOut).toBe(2);
  });

  it('says which Go and which build', () => {
    const page = read(
      'go_info{version="go1.26.11"} 1\ngo_build_info{checksum="",path="example.com/shop",version="v1.2.3"} 1\ngo_goroutines 1\n',
    );
    expect([page.goVersion, page.build]).toEqual(['go1.26.11', { path: 'example.com/shop', version: 'v1.2.3' }]);
  });

  it('times are milliseconds in the text format and seconds in OpenMetrics', () => {
    expect(read('go_goroutines 1 1795448309496\ngo_threads 2 1795448309497\n').atUnixNanos).toBe(1795448309497000000n);
    expect(read('go_goroutines 1 1795448309.4961994\n# EOF\n').atUnixNanos).toBe(1795448309496199400n);
  });

  it('damage is left out and said with its line, the rest is kept', () => {
    const page = read('go_goroutines 1\ngo_threads x\ngo_goroutines 1\ngo_gc_gogc_percent 100\n');
    expect(page.readings.map(({ name }) => name)).toEqual(['go_goroutines', 'go_gc_gogc_percent']);
    expect(page.damage).toMatchObject({ lost: 2, first: { fault: 'malformed' } });
    expect(page.damage?.first.message).toMatch(/^line 2: /);
  });

  it('a page that ends inside a line does not give half a number', () => {
    const page = read('go_threads 4\ngo_goroutines 23');
    expect(valuesOf(page)).toEqual([['go_threads', 4n]]);
    expect(page.damage).toMatchObject({ lost: 1, first: { fault: 'truncated' } });
    const { bytes, text } = metricsFixture('prometheus/openmetrics-default.om.txt');
    const withoutEnd = decodePrometheus(bytes.subarray(0, text.indexOf('# EOF')));
    expect(withoutEnd.damage).toMatchObject({ lost: 1, first: { fault: 'truncated' } });
  });

  it('buckets that do not add up are no histogram', () => {
    const head = 'go_goroutines 1\n# TYPE go_x_seconds histogram\n';
    for (const buckets of [
      'go_x_seconds_bucket{le="1"} 2\ngo_x_seconds_bucket{le="+Inf"} 1\n',
      'go_x_seconds_bucket{le="1"} 2\n',
      'go_x_seconds_bucket{le="2"} 1\ngo_x_seconds_bucket{le="1"} 1\ngo_x_seconds_bucket{le="+Inf"} 1\n',
      'go_x_seconds_bucket{le="+Inf"} 1.5\n',
      'go_x_seconds_bucket 1\n',
    ]) {
      const page = read(head + buckets);
      expect([page.histograms, page.damage?.lost]).toEqual([[], 1]);
    }
  });
});

describe('laws', () => {
  const { bytes } = metricsFixture('prometheus/prometheus-scheduler-metrics.prom');
  const orFault = (input: Uint8Array): PrometheusSnapshot | FormatError => valueOrFault(() => decodePrometheus(input));

  it('a page cut anywhere holds the samples before the cut, or is refused', () => {
    const whole = valuesOf(decodePrometheus(bytes));
    for (let end = 0; end < bytes.length; end += 17) {
      const result = orFault(bytes.subarray(0, end));
      if (result instanceof FormatError) expect(result.fault).toBe('unrecognized');
      else expect(valuesOf(result)).toEqual(whole.slice(0, result.readings.length));
    }
  });

  it('any bit flipped gives a value or a FormatError', () => {
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const flipped = bytes.slice();
        flipped[bit >> 3] ^= 1 << (bit & 7);
        orFault(flipped);
      }),
      { numRuns: 500 },
    );
  });

  it('names the limit that was passed', () => {
    const text = 'go_goroutines 1\ngo_threads 1\n';
    const passed = (limits: Partial<typeof prometheusLimits>): unknown =>
      faultOf(() => decodePrometheus(bytesOf(text), { ...prometheusLimits, ...limits })).at.limit;
    expect(passed({ samples: 1 })).toBe('samples');
    expect(passed({ pageBytes: 5 })).toBe('pageBytes');
  });
});
