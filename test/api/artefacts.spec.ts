import type { Kind } from '../../src/formats/kind.js';
import { startTestApp, type TestApp } from '../app.js';
import { artefact } from '../ingest/artefacts.js';
import { upload } from './uploads.js';

let app: TestApp;
const hour = 3_600_000;
const begin = Math.floor(Date.now() / hour) * hour - 6 * hour;
const at = (minutes: number) => new Date(begin + minutes * 60_000).toISOString();

interface Case {
  readonly file: string;
  readonly kinds: readonly Kind[];
  /** Of the first part. */
  readonly counts: Readonly<Record<string, number>>;
  /** Codes of what the first part says. */
  readonly warnings?: readonly string[];
  readonly losses?: readonly string[];
  /** What is then among the sources of the instance. */
  readonly sources?: readonly string[];
}

const cases: readonly Case[] = [
  { file: 'pprof/go1.26/heap.pb.gz', kinds: ['heap'], counts: { samples: 54 } },
  { file: 'pprof/go1.26/goroutine.pb.gz', kinds: ['goroutine'], counts: { samples: 20 } },
  {
    file: 'profile-text/go1.26/heap.debug1.txt',
    kinds: ['heap', 'memstats'],
    counts: { samples: 55 },
    sources: ['memstats'],
  },
  { file: 'profile-text/go1.26/goroutine.debug1.txt', kinds: ['goroutine'], counts: { samples: 20 } },
  {
    file: 'profile-text/malformed/heap-debug1-truncated.txt',
    kinds: ['heap'],
    counts: { samples: 38 },
    warnings: ['text-cut'],
  },
  {
    file: 'goroutine-dumps/go1.26/goroutine.debug2.txt',
    kinds: ['goroutine-dump'],
    counts: { goroutines: 31, stacks: 19 },
    sources: ['goroutine-states'],
  },
  {
    file: 'goroutine-dumps/damaged/truncated-midline.txt',
    kinds: ['goroutine-dump'],
    counts: {},
    losses: ['ended-early'],
  },
  {
    file: 'logs/go1.26/gctrace-leak.log',
    kinds: ['gctrace'],
    counts: { cycles: 10, processes: 1 },
    warnings: ['clock'],
    sources: ['gctrace'],
  },
  {
    file: 'logs/go1.24/schedtrace.log',
    kinds: ['schedtrace'],
    counts: { processes: 1 },
    sources: ['schedtrace'],
  },
  { file: 'logs/go1.26/mixed.log', kinds: ['gctrace', 'schedtrace'], counts: { processes: 1 } },
  { file: 'json/go1.26/memstats.json', kinds: ['memstats'], counts: { moments: 1, series: 31 }, sources: ['memstats'] },
  { file: 'json/go1.26/expvar.json', kinds: ['memstats'], counts: { moments: 1 }, sources: ['expvar'] },
  { file: 'json/go1.26/gcstats.json', kinds: ['gcstats'], counts: { moments: 1 }, sources: ['gcstats'] },
  { file: 'json/go1.26/buildinfo.json', kinds: ['build-info'], counts: { series: 0 } },
  {
    file: 'json/go1.26/metrics.json',
    kinds: ['runtime-metrics'],
    counts: { moments: 1 },
    sources: ['runtime-metrics'],
  },
  { file: 'json/go1.26/same-moment.ndjson', kinds: ['memstats'], counts: {}, losses: ['unrecognized'] },
  { file: 'prometheus/prometheus-default.prom', kinds: ['runtime-metrics'], counts: {}, sources: ['prometheus'] },
  { file: 'process-memory/proc-pid-status.txt', kinds: ['process-memory'], counts: {}, sources: ['process-memory'] },
  {
    file: 'process-memory/ps-e-pid-rss-vsize-comm.txt',
    kinds: ['process-memory'],
    counts: {},
    warnings: ['several-processes'],
  },
];

const withStacks: readonly Kind[] = [
  'heap',
  'allocs',
  'cpu',
  'block',
  'mutex',
  'threadcreate',
  'goroutine',
  'goroutineleak',
  'goroutine-dump',
];

interface Snapshot {
  readonly id: string;
  readonly part: number;
  readonly kind: Kind;
}

/** The lines of the application have times of their own in some logs: then they are not of the time when this runs. */
const bytesOf = (file: string) =>
  file.endsWith('schedtrace.log')
    ? Buffer.from(
        Buffer.from(artefact(file))
          .toString()
          .match(/^SCHED .*\n/gm)!
          .join(''),
      )
    : artefact(file);

const get = (path: string, query: object = {}) => app.http(app.keys.read).get(`/api/v1/${path}`).query(query);

beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app?.close());

describe('what is sent is found again', () => {
  it.each(cases)('$file', async ({ file, kinds, counts, warnings = [], losses = [], sources = [] }) => {
    const service = file.replaceAll(/[^a-z0-9]+/g, '-');
    const id = await upload(app, bytesOf(file), { service, instance: 'pod-1', captured_at: at(30) });
    const { body: first } = await get(`snapshots/${id}`);
    expect(first).toMatchObject({ kind: kinds[0], part: 0, state: 'indexed', instance: 'pod-1', details: { counts } });
    const codes = (notes: readonly { code: string }[]) => notes.map(({ code }) => code);
    expect(codes(first.details.warnings)).toEqual(expect.arrayContaining(warnings));
    expect(codes(first.details.losses)).toEqual(expect.arrayContaining(losses));

    const { body: list } = await get('snapshots', { service });
    const parts = (list.rows as Snapshot[]).toSorted((a, b) => a.part - b.part);
    expect(parts.map(({ kind }) => kind)).toEqual(kinds);

    for (const part of parts) {
      const top = await get(`snapshots/${part.id}/top`);
      if (withStacks.includes(part.kind)) {
        expect(top).toMatchObject({ status: 200, body: { rows: expect.any(Array) } });
        if (part.kind === 'goroutine-dump') expect(top.body.rows).not.toEqual([]);
      } else {
        expect(top).toMatchObject({ status: 422, body: { code: 'no-stacks' } });
      }
    }

    const runtime = await get(`services/${service}/runtime`, { from: at(0), to: at(60) });
    expect(runtime.status).toBe(200);
    const instances = runtime.body.instances as { name: string; sources: string[] }[];
    expect(instances.flatMap((instance) => instance.sources)).toEqual(expect.arrayContaining(sources));
    if (sources.length > 0) expect(runtime.body.series.length).toBeGreaterThan(0);
  });

  it('the lines of a log without a clock end at its capture', async () => {
    const { body } = await get('services/logs-go1-26-gctrace-leak-log/runtime', {
      from: at(0),
      to: at(60),
      step: '1m',
    });
    const series = body.series as { name: string; sources: string[]; points: { at: string }[] }[];
    const heap = series.find(({ sources }) => sources.includes('gctrace'))!;
    expect(heap.points.length).toBeGreaterThan(0);
    for (const point of heap.points) expect(Date.parse(point.at)).toBeLessThan(Date.parse(at(32)));
  });

  it('a file of one number is known by its name in a capture, and refused alone', async () => {
    const form = new FormData();
    form.append('service', 'numbers');
    form.append('captured_at', at(30));
    const heap = artefact('pprof/go1.26/heap2.pb.gz');
    form.append('a', new Blob(['338421248\n']), 'memory.current');
    form.append('b', new Blob([new Uint8Array(heap)]), 'heap.pb.gz');
    const headers = { authorization: `Bearer ${app.keys.ci}` };
    const sent = await fetch(`${app.url}/api/v1/captures`, { method: 'POST', headers, body: form });
    expect(sent.status).toBe(202);
    await app.settle();
    const { body } = await get('snapshots', { service: 'numbers' });
    const found = (body.rows as { kind: string; name: string }[]).map(({ kind, name }) => [name, kind]);
    expect(found).toEqual(
      expect.arrayContaining([
        ['memory.current', 'process-memory'],
        ['heap.pb.gz', 'heap'],
      ]),
    );

    await expect(upload(app, Buffer.from('7\n'), { service: 'numbers' })).rejects.toThrow(
      /unrecognized.*memory\.current/,
    );
  });
});
