import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { TraceAnswer, TraceWindowAnswer } from '../../src/analysis/trace/trace-answer.js';
import { CliFailure } from '../../src/cli/failure.js';
import { printTrace, type TraceOptions } from '../../src/cli/trace.js';
import { event, noThread, TraceBuilder } from '../builders/trace-builder.js';
import { traceBytes, tracePath } from '../formats/trace-fixtures.js';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-trace-'));
afterAll(() => rmSync(folder, { recursive: true }));

const noServer = (): never => {
  throw new Error('a local file needs no server');
};

async function run(path: string, options: TraceOptions = {}): Promise<{ text: string; failure: CliFailure | null }> {
  const printed: string[] = [];
  const out = { print: (text: string) => void printed.push(text), remark() {}, progress() {} };
  let failure: CliFailure | null = null;
  try {
    await printTrace(noServer, path, options, out);
  } catch (error) {
    if (!(error instanceof CliFailure)) throw error;
    failure = error;
  }
  return { text: printed.join('\n'), failure };
}

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

type Answer = TraceAnswer & {
  readonly window: TraceWindowAnswer | null;
  readonly fault: { readonly fault: string; readonly message: string } | null;
};

const busy = tracePath('go1.26-cpusamples.trace');

describe('tidemark trace', () => {
  it('tells goroutines, blocks, scheduler latency, collections and tasks', async () => {
    const { text, failure } = await run(busy, { limit: '4' });
    expect(failure).toBeNull();
    expect(text).toMatch(/^Execution trace of format go 1\.26: 33282 events in 2 generations over 1\.53s$/m);
    expect(text).toMatch(/^Started: 2026-11-23T15:31:48/m);
    expect(text).toMatch(/^ *\d+ .* main\.worker$/m);
    expect(text).toMatch(/chan send +main\.worker +main\.worker:53 +main\.pipeline\.func1 at main\.pipeline/);
    expect(text).not.toContain('runtime.forcegchelper');
    expect(text).toMatch(/^Scheduler latency \(runnable to running\): 9903, p50 /m);
    expect(text).toMatch(/^Stops of the world: \d+, p50 /m);
    expect(text).toMatch(/^Tasks\n/m);
    expect(text).toMatch(/^\d+ more places are not shown\. All blocks, the runtime's own included: \d+ that ended, /m);
  });

  it('gives the same as JSON, with 64-bit numbers as text', async () => {
    const { text } = await run(busy, { json: true });
    const answer = JSON.parse(text) as Answer;
    expect(answer).toMatchObject({ events: 33282, fault: null, window: null, base_nanos: '2201849858752' });
    expect(answer.started_at_nanos).toMatch(/^1795447908685\d{6}$/);
    expect(answer.blocking.entries.find(({ reason }) => reason === 'sleep')!.callee).toBe('time.Sleep');
  });

  it('reads a trace inside gzip, and without a clock', async () => {
    const path = file('old.trace.gz', gzipSync(traceBytes('go1.22-mixed.trace')));
    const { text, failure } = await run(path);
    expect(failure).toBeNull();
    expect(text).toMatch(/format go 1\.22: 18141 events/);
    expect(text).toMatch(/Started: the trace does not say/);
  });

  it('reads a trace of Go 1.15, and says when it is cut off', async () => {
    const bytes = traceBytes('go1.15-mixed.trace');
    const whole = await run(file('v1.trace', bytes));
    expect(whole.failure).toBeNull();
    expect(whole.text).toMatch(/format go 1\.11: 3515 events in 1 generations/);
    const cut = await run(file('cut.trace', bytes.subarray(0, bytes.length - 4000)));
    expect(cut.failure?.message ?? '').toMatch(/truncated/);
  });

  it('shows what led to the longest block of a goroutine', async () => {
    const { text } = await run(busy, { goroutine: '1', window: '5ms' });
    expect(text).toMatch(/^Goroutine 1 main\.main, from /);
    expect(text).toMatch(/its longest block began at /);
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/goroutine 1 main\.main: Running -> Waiting \(/);
  });

  it('shows everything in a window before a time, since the start or of day', async () => {
    const json = JSON.parse((await run(busy, { before: '100ms', window: '1ms', json: true })).text) as Answer;
    const { events, to_nanos: to } = json.window!;
    expect(events.length).toBeGreaterThan(0);
    for (const { at_nanos: at } of events) expect(at >= to - 1e6 && at <= to).toBe(true);
    const started = BigInt(json.started_at_nanos!) + 100_000_000n;
    const fraction = String(started % 1_000_000_000n).padStart(9, '0');
    const day = `${new Date(Number(started / 1_000_000n)).toISOString().slice(0, 19)}.${fraction}Z`;
    const same = JSON.parse((await run(busy, { before: day, window: '1ms', json: true })).text) as Answer;
    expect(same.window).toEqual(json.window);
  });

  it('shows what it could read of a damaged trace, and fails with what is wrong', async () => {
    const bytes = traceBytes('go1.26-cpusamples.trace');
    const path = file('cut.trace', bytes.subarray(0, bytes.length - 100));
    const { text, failure } = await run(path);
    expect(text).toMatch(/events in 1 generations/);
    expect(failure).toMatchObject({ reason: 'failed' });
    expect(failure!.message).toMatch(/: truncated: .*; the trace is usable up to generation \d+ \(1 in all\)$/);
    const answer = JSON.parse((await run(path, { json: true })).text) as Answer;
    expect(answer.fault).toMatchObject({ fault: 'truncated' });
    const zipped = gzipSync(bytes);
    const half = await run(file('cut.gz', zipped.subarray(0, zipped.length - 9)));
    expect(half.failure!.message).toMatch(/the gzip around it is broken/);
  });

  it.each([
    [
      'no trace',
      new TextEncoder().encode('<html><body>404</body></html>'),
      /unrecognized: this is no Go execution trace/,
    ],
    ['an old trace', new TextEncoder().encode('go 1.10 trace\0\0\0'), /unrecognized: .*format go 1\.10/],
    ['an empty file', new Uint8Array(0), /unrecognized/],
  ])('refuses %s', async (name, bytes, message) => {
    const { failure, text } = await run(file(name, bytes));
    expect(text).toBe('');
    expect(failure).toMatchObject({ reason: 'failed' });
    expect(failure!.message).toMatch(message);
  });

  it('keeps escape sequences in names and ids of 64 bits from doing harm', async () => {
    const data = [...event(13, 1, 0, 1), ...event(25, 1, 1, noThread, 2), ...event(14, 5, 2n ** 63n, 1, 0)];
    const builder = new TraceBuilder().batch(1, 5, 10, [...data, ...event(44, 5, 0, 2, 3, 0)]).sync(1);
    builder
      .strings(1, { 1: 'main.\u001b[31mred', 2: '__proto__', 3: 'a\u0000\nb' })
      .stacks(1, { 1: [[1, 0, 7]] })
      .end();
    const path = file('hostile.trace', builder.bytes());
    const { text, failure } = await run(path);
    expect(failure).toBeNull();
    // eslint-disable-next-line no-control-regex -- it must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(text).toContain('main.\\u001b[31mred');
    expect(text).toContain('__proto__: a\\u0000\\u000ab');
    const { goroutines } = JSON.parse((await run(path, { json: true })).text) as Answer;
    expect(goroutines.map(({ id }) => id)).toContain('9223372036854775808');
  });

  it.each<[string, string, TraceOptions, string]>([
    ['a goroutine that is no number', busy, { goroutine: 'x' }, 'usage'],
    ['a goroutine that is not there', busy, { goroutine: '987654' }, 'failed'],
    ['a window that is no duration', busy, { before: '1s', window: 'soon' }, 'usage'],
    ['a time that is none', busy, { before: 'noon' }, 'usage'],
    [
      'a time of day where there is no clock',
      tracePath('go1.22-mixed.trace'),
      { before: '2026-01-01T00:00:00Z' },
      'failed',
    ],
    ['a limit of 0', busy, { limit: '0' }, 'usage'],
    ['a window of standard input', '-', { before: '1s' }, 'usage'],
    ['a file that is not there', join(folder, 'nowhere'), {}, 'noInput'],
  ])('refuses %s', async (_, path, options, reason) => {
    expect((await run(path, options)).failure).toMatchObject({ reason });
  });
});
