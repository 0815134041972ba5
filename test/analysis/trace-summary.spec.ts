import { readFileSync } from 'node:fs';
import { absoluteSumOf } from '../../src/analysis/exact.js';
import { placeOf } from '../../src/analysis/trace/place.js';
import { type TraceSummary, TraceSummarizer } from '../../src/analysis/trace/summarizer.js';
import { traceSummaryLimits, type TraceSummaryLimits } from '../../src/analysis/trace/trace-limits.js';
import { TraceReader } from '../../src/formats/exectrace/reader.js';
import { canonicalFunction } from '../../src/formats/go-names.js';
import { goldenTraces, traceBytes } from '../formats/trace-fixtures.js';

function summarize(
  bytes: Uint8Array,
  limits: Partial<TraceSummaryLimits> = {},
  always?: ReadonlySet<number>,
): TraceSummary {
  const summarizer = new TraceSummarizer({ ...traceSummaryLimits, ...limits }, always);
  const reader = new TraceReader(summarizer);
  reader.push(bytes);
  reader.end();
  return summarizer.summary();
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Golden maps leave zeros out or in; sorted entries compare by value. */
function amounts(record: Readonly<Record<string, number>> | undefined): [string, number][] {
  return Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

function named(list: readonly { name: string; nanos?: number; count?: number }[]): [string, number][] {
  return amounts(Object.fromEntries(list.map(({ name, nanos, count }) => [name, nanos ?? count ?? 0])));
}

/**
 * Here events of different Ps have the same time, and Go's reader, which goes over a map of Ps, puts them in another order
 * each time that it runs. Each event that changes places moves what lies between by a nanosecond.
 */
const tied = 'traceutils-1.19-staticcheck.trace';

/** `ours` with the numbers of `theirs` wherever they differ by no more than `slack`. */
function settled(ours: unknown, theirs: unknown, slack: number): unknown {
  if (typeof ours === 'number' && typeof theirs === 'number') return Math.abs(ours - theirs) <= slack ? theirs : ours;
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    return ours.map((value, i) => settled(value, theirs[i], slack));
  }
  if (typeof ours !== 'object' || ours === null || typeof theirs !== 'object' || theirs === null) return ours;
  const other = new Map<string, unknown>(Object.entries(theirs));
  return Object.fromEntries(Object.entries(ours).map(([key, value]) => [key, settled(value, other.get(key), slack)]));
}

describe('the summary of an execution trace', () => {
  it.each(goldenTraces())("has the numbers of Go's internal/trace Summarizer for $name", ({ name, path, golden }) => {
    const summary = summarize(readFileSync(path), { goroutines: 1e6 });
    const base = Number(summary.baseNanos);
    expect(summary.events).toBe(golden.Events);
    expect([base + summary.start, base + summary.end]).toEqual([golden.FirstTime, golden.LastTime]);
    expect(named(summary.transitions)).toEqual(amounts(golden.TransitionsByKind));
    expect(named(summary.blockReasons)).toEqual(amounts(golden.BlockReasons));
    expect(summary.annotations.taskCount).toBe(golden.Tasks);
    expect(summary.cpuSamples).toBe(golden.StackSamples ?? 0);
    const metrics = summary.metrics.map(({ name, value }) => [name, value]);
    expect(Object.fromEntries(metrics)).toEqual(golden.Metrics ?? {});
    const byId = new Map(summary.goroutines.map((goroutine) => [goroutine.id, goroutine]));
    for (const expected of golden.Goroutines ?? []) {
      const goroutine = byId.get(expected.ID)!;
      const numbers = {
        name: goroutine.name,
        start: goroutine.firstRun === null ? 0 : goroutine.firstRun + base,
        end: goroutine.end === null ? 0 : goroutine.end + base,
        exec: goroutine.execNanos,
        schedWait: goroutine.schedWaitNanos,
        syscall: goroutine.syscallNanos,
        syscallBlock: goroutine.syscallBlockNanos,
        block: named(goroutine.blockByReason),
        ranges: named(goroutine.ranges),
      };
      const theirs = {
        name: canonicalFunction(expected.Name),
        start: expected.Start,
        end: expected.End,
        exec: expected.Exec,
        schedWait: expected.SchedWait,
        syscall: expected.Syscall,
        syscallBlock: expected.SyscallBlock,
        block: amounts(expected.BlockByReason),
        ranges: amounts(expected.RangeNs),
      };
      expect(name === tied ? settled(numbers, theirs, 100) : numbers).toEqual(theirs);
    }
  });

  it.each(goldenTraces())('tells the time of day of $name where its clock snapshots do', ({ path, golden }) => {
    const { wallClock, baseNanos } = summarize(readFileSync(path));
    const ours = wallClock.snapshots.map(({ time, monotonicNanos, wallNanos }) => {
      return { trace: baseNanos + BigInt(time), mono: monotonicNanos, wall: wallNanos };
    });
    const theirs = (golden.ClockSnapshots ?? []).map((text) => {
      const [, trace, mono, seconds, fraction] = /^trace=(\d+) mono=(\d+) wall=(.+?)(?:\.(\d+))?Z$/.exec(text)!;
      const nanos = BigInt((fraction ?? '').padEnd(9, '0'));
      return { trace: BigInt(trace), mono: BigInt(mono), wall: BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + nanos };
    });
    expect(ours).toEqual(theirs);
    expect(wallClock.at(0) === null).toBe(theirs.length === 0);
    for (const { time, wallNanos } of wallClock.snapshots) {
      expect(wallClock.at(time)).toBe(wallNanos);
      expect(wallClock.timeOf(wallNanos)).toBe(time);
      expect(wallClock.at(time + 7)).toBe(wallNanos + 7n);
    }
  });

  const busy = traceBytes('go1.26-cpusamples.trace');
  const whole = summarize(busy);

  it('gives groups of goroutines that add up to all goroutines', () => {
    expect(sum(whole.groups.map(({ count }) => count))).toBe(whole.goroutineCount);
    for (const field of ['execNanos', 'schedWaitNanos', 'blockNanos', 'syscallNanos', 'totalNanos'] as const) {
      expect(sum(whole.groups.map((group) => group[field]))).toBe(sum(whole.goroutines.map((g) => g[field])));
    }
  });

  it('counts every block once, with whoever ended it', () => {
    const { blocking, blockReasons } = whole;
    // What still waits has not been woken, and what waited before the trace has given no reason.
    const blocked = sum(blockReasons.map(({ count }) => count));
    const before = sum(blocking.entries.filter(({ reason }) => reason === '').map((e) => e.count + e.stillBlocked));
    const sinceThen = blockReasons.find(({ name }) => name === '')?.count ?? 0;
    const all = sum(blocking.entries.map((entry) => entry.count + entry.stillBlocked));
    expect(all - before).toBe(blocked - sinceThen);
    expect(blocking.remainder).toEqual({ count: 0, totalNanos: 0, stillBlocked: 0 });
    for (const { count, totalNanos, maxNanos, wakers, otherWakers } of blocking.entries) {
      expect(sum(wakers.map((waker) => waker.count)) + otherWakers.count).toBe(count);
      expect(sum(wakers.map((waker) => waker.totalNanos)) + otherWakers.totalNanos).toBe(totalNanos);
      expect(maxNanos).toBeLessThanOrEqual(totalNanos);
    }
  });

  it('names the place of a block and the goroutine that ended it', () => {
    const entry = whole.blocking.entries.find(({ reason, goroutineName }) => {
      return reason === 'chan send' && goroutineName === 'main.main';
    })!;
    expect(placeOf(entry.stack).caller!.function).toMatch(/^main\./);
    expect(entry.wakers[0].name).toMatch(/^main\./);
    expect(entry.wakers[0].stack.length).toBeGreaterThan(0);
    const sleeps = whole.blocking.entries.find(({ reason }) => reason === 'sleep')!;
    expect(placeOf(sleeps.stack).callee!.function).toBe('time.Sleep');
    expect(sleeps.wakers[0]).toMatchObject({ name: '(timer)', stack: [] });
  });

  it.each([1, 3, 10])('keeps counts and sums exact when only %d entries fit', (limit) => {
    const few = { blockingEntries: limit, blockingListed: limit, wakersPerEntry: 2, wakersListed: 1 };
    const little = summarize(busy, { ...few, goroutines: limit });
    const { entries, remainder, total } = little.blocking;
    expect(entries.length).toBeLessThanOrEqual(limit);
    for (const { count, wakers, otherWakers } of entries) {
      expect(wakers.length).toBeLessThanOrEqual(1);
      expect(sum(wakers.map((waker) => waker.count)) + otherWakers.count).toBe(count);
    }
    expect(total).toEqual(whole.blocking.total);
    expect(sum(entries.map(({ count }) => count)) + remainder.count).toBe(total.count);
    expect(sum(entries.map(({ totalNanos }) => totalNanos)) + remainder.totalNanos).toBe(total.totalNanos);
    expect(little.goroutines).toHaveLength(limit);
    expect(little.groups).toEqual(whole.groups);
  });

  it('folds names and stacks beyond a limit into one, and loses no time', () => {
    const little = summarize(busy, { goroutineNames: 3, waitReasons: 1, stackNodes: 20, procs: 1, threads: 1 });
    expect(little.groups.map(({ name }) => name)).toContain('(other)');
    expect(sum(little.groups.map(({ execNanos }) => execNanos))).toBe(sum(whole.groups.map((g) => g.execNanos)));
    expect(little.blocking.total).toEqual(whole.blocking.total);
    expect(little.profiles.sync.symbols.functions).toContain('(other stacks)');
    for (const profile of ['net', 'syscall', 'sched'] as const) {
      const [ours, theirs] = [little.profiles[profile], whole.profiles[profile]];
      expect(ours.values.map(absoluteSumOf)).toEqual(theirs.values.map(absoluteSumOf));
    }
    expect(little.utilisation.procs).toHaveLength(1);
    const ran = ({ utilisation }: TraceSummary): number =>
      sum(utilisation.threads.map((t) => t.goroutineNanos)) + utilisation.otherThreadNanos;
    expect(ran(little)).toBe(ran(whole));
  });

  it('lists a goroutine that is asked for, whatever it did', () => {
    const idle = whole.goroutines.find(({ execNanos }) => execNanos === 0)!;
    const little = summarize(busy, { goroutines: 1 }, new Set([idle.id]));
    expect(little.goroutines.map(({ id }) => id)).toContain(idle.id);
  });

  it('adds up scheduler latency to the time between runnable and running', () => {
    const { schedulerLatency, transitions } = whole;
    const starts = transitions.find(({ name }) => name === 'G Runnable->Running')!.count;
    expect(schedulerLatency.count).toBe(starts);
    expect(sum(schedulerLatency.buckets.map(({ count }) => count))).toBe(starts);
    expect(schedulerLatency.p50Nanos).toBeLessThanOrEqual(schedulerLatency.p90Nanos);
    expect(schedulerLatency.p99Nanos).toBeLessThanOrEqual(schedulerLatency.maxNanos);
    expect(schedulerLatency.totalNanos).toBeLessThanOrEqual(sum(whole.groups.map((g) => g.schedWaitNanos)));
  });

  it('tells collections, stops of the world and the heap', () => {
    const { gc, groups } = whole;
    expect(gc.cycles.length).toBeGreaterThan(0);
    expect(gc.cycleTimes.count).toBe(gc.cycles.length);
    expect(gc.stopTheWorlds.map(({ kind }) => kind)).toContain('GC mark termination');
    const stopped = groups.flatMap(({ ranges }) => ranges).filter(({ name }) => name.startsWith('stop-the-world'));
    expect(gc.stopTheWorldTimes.totalNanos).toBe(sum(stopped.map(({ nanos }) => nanos)));
    const peak = Math.max(...gc.heap.map(({ heapBytes }) => heapBytes));
    const thinned = summarize(busy, { heapSamples: 16, stopTheWorlds: 2, gcCycles: 1 }).gc;
    expect(thinned.heap.length).toBeLessThanOrEqual(18);
    expect(Math.max(...thinned.heap.map(({ heapBytes }) => heapBytes))).toBe(peak);
    expect(thinned.heap.at(-1)).toEqual(gc.heap.at(-1));
    expect(thinned.stopTheWorldTimes).toEqual(gc.stopTheWorldTimes);
    const longest = Math.max(...gc.stopTheWorlds.map(({ nanos }) => nanos));
    expect(thinned.stopTheWorlds).toHaveLength(2);
    expect(Math.max(...thinned.stopTheWorlds.map(({ nanos }) => nanos))).toBe(longest);
  });

  it('splits the running time of goroutines over the Ps that they ran on', () => {
    const { utilisation, groups, start, end } = whole;
    expect(sum(utilisation.procs.map((p) => p.goroutineNanos))).toBe(sum(groups.map((g) => g.execNanos)));
    for (const { runningNanos, goroutineNanos } of utilisation.procs) {
      expect(goroutineNanos).toBeLessThanOrEqual(runningNanos);
      expect(runningNanos).toBeLessThanOrEqual(end - start);
    }
  });

  it('tells tasks, regions and logs by name', () => {
    const { annotations, eventsByKind } = whole;
    const count = (name: string): number => eventsByKind.find((kind) => kind.name === name)?.count ?? 0;
    expect(sum(annotations.tasks.map(({ begun }) => begun))).toBe(count('taskBegin'));
    expect(sum(annotations.tasks.map(({ latency }) => latency.count))).toBe(count('taskEnd'));
    expect(sum(annotations.regions.map(({ latency }) => latency.count))).toBe(count('regionBegin'));
    expect(sum(annotations.logCounts.map((entry) => entry.count))).toBe(count('log'));
    for (const region of annotations.regions) {
      const parts =
        region.execNanos + region.schedWaitNanos + region.blockNanos + region.syscallNanos + region.syscallBlockNanos;
      expect(parts).toBe(region.latency.totalNanos);
    }
    const few = summarize(busy, { logs: 7 }).annotations.logs;
    expect(few).toEqual(annotations.logs.slice(-7));
  });
});
