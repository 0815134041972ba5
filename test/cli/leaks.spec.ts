import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { LeakRanking } from '../../src/analysis/leaks/suspect.js';
import { buildHeapProfile, buildProfile } from '../builders/profile-builder.js';
import { tidemark } from './command-line.js';

const noon = Date.UTC(2026, 10, 23, 12);
const minute = 60_000;
/** Of one recording. */
const moments = 8;
const gapMinutes = 10;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-leaks-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Goroutines as debug=2 prints them: `leaking` wait for a receiver, one after the other, `workers` for work. */
function dump(moment: number, { leaking = 40 + 25 * moment, waits = true, name = 'ask' } = {}): string {
  const said = (minutes: number): string => (waits && minutes > 0 ? `, ${minutes} minutes` : '');
  const goroutine = (id: number, state: string, frames: readonly string[]): string =>
    `goroutine ${id} [${state}]:\n${frames.join('\n')}\n`;
  const elapsed = 5 + moment * gapMinutes;
  return [
    goroutine(1, `select${said(elapsed)}`, ['main.main()', '\t/src/shop/main.go:20 +0x1d']),
    ...Array.from({ length: 30 }, (_, i) =>
      goroutine(10 + i, `chan receive${said(elapsed)}`, [
        'main.worker(0xc000012345)',
        '\t/src/shop/worker.go:12 +0x25',
        'created by main.main in goroutine 1',
        '\t/src/shop/main.go:15 +0x99',
      ]),
    ),
    ...Array.from({ length: leaking }, (_, i) =>
      goroutine(1000 + 3 * i, `chan send${said(Math.min(elapsed, elapsed - Math.floor((i - 40) / 25) * gapMinutes))}`, [
        `main.${name}.func1()`,
        '\t/src/shop/ask.go:42 +0x2f',
        `created by main.${name} in goroutine 7`,
        '\t/src/shop/ask.go:40 +0x6c',
      ]),
    ),
  ].join('\n');
}

/** Sessions that stay, and requests that are all gone by the next snapshot. */
function heap(moment: number): Uint8Array {
  const open = [
    'main.main /src/shop/main.go:20',
    'main.(*store).open /src/shop/store.go:31',
    'bytes.makeSlice /go/bytes.go:9',
  ];
  const serve = ['main.main /src/shop/main.go:20', 'main.serve /src/shop/serve.go:17'];
  const opened = 400 + moment * 300;
  return buildHeapProfile(
    [
      { stack: open, values: [opened, opened * 16_384, opened, opened * 16_384] },
      { stack: serve, values: [5000 * (moment + 1), 5000 * (moment + 1) * 1024, 900, 900 * 1024] },
    ],
    { timeNanos: BigInt(noon + moment * gapMinutes * minute) * 1_000_000n },
  );
}

type Files = Readonly<Record<string, string | Uint8Array>>;

/** A folder with these files, changed as many minutes after noon as their numbers say, or all at once. */
function recording(name: string, files: Files, written: 'one by one' | 'at once' = 'one by one'): string {
  const root = join(folder, name);
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, content);
    const moment = Number(/(\d+)[^/]*$/.exec(path)?.[1] ?? 0);
    const seconds = written === 'at once' ? noon / 1000 + 500_000 : noon / 1000 + moment * gapMinutes * 60;
    utimesSync(file, seconds, seconds);
  }
  return root;
}

const series = (
  fileOf: (moment: number) => string,
  contentOf: (moment: number) => string | Uint8Array,
  count = moments,
): Files => Object.fromEntries(Array.from({ length: count }, (_, moment) => [fileOf(moment), contentOf(moment)]));
const dumps = (prefix = '', options: Parameters<typeof dump>[1] = {}): Files =>
  series(
    (moment) => `${prefix}${moment}.goroutine-debug2.txt`,
    (moment) => dump(moment, options),
  );

async function ranked(...args: string[]): Promise<LeakRanking> {
  const { code, stdout, stderr } = await tidemark(['leaks', '--json', ...args]);
  expect([code, stderr.includes('this is a bug')]).toEqual([0, false]);
  return JSON.parse(stdout) as LeakRanking;
}

/** What a ranking says, without what depends on the times of day. */
const order = ({ suspects }: LeakRanking) =>
  suspects.map(({ rank, tier, fingerprint }) => ({ rank, tier, fingerprint }));

describe('tidemark leaks', () => {
  it('ranks what leaks first, and tells where, since when and how fast', async () => {
    const root = recording('plain', {
      ...dumps(),
      ...series(
        (n) => `${n}.heap.pb.gz`,
        (n) => gzipSync(heap(n)),
      ),
    });
    const { suspects, judged } = await ranked(root);
    const goroutines = suspects.find(({ kind }) => kind === 'goroutine')!;
    expect(goroutines).toMatchObject({
      function: 'main.ask.func1',
      state: 'chan send',
      createdBy: 'main.ask',
      stack: [{ function: 'main.ask.func1', file: '/src/shop/ask.go', line: 42 }],
      // Just after the heap profile that was taken with it.
      firstSeenMillis: noon + 1,
    });
    expect(['confirmed', 'probable']).toContain(goroutines.tier);
    expect(goroutines.growth.perHour).toBeCloseTo(150, 0);
    const bytes = suspects.find(({ kind }) => kind === 'heap')!;
    expect(bytes).toMatchObject({ function: 'main.(*store).open', state: null });
    expect(bytes.growth.perHour).toBeCloseTo(300 * 16_384 * 6, -5);
    expect(suspects.map(({ rank }) => rank)).toEqual(suspects.map((_, i) => i + 1));
    expect(suspects.some(({ function: name }) => name === 'main.worker' || name === 'main.serve')).toBe(false);
    expect(judged).toMatchObject({ instances: 1, goroutineSnapshots: moments, heapSnapshots: moments });
  });

  it('every suspect has all that the API tells of it', async () => {
    const [suspect] = (await ranked(recording('shape', dumps()))).suspects;
    expect(Object.keys(suspect)).toEqual(
      expect.arrayContaining([
        ...['rank', 'tier', 'score', 'kind', 'function', 'pivot', 'state', 'stack', 'createdBy', 'factors', 'why'],
        ...['whyNot', 'fingerprint', 'growth', 'firstSeenMillis', 'sinceBuild', 'instances', 'advice', 'related'],
      ]),
    );
    expect(suspect.factors.length).toBeGreaterThan(3);
    expect(suspect.instances[0].after).toMatch(/7\.goroutine-debug2\.txt$/);
  });

  it('files that were copied rank as those that lie where they were written', async () => {
    for (const waits of [true, false]) {
      const name = `copied-${waits}`;
      const original = await ranked(recording(`${name}-original`, dumps('', { waits })));
      const copied = await ranked(recording(name, dumps('', { waits }), 'at once'));
      expect(order(copied)).toEqual(order(original));
      expect(copied.suspects.length).toBeGreaterThan(0);
      expect(copied.notes.join(' ')).toMatch(/8 snapshots do not say when it was/);
    }
  });

  it('of dumps without times the waits of goroutines tell how fast it grows; else it is told per snapshot', async () => {
    const told = await ranked(recording('waits', dumps(), 'at once'));
    expect(told.suspects[0].growth.perHour).toBeCloseTo(150, 0);
    const { stdout } = await tidemark(['leaks', recording('silent', dumps('', { waits: false }), 'at once')]);
    expect(stdout).toContain('+25 per snapshot');
    expect(stdout).toContain('growth per hour is not known');
    expect(stdout).not.toContain('per hour,');
  });

  it('a dump has the time of the profile that was taken with it', async () => {
    const files = { ...dumps('', { waits: false }), ...series((n) => `heap-${n}.pb`, heap) };
    const { suspects, notes } = await ranked(recording('together', files, 'at once'));
    expect(suspects.find(({ kind }) => kind === 'goroutine')!.growth.perHour).toBeCloseTo(150, 0);
    expect(notes.join(' ')).not.toContain('say when it was');
  });

  it('the order of arguments makes no difference', async () => {
    const root = recording('order', { ...dumps(), ...series((n) => `${n}.heap.pb`, heap) });
    const files = Object.keys({ ...dumps(), ...series((n) => `${n}.heap.pb`, heap) }).map((name) => join(root, name));
    const forwards = await ranked(...files);
    expect(await ranked(...files.toReversed())).toEqual(forwards);
    expect(forwards).toEqual(await ranked(root));
  });

  it('each folder in the folder is an instance, and so is each of several folders', async () => {
    const files = { ...dumps('pod-1/'), ...dumps('pod-2/'), ...dumps('pod-3/goroutine/', { leaking: 40 }) };
    const root = recording('fleet', files);
    const { suspects, judged } = await ranked(root);
    expect(judged.instances).toBe(3);
    expect(suspects[0].instances.filter(({ affected }) => affected).map(({ name }) => name)).toEqual([
      'pod-1',
      'pod-2',
    ]);
    const pods = ['pod-2', 'pod-3', 'pod-1'].map((pod) => join(root, pod));
    expect(await ranked(...pods)).toEqual(await ranked(root));
  });

  it('profiles over a duration are left out, and so is what tells nothing; both are said', async () => {
    const delta = (moment: number): Uint8Array =>
      buildProfile({
        sampleTypes: ['goroutine/count'],
        samples: [{ stack: ['main.main', 'main.other'], values: [moment * 1000] }],
        timeNanos: BigInt(noon) * 1_000_000n,
        durationNanos: 30_000_000_000n,
      });
    const cpu = buildProfile({
      sampleTypes: ['samples/count', 'cpu/nanoseconds'],
      samples: [{ stack: ['main.main'], values: [1, 10_000_000] }],
    });
    const plain = await ranked(recording('no-deltas', dumps()));
    const files = { ...dumps(), ...series((n) => `${n}.delta.pb`, delta), '0.cpu.pb': cpu, 'notes.txt': 'hello' };
    const { code, stdout, stderr } = await tidemark(['leaks', '--json', recording('deltas', files)]);
    expect(code).toBe(0);
    const answer = JSON.parse(stdout) as LeakRanking;
    expect(order(answer)).toEqual(order(plain));
    expect(answer.judged.goroutineSnapshots).toBe(moments);
    expect(stderr).toMatch(/8 files cover a duration .*: 0\.delta\.pb, /);
    expect(stderr).toMatch(/1 file says nothing of leaks \(cpu\): 0\.cpu\.pb/);
    expect(stderr).toMatch(/1 file is nothing that Go writes: notes\.txt/);
  });

  it('what is there twice counts once', async () => {
    const root = recording('twice', { ...dumps(), ...series((n) => `${n}.heap.pb`, heap) });
    const once = await ranked(root);
    for (let n = 0; n < moments; n++) {
      writeFileSync(join(root, `copy-of-${n}.heap.pb.gz`), gzipSync(heap(n)));
      const seconds = (noon + n * gapMinutes * minute) / 1000;
      const again = join(root, `${n}.goroutine-debug2.txt.gz`);
      writeFileSync(again, gzipSync(dump(n)));
      utimesSync(again, seconds, seconds);
    }
    const twice = await ranked(root, join(root, '0.heap.pb'));
    expect(twice.judged).toEqual(once.judged);
    expect(order(twice)).toEqual(order(once));
  });

  it('several dumps in one log are as many snapshots', async () => {
    const log = Array.from(
      { length: moments },
      (_, n) => `SIGQUIT: quit\nPC=0x1 m=0 sigcode=0\n\n${dump(n)}\nrestarting\n`,
    );
    const { suspects, judged } = await ranked(recording('log', { 'shop.log': log.join('\n') }));
    expect(judged.goroutineSnapshots).toBe(moments);
    expect(suspects[0]).toMatchObject({ function: 'main.ask.func1', state: 'chan send' });
    expect(suspects[0].growth.perHour).toBeCloseTo(150, 0);
  });

  it('--from and --to choose snapshots, relative to the last one', async () => {
    const root = recording(
      'range',
      series((n) => `${n}.heap.pb`, heap),
    );
    expect((await ranked(root, '--from', '-30m')).judged).toMatchObject({ heapSnapshots: 4 });
    expect((await ranked(root, '--from', '2026-11-23T12:20:00Z', '--to', '2026-11-23T12:50:00Z')).judged).toMatchObject(
      {
        heapSnapshots: 3,
        firstAtMillis: noon + 20 * minute,
        lastAtMillis: noon + 40 * minute,
      },
    );
    expect((await tidemark(['leaks', root, '--to', '2020-01-01'])).code).toBe(1);
    expect((await tidemark(['leaks', root, '--from', 'yesterday'])).code).toBe(64);
  });

  it('--kind and --limit choose suspects, which are ranked anew', async () => {
    const root = recording('kinds', { ...dumps(), ...series((n) => `${n}.heap.pb`, heap) });
    const heaps = (await ranked(root, '--kind', 'heap')).suspects;
    expect(heaps.map(({ rank, kind }) => [rank, kind])).toEqual(heaps.map((_, i) => [i + 1, 'heap']));
    expect((await ranked(root, '--kind', 'goroutine')).suspects.every(({ kind }) => kind === 'goroutine')).toBe(true);
    expect((await ranked(root, '--limit', '1')).suspects).toHaveLength(1);
  });

  it('tells the verdict in one line, then each suspect, then how strong all that is', async () => {
    const root = recording('text', dumps());
    const { code, stdout, stderr } = await tidemark(['leaks', root]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^1 probable suspect\.\n\n#1 PROBABLE goroutine {2}main\.ask\.func1 {2}\/src\/shop\/ask\.go:42\n/,
    );
    expect(stdout).toMatch(/^ {3}state {5}chan send, created by main\.ask$/m);
    expect(stdout).toMatch(/^ {3}growth {4}\+150 per hour, now 215 goroutines, 100 % of what the service grew by$/m);
    expect(stdout).toMatch(/^ {3}series {4}\S*█ {2}40 to 215$/m);
    expect(stdout).toMatch(/^ {3}why {7}\S/m);
    expect(stdout).toMatch(/^ {3}stack {5}. main\.ask\.func1 {2}\/src\/shop\/ask\.go:42$/m);
    expect(stdout).toMatch(/^Judged: 1 instance, 1 process; 8 snapshots of goroutines, 0 of the heap\.$/m);
  });

  it('where nothing leaks it says so, in JSON too', async () => {
    const root = recording('sound', dumps('', { leaking: 40 }));
    const { code, stdout } = await tidemark(['leaks', root, '--fail-on', 'watch']);
    expect([code, stdout.split('\n')[0]]).toEqual([0, 'Nothing grows the way a leak does.']);
    expect((await ranked(root)).suspects).toEqual([]);
  });

  it('--fail-on ends with 3 if there is a suspect as sure, after all is printed', async () => {
    const root = recording('failing', dumps());
    const { code, stdout, stderr } = await tidemark(['leaks', root, '--json', '--fail-on', 'probable', '--limit', '1']);
    expect(code).toBe(3);
    expect((JSON.parse(stdout) as LeakRanking).suspects).toHaveLength(1);
    expect(stderr).toContain('1 suspect at probable or above');
    expect((await tidemark(['leaks', root, '--fail-on', 'confirmed'])).code).toBe(0);
  });

  it('a file of a folder that is broken is told, one that was named is a failure', async () => {
    const root = recording('broken', { ...dumps(), '3.heap.pb.gz': gzipSync(heap(3)).subarray(0, 90) });
    const { code, stdout, stderr } = await tidemark(['leaks', root]);
    expect([code, stdout.split('\n')[0]]).toEqual([0, '1 probable suspect.']);
    expect(stderr).toMatch(/Left out: .*3\.heap\.pb\.gz: truncated/);
    const named = await tidemark(['leaks', join(root, '1.goroutine-debug2.txt'), join(root, '3.heap.pb.gz')]);
    expect([named.code, named.stdout]).toEqual([1, '']);
  });

  it.each([
    ['a file that is not there', ['./absent'], 66],
    ['nothing', [], 64],
    ['a tier that is none', ['.', '--fail-on', 'sure'], 64],
    ['a limit that is none', ['.', '--limit', 'many'], 64],
  ])('ends with a code of its own for %s', async (_, args, code) => {
    const outcome = await tidemark(['leaks', ...args]);
    expect([outcome.code, outcome.stdout]).toEqual([code, '']);
    expect(outcome.stderr).not.toContain('this is a bug');
  });

  it('a folder without anything to judge is a failure, and prints nothing', async () => {
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    const useless = recording('useless', { 'notes.txt': 'hello', 'more.txt': 'there' });
    for (const [root, message] of [
      [empty, 'There are no files'],
      [useless, 'There is no snapshot of goroutines'],
    ]) {
      const { code, stdout, stderr } = await tidemark(['leaks', root, '--json']);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(message);
    }
  });

  it('does not let a name in a dump write to the terminal', async () => {
    const root = recording('escape', dumps('', { name: '\u001b[31mask' }));
    const { stdout } = await tidemark(['leaks', root, '--all']);
    expect(stdout).toContain('\\u001b[31mask');
    expect(stdout).not.toContain('\u001b[31m');
  });

  it('numbers about memory count as of the folder that they lie in', async () => {
    const files = {
      ...series((n) => `pod-1/${n}.heap.pb`, heap),
      ...series(
        (n) => `pod-1/${n}.memstats.json`,
        (n) => JSON.stringify({ HeapAlloc: 1, HeapInuse: n * 2 ** 20, Sys: n * 2 ** 21 + 1, NumGC: n }),
      ),
    };
    const root = recording('memory', files);
    cpSync(join(root, 'pod-1'), join(root, 'pod-2'), { recursive: true });
    expect((await ranked(root)).judged).toMatchObject({ instances: 2, heapSnapshots: 2 * moments });
  });
});
