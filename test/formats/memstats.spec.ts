import fc from 'fast-check';
import { decodeBuildInfo, sniffBuildInfo } from '../../src/formats/memstats/build-info.js';
import { decodeExpvar, sniffExpvar } from '../../src/formats/memstats/expvar.js';
import { memStatsFields } from '../../src/formats/memstats/fields.js';
import { decodeGcStats, sniffGcStats } from '../../src/formats/memstats/gc-stats.js';
import { expvarLimits } from '../../src/formats/memstats/limits.js';
import { decodeMemStats, type MemStatsSnapshot, sniffMemStats } from '../../src/formats/memstats/memstats-json.js';
import { pausesOfRing } from '../../src/formats/memstats/pause.js';
import { sniffRuntimeMetricsJson } from '../../src/formats/runtime-metrics/runtime-metrics-json.js';
import { metricsFixture, metricsFixtures, parseWithTextNumbers } from './metrics-fixtures.js';
import { faultOf, valueOrFault } from './fault-of.js';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const sniffers = {
  memstats: sniffMemStats,
  expvar: sniffExpvar,
  gcstats: sniffGcStats,
  buildinfo: sniffBuildInfo,
  metrics: sniffRuntimeMetricsJson,
};

type Texts = Record<string, string>;
interface MemStatsTexts extends Texts {
  PauseNs: string & string[];
  PauseEnd: string & string[];
  BySize: string & Texts[];
}

/** Every number of a MemStats against its text. */
function expectExact(snapshot: MemStatsSnapshot, expected: MemStatsTexts): void {
  const scalars = memStatsFields.filter(({ name }) => name in expected);
  expect(scalars.length).toBe(27);
  expect(snapshot.readings.map(({ name }) => name)).toEqual(scalars.map(({ name }) => name));
  for (const { name, value } of snapshot.readings) {
    if (name === 'GCCPUFraction') expect(value).toBe(Number(expected[name]));
    else expect(value).toBe(BigInt(expected[name]));
  }
  const gcCount = Number(expected.NumGC);
  expect(snapshot.pauses).toHaveLength(Math.min(gcCount, 256));
  for (const { gc, endUnixNanos, pauseNanos } of snapshot.pauses) {
    expect(String(endUnixNanos)).toBe(expected.PauseEnd[(gc + 255) % 256]);
    expect(String(pauseNanos)).toBe(expected.PauseNs[(gc + 255) % 256]);
  }
  expect(String(snapshot.pauses.at(-1)?.endUnixNanos)).toBe(expected.LastGC);
  expect(snapshot.sizeClasses).toEqual(
    expected.BySize.map(({ Size, Mallocs, Frees }) => ({
      objectBytes: BigInt(Size),
      mallocs: BigInt(Mallocs),
      frees: BigInt(Frees),
    })),
  );
}

describe('what real programs wrote', () => {
  it.each(metricsFixtures('json', 'memstats.json'))('$name reads exactly', ({ bytes, text }) => {
    const { snapshots, damage } = decodeMemStats(bytes);
    expect(damage).toBeNull();
    expect(snapshots).toHaveLength(1);
    expectExact(snapshots[0], parseWithTextNumbers(text) as MemStatsTexts);
  });

  it.each(metricsFixtures('json', 'expvar.json'))(
    '$name reads exactly, and without the arguments',
    ({ bytes, text }) => {
      const { snapshots } = decodeExpvar(bytes);
      const expected = parseWithTextNumbers(text) as { memstats: MemStatsTexts; requests: string; cmdline: string[] };
      expectExact(snapshots[0], expected.memstats);
      expect(snapshots[0].variables).toEqual([
        { name: 'requests', unit: '', type: 'gauge', value: BigInt(expected.requests) },
      ]);
      const kept = JSON.stringify(snapshots, (_, value: unknown) => (typeof value === 'bigint' ? 0 : value));
      for (const argument of expected.cmdline) expect(kept).not.toContain(JSON.stringify(argument));
    },
  );

  it.each(metricsFixtures('json', 'gcstats.json'))('$name reads exactly', ({ bytes, text }) => {
    const { snapshots } = decodeGcStats(bytes);
    const expected = parseWithTextNumbers(text) as Texts & {
      Pause: string[];
      PauseEnd: string[];
      PauseQuantiles: string[];
    };
    const [{ readings, pauses, quantileNanos }] = snapshots;
    expect(readings.map(({ name, value }) => [name, value])).toEqual([
      ['NumGC', BigInt(expected.NumGC)],
      ['PauseTotal', BigInt(expected.PauseTotal)],
      ['LastGC', pauses.at(-1)?.endUnixNanos],
    ]);
    expect(quantileNanos.map(String)).toEqual(expected.PauseQuantiles);
    expect(pauses).toHaveLength(expected.Pause.length);
    [...pauses].reverse().forEach(({ gc, endUnixNanos, pauseNanos }, i) => {
      expect(gc).toBe(Number(expected.NumGC) - i);
      expect(String(pauseNanos)).toBe(expected.Pause[i]);
      // Date reads whole seconds; the digits after them are text.
      const [seconds, digits] = expected.PauseEnd[i].replace('Z', '').split('.');
      expect(endUnixNanos).toBe(BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt((digits ?? '').padEnd(9, '0')));
    });
  });

  it('GCStats and MemStats of one process show the same pauses', () => {
    for (const version of ['go1.15', 'go1.19', 'go1.26']) {
      const [memStats] = decodeMemStats(metricsFixture(`json/${version}/memstats.json`).bytes).snapshots;
      const [gcStats] = decodeGcStats(metricsFixture(`json/${version}/gcstats.json`).bytes).snapshots;
      expect(gcStats.pauses).toEqual(memStats.pauses);
    }
  });

  it.each(metricsFixtures('json', 'buildinfo.json'))('$name says how it was built', ({ name, bytes }) => {
    const [info] = decodeBuildInfo(bytes).snapshots;
    const version = /go(\d+\.\d+)/.exec(name)![1];
    if (version === '1.15') expect(info.goVersion).toBe('');
    else expect(info.goVersion.startsWith(`go${version}`)).toBe(true);
    expect(info.main).toEqual({ path: 'example.com/fixgen', version: '(devel)' });
    expect(info.dependencies).toEqual([]);
  });

  it('each is recognised by its first bytes, as that and as nothing else', () => {
    const fixtures = metricsFixtures('json', '.json');
    expect(fixtures.length).toBeGreaterThanOrEqual(14);
    for (const { name, bytes, text } of fixtures) {
      const recognised = Object.entries(sniffers)
        .filter(([, sniff]) => sniff(bytes.subarray(0, 4096), text.slice(0, 4096)))
        .map(([format]) => format);
      expect([name, recognised]).toEqual([name, [/(\w+)\.json$/.exec(name)![1]]]);
    }
  });
});

describe('laws', () => {
  const decoders = [
    ['memstats', decodeMemStats],
    ['expvar', decodeExpvar],
    ['gcstats', decodeGcStats],
    ['buildinfo', decodeBuildInfo],
  ] as const;

  it.each(decoders)('%s cut anywhere or with any bit flipped is a value or a FormatError', (name, decode) => {
    const { bytes } = metricsFixture(`json/go1.26/${name}.json`);
    for (let end = 0; end < bytes.length - 2; end += 37) {
      expect(['truncated', 'unrecognized']).toContain(faultOf(() => decode(bytes.subarray(0, end))).fault);
    }
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const flipped = bytes.slice();
        flipped[bit >> 3] ^= 1 << (bit & 7);
        valueOrFault(() => decode(flipped));
      }),
      { numRuns: 500 },
    );
  });

  it('a file of several reads as each alone, one a line or indented', () => {
    const texts = ['go1.15', 'go1.19', 'go1.26'].map((version) => metricsFixture(`json/${version}/memstats.json`).text);
    const alone = texts.map((text) => decodeMemStats(bytesOf(text)).snapshots[0]);
    expect(decodeMemStats(bytesOf(texts.join('\n'))).snapshots).toEqual(alone);
    const lines = texts.map((text) => text.replace(/\s+/g, ''));
    expect(decodeMemStats(bytesOf(lines.join('\n')))).toEqual({ snapshots: alone, damage: null });
  });

  it('a damaged line is left out and said, those around it are kept', () => {
    const line = metricsFixture('json/go1.26/memstats.json').text.replace(/\s+/g, '');
    const { snapshots, damage } = decodeMemStats(
      bytesOf(`${line}\n${line.slice(0, 99)}\n{"a":1}\n${line}\n${line.slice(0, 500)}`),
    );
    expect(snapshots).toHaveLength(2);
    expect(damage?.lost).toBe(3);
  });
});

describe('the ring of pauses', () => {
  /** Writes pauses as the runtime does, one after the other. */
  function ringAfter(count: number): { pauses: bigint[]; ends: bigint[] } {
    const pauses = new Array<bigint>(256).fill(0n);
    const ends = new Array<bigint>(256).fill(0n);
    for (let numGc = 0; numGc < count; numGc++) {
      pauses[numGc % 256] = BigInt(numGc + 1) * 10n;
      ends[numGc % 256] = BigInt(numGc + 1) * 1_000n;
    }
    return { pauses, ends };
  }

  it('gives the last 256 collections by number, the oldest first, whether it wrapped or not', () => {
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(0, 1, 255, 256, 257, 511, 512, 513), fc.nat({ max: 2_000 })), (count) => {
        const { pauses, ends } = ringAfter(count);
        const first = Math.max(1, count - 255);
        expect(pausesOfRing(count, pauses, ends)).toEqual(
          Array.from({ length: count - first + 1 }, (_, i) => ({
            gc: first + i,
            endUnixNanos: BigInt(first + i) * 1_000n,
            pauseNanos: BigInt(first + i) * 10n,
          })),
        );
      }),
    );
  });

  it('a ring that was shortened is read while it has not wrapped, and not guessed at afterwards', () => {
    const { pauses, ends } = ringAfter(12);
    expect(pausesOfRing(12, pauses.slice(0, 12), ends.slice(0, 12))).toHaveLength(12);
    expect(pausesOfRing(13, pauses.slice(0, 12), ends.slice(0, 12))).toEqual([]);
    expect(faultOf(() => pausesOfRing(12, pauses, ends.slice(1))).fault).toBe('malformed');
  });
});

describe('inputs that are not as Go writes them', () => {
  it('fields may be missing, come in any order and beside others', () => {
    const text =
      '{"zz":{"HeapSys":1},"PauseNs":null,"HeapInuse":18446744073709551615,"NumGC":3,"__proto__":1,"Alloc":2}';
    expect(decodeMemStats(bytesOf(text)).snapshots[0]).toEqual({
      atUnixNanos: null,
      readings: [
        { name: 'HeapInuse', unit: 'bytes', type: 'gauge', value: 18446744073709551615n },
        { name: 'NumGC', unit: 'count', type: 'counter', value: 3n },
        { name: 'Alloc', unit: 'bytes', type: 'gauge', value: 2n },
      ],
      pauses: [],
      sizeClasses: [],
    });
  });

  it('a time that was written beside the fields is the time of the snapshot', () => {
    const at = 1795447187_264_021_000n;
    for (const time of [
      '"time":"2026-11-23T15:19:47.264021Z"',
      '"@timestamp":"2026-11-23T16:19:47.264021000+01:00"',
      '"ts":1795447187.264021',
      '"timestamp":1795447187264.021',
      '"ts":1795447187264021',
      '"Time":1795447187264021000',
      '"time":"yesterday","ts":1795447187264021',
    ]) {
      expect([time, decodeMemStats(bytesOf(`{${time},"HeapAlloc":1}`)).snapshots[0].atUnixNanos]).toEqual([time, at]);
      expect(decodeExpvar(bytesOf(`{${time},"memstats":{"HeapAlloc":1}}`)).snapshots[0].atUnixNanos).toBe(at);
    }
    for (const time of ['"time":7', '"time":null', '"time":""', '"ts":1e20', '"ts":-1795447187']) {
      expect(decodeMemStats(bytesOf(`{${time},"HeapAlloc":1}`)).snapshots[0].atUnixNanos).toBeNull();
    }
  });

  it('a field of another type is malformed and named; another JSON is unrecognized', () => {
    for (const value of ['"6 MiB"', '-1', '1.5', 'null', '18446744073709551616', '[]']) {
      const fault = faultOf(() => decodeMemStats(bytesOf(` {"HeapAlloc":${value}}`)));
      expect([fault.fault, fault.at.offset]).toEqual(['malformed', 1]);
      expect(fault.message).toContain('HeapAlloc');
    }
    for (const text of ['', ' ', '{}', '[]', '1', '{"memstats":1}']) {
      for (const decode of [decodeMemStats, decodeGcStats, decodeBuildInfo]) {
        expect(faultOf(() => decode(bytesOf(text))).fault).toBe('unrecognized');
      }
    }
  });

  it('keeps numeric variables and those in maps, up to the limit, and counts the others', () => {
    const text =
      '{"cmdline":["a","-password=hunter2"],"hits":{"GET":3,"POST":4,"deep":{"x":1}},"name":"hunter2","ratio":0.5,"up":1,"memstats":{"HeapAlloc":1}}';
    const [page] = decodeExpvar(bytesOf(text)).snapshots;
    expect(page.variables.map(({ name, value }) => [name, value])).toEqual([
      ['hits.GET', 3n],
      ['hits.POST', 4n],
      ['ratio', 0.5],
      ['up', 1n],
    ]);
    const few = decodeExpvar(bytesOf(text), { ...expvarLimits, keptVariables: 3 }).snapshots[0];
    expect([few.variables.length, few.variablesLeftOut]).toEqual([3, 1]);
  });

  it('a program that has not collected yet has no LastGC and no pauses', () => {
    const text =
      '{"LastGC":"1970-01-01T01:00:00+01:00","NumGC":0,"PauseTotal":0,"Pause":[],"PauseEnd":[],"PauseQuantiles":null}';
    const [stats] = decodeGcStats(bytesOf(text)).snapshots;
    expect(stats.readings.map(({ name }) => name)).toEqual(['NumGC', 'PauseTotal']);
    expect([stats.pauses, stats.quantileNanos]).toEqual([[], []]);
  });

  it('settings that may hold secrets are not kept, and a replacement stands for what it replaces', () => {
    const text = JSON.stringify({
      GoVersion: 'go1.26.1',
      Path: 'example.com/shop/cmd/shop',
      Main: { Path: 'example.com/shop', Version: 'v1.2.3' },
      Deps: [{ Path: 'a', Version: 'v1.0.0', Replace: { Path: 'b', Version: 'v2.0.0' } }],
      Settings: [
        { Key: '-ldflags', Value: '-X main.token=hunter2' },
        { Key: 'CGO_LDFLAGS', Value: 'hunter2' },
        { Key: 'vcs.revision', Value: '0123456789abcdef' },
        { Key: 'vcs.time', Value: '2026-11-20T10:00:00Z' },
        { Key: 'vcs.modified', Value: 'true' },
      ],
    });
    const [info] = decodeBuildInfo(bytesOf(text)).snapshots;
    expect(info).toMatchObject({
      main: { path: 'example.com/shop', version: 'v1.2.3' },
      dependencies: [{ path: 'b', version: 'v2.0.0' }],
      vcsRevision: '0123456789abcdef',
      vcsTime: '2026-11-20T10:00:00Z',
      vcsModified: true,
    });
    expect([...info.settings.values()].join()).not.toContain('hunter2');
  });
});
