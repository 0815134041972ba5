import { gcSeries, schedSeries } from '../../src/analysis/log-series.js';
import type { SeriesTable } from '../../src/analysis/series-table.js';
import { defaultLogLimits } from '../../src/formats/log/limits.js';
import { logFixture, readLog } from '../formats/log-fixtures.js';

const capturedAtNanos = BigInt(Date.UTC(2026, 10, 24)) * 1_000_000n;
const column = (table: SeriesTable, name: string) => table.columns.find((each) => each.name === name)!;
const numbers = (table: SeriesTable, name: string) => Array.from(column(table, name).values, Number);

describe('GC cycles over time', () => {
  const { gctrace } = readLog(logFixture('go1.26/gctrace-leak.log'), { capturedAtNanos });
  const { cycles, lifetimes } = gctrace!;
  const { table, rowsWithoutTime } = gcSeries(gctrace!);

  it('have a moment each, when they ended; the last one at the capture where no line has a time', () => {
    const started = lifetimes[0].startedAtNanos!;
    expect(Array.from(table!.atNanos)).toEqual(
      Array.from(cycles.lastEndNanos, (end) => started + BigInt(Math.round(end))),
    );
    expect(table!.atNanos.at(-1)).toBe(capturedAtNanos);
    expect(rowsWithoutTime).toBe(0);
  });

  it('have the values of the trace, in columns of the same names', () => {
    for (const name of [
      'markNanos',
      'pauseMaxNanos',
      'heapLiveBytes',
      'goalBytes',
      'lastNumber',
      'processors',
    ] as const) {
      expect(numbers(table!, name)).toEqual(Array.from(cycles[name]));
    }
    expect(column(table!, 'markNanos')).toMatchObject({ unit: 'nanoseconds', type: 'event' });
    expect(column(table!, 'heapLiveBytes')).toMatchObject({ unit: 'bytes', type: 'gauge', present: null });
    expect(column(table!, 'heapLiveBytes').values).toBeInstanceOf(BigInt64Array);
  });

  it('leave out what older versions of Go do not print', () => {
    const trace = readLog(logFixture('go1.15/gctrace.log'), { capturedAtNanos }).gctrace!;
    const old = gcSeries(trace).table!;
    expect(Array.from(column(old, 'stacksBytes').present!).every((present) => present === 0)).toBe(true);
    expect(column(old, 'heapLiveBytes').present).toBeNull();
  });

  it('that stand in one row have sums of what adds up and means of heap and goal', () => {
    const bytes = logFixture('go1.21/gctrace.log');
    const each = readLog(bytes, { capturedAtNanos }).gctrace!;
    const merged = readLog(bytes, { capturedAtNanos, limits: { ...defaultLogLimits, gcRows: 50 } }).gctrace!;
    const total = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);
    const found = gcSeries(merged).table!;
    expect(total(numbers(found, 'count'))).toBe(each.counts.cycles);
    expect(total(numbers(found, 'markNanos'))).toBe(total(each.cycles.markNanos));
    const weighted = numbers(found, 'heapLiveBytes').map((mean, row) => mean * numbers(found, 'count')[row]);
    expect(total(weighted) / total(each.cycles.heapLiveBytes)).toBeCloseTo(1, 9);
  });

  it('of a process that nobody knows the start of have no time, and are counted', () => {
    const line = Buffer.from(logFixture('go1.26/gctrace-leak.log')).toString();
    const twice = gcSeries(readLog(`${line}\n${line}`, { capturedAtNanos }).gctrace!);
    expect(twice.rowsWithoutTime).toBe(cycles.rows);
    expect(twice.table!.atNanos).toHaveLength(cycles.rows);
    const without = gcSeries(readLog(line).gctrace!);
    expect(without).toEqual({ table: null, rowsWithoutTime: cycles.rows });
  });

  it('of two processes with times of their own are one table, in order', () => {
    const stamp = (at: number, line: string) => `${new Date(Date.UTC(2026, 10, 23, 15, 0, at)).toISOString()} ${line}`;
    const lines = Buffer.from(logFixture('go1.26/gctrace-leak.log')).toString().trimEnd().split('\n');
    const text = [...lines.map((line, i) => stamp(i, line)), ...lines.map((line, i) => stamp(100 + i, line))].join(
      '\n',
    );
    const both = gcSeries(readLog(text).gctrace!);
    expect(both.rowsWithoutTime).toBe(0);
    const at = Array.from(both.table!.atNanos);
    expect(at).toHaveLength(2 * lines.length);
    expect(at).toEqual([...at].sort((a, b) => (a < b ? -1 : 1)));
  });
});

describe('SCHED lines over time', () => {
  const text =
    'SCHED 0ms: gomaxprocs=2 idleprocs=1 threads=3 spinningthreads=1 needspinning=0 idlethreads=0 runqueue=4 [1 2]\n';
  const later = text.replace('SCHED 0ms', 'SCHED 1000ms').replace('runqueue=4 [1 2]', 'runqueue=0 [0 9]');

  it('have the numbers of the lines, one moment each', () => {
    const { table } = schedSeries(readLog(text + later, { capturedAtNanos }).schedtrace!);
    expect(Array.from(table!.atNanos)).toEqual([capturedAtNanos - 1_000_000_000n, capturedAtNanos]);
    expect(numbers(table!, 'gomaxprocs')).toEqual([2, 2]);
    expect(numbers(table!, 'threads')).toEqual([3, 3]);
    expect(numbers(table!, 'runqueue')).toEqual([4, 0]);
    expect(numbers(table!, 'localQueued')).toEqual([3, 9]);
    expect(numbers(table!, 'localLongestMax')).toEqual([2, 9]);
    expect(numbers(table!, 'queuedWhileIdle')).toEqual([1, 1]);
  });

  it('without local queues, as with scheddetail=1, leave those out', () => {
    const trace = readLog(logFixture('go1.26/scheddetail.log'), { capturedAtNanos }).schedtrace!;
    const { table } = schedSeries(trace);
    expect(Array.from(column(table!, 'localQueued').present!).every((present) => present === 0)).toBe(true);
    expect(numbers(table!, 'threads')).toEqual(Array.from(trace.samples.threads.sum));
  });
});
