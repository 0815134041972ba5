import {
  eventKind,
  goStateNames,
  none,
  procStateNames,
  TraceEvent,
  type TraceGeneration,
} from '../../src/formats/exectrace/events.js';
import { TraceReader } from '../../src/formats/exectrace/reader.js';
import { eventV1 as event, logV1, TraceV1Builder } from '../builders/trace-v1-builder.js';
import { faultOf } from './fault-of.js';

// Type bytes, from internal/tracev1/parser.go.
const gomaxprocs = 4;
const procStart = 5;
const procStop = 6;
const gcStart = 7;
const gcDone = 8;
const stwStart = 9;
const stwDone = 10;
const goCreate = 13;
const goStart = 14;
const goEnd = 15;
const goUnblock = 21;
const goBlockRecv = 23;
const goBlockNet = 27;
const goSysCall = 28;
const goSysExit = 29;
const goSysBlock = 30;
const goWaiting = 31;
const goInSyscall = 32;
const heapAlloc = 33;
const timerGoroutine = 35;
const futileWakeup = 36;
const goStartLocal = 38;
const goUnblockLocal = 39;
const goStartLabel = 41;
const taskCreate = 45;
const taskEnd = 46;
const userRegion = 47;
const cpuSample = 49;

interface Seen {
  readonly event: TraceEvent;
  readonly text: string;
  readonly text2: string;
  readonly stack: readonly string[];
  readonly subjectStack: readonly string[];
}

function read(bytes: Uint8Array): { seen: Seen[]; generation: TraceGeneration } {
  const { seen, generation, end } = start(bytes);
  end();
  return { seen, generation: generation() };
}

function start(bytes: Uint8Array): { seen: Seen[]; generation: () => TraceGeneration; end: () => void } {
  const seen: Seen[] = [];
  let generation: TraceGeneration | null = null;
  const reader = new TraceReader({
    generation: (next) => void (generation = next),
    event: (event) => {
      const frames = (stack: number): string[] => {
        const { start, functions, files, lines } = generation!.stacks;
        const list: string[] = [];
        for (let i = start[stack]; i < start[stack + 1]; i++) {
          list.push(`${generation!.string(functions[i])} ${generation!.string(files[i])}:${lines[i]}`);
        }
        return list;
      };
      if (event.kind === eventKind.sync) return;
      seen.push({
        event: Object.assign(new TraceEvent(), event),
        text: generation!.string(event.text),
        text2: generation!.string(event.text2),
        stack: frames(event.stack),
        subjectStack: frames(event.subjectStack),
      });
    },
  });
  reader.push(bytes);
  return { seen, generation: () => generation!, end: () => reader.end() };
}

/** `5 M=7 P=0 G=1 G2 Runnable->Running` for each transition; times are those of Go, from 0. */
function transitions(bytes: Uint8Array): string[] {
  const { seen, generation } = read(bytes);
  return seen.flatMap(({ event: { kind, time, thread, proc, goroutine, subject, from, to } }) => {
    const context = `${time + Number(generation.baseNanos)} M=${thread} P=${proc} G=${goroutine}`;
    if (kind === eventKind.goroutine) return [`${context} G${subject} ${goStateNames[from]}->${goStateNames[to]}`];
    if (kind === eventKind.proc) return [`${context} P${subject} ${procStateNames[from]}->${procStateNames[to]}`];
    return [];
  });
}

/** `malformed: the reason` */
function fault(builder: TraceV1Builder): string {
  const { fault, message } = faultOf(() => read(builder.bytes()));
  return `${fault}: ${message}`;
}

/** P 0 on thread 7 lists goroutine 1 and runs it; the list ends. */
const begin = [
  event(goCreate, 0, 1, 0, 0),
  event(procStart, 10, 7),
  event(goStart, 1, 1, 1),
  event(gomaxprocs, 1, 4, 0),
];

describe('traces of Go 1.11 to 1.21', () => {
  it('begin with what goroutines were doing', () => {
    const list = [2, 3, 4].map((goroutine) => event(goCreate, 1, goroutine, 0, 0));
    const bytes = new TraceV1Builder()
      .batch(0, 1000, ...list, event(goWaiting, 1, 2), event(goInSyscall, 1, 3), ...begin)
      .frequency()
      .bytes();
    expect(transitions(bytes)).toEqual([
      '3 M=-1 P=0 G=2 G2 Undetermined->Waiting',
      '4 M=-1 P=0 G=3 G3 Undetermined->Syscall',
      '14 M=7 P=0 G=-1 P0 Undetermined->Running',
      '15 M=7 P=0 G=1 G1 Undetermined->Running',
      '16 M=-1 P=-1 G=-1 G4 Undetermined->Runnable',
    ]);
  });

  it('are put in order by the sequence numbers of goroutines where clocks of Ps disagree', () => {
    // P 1 says that it started goroutine 2 before P 0 created it, in ticks that are equal.
    const bytes = new TraceV1Builder()
      .batch(1, 1013, event(goStart, 0, 2, 1), event(goBlockRecv, 5, 0), event(goStart, 9, 2, 3), event(goEnd, 1))
      .batch(0, 1000, ...begin, event(goCreate, 1, 2, 0, 0), event(goUnblock, 6, 2, 2, 0))
      .frequency()
      .bytes();
    expect(transitions(bytes).slice(2)).toEqual([
      '13 M=7 P=0 G=1 G2 NotExist->Runnable',
      '14 M=-1 P=1 G=2 G2 Runnable->Running',
      '18 M=-1 P=1 G=2 G2 Running->Waiting',
      '19 M=7 P=0 G=1 G2 Waiting->Runnable',
      '27 M=-1 P=1 G=2 G2 Runnable->Running',
      '28 M=-1 P=1 G=2 G2 Running->NotExist',
    ]);
  });

  it('are refused where clocks contradict the order by more than nothing, or no order is possible', () => {
    const early = new TraceV1Builder().batch(1, 1012, event(goStart, 0, 2, 1));
    const contradiction = early.batch(0, 1000, ...begin, event(goCreate, 1, 2, 0, 0)).frequency();
    expect(fault(contradiction)).toMatch(/^malformed: the clocks of processors contradict/);
    const stuck = new TraceV1Builder().batch(0, 1000, ...begin, event(goStart, 1, 9, 1)).frequency();
    expect(fault(stuck)).toMatch(/^malformed: .*goStart can never come next/);
  });

  it('keep the goroutine of a P from one batch of its to the next, and know local events', () => {
    const bytes = new TraceV1Builder()
      .batch(0, 1000, ...begin)
      .batch(1, 1001, event(procStart, 0, 8))
      .batch(0, 1020, event(goCreate, 0, 2, 0, 0), event(goBlockRecv, 1, 0), event(goStartLocal, 1, 2))
      .batch(0, 1030, event(goUnblockLocal, 0, 1, 0), event(goEnd, 1), event(goStartLocal, 1, 1))
      .frequency()
      .bytes();
    expect(transitions(bytes).slice(-6)).toEqual([
      '20 M=7 P=0 G=1 G2 NotExist->Runnable',
      '21 M=7 P=0 G=1 G1 Running->Waiting',
      '22 M=7 P=0 G=2 G2 Runnable->Running',
      '30 M=7 P=0 G=2 G1 Waiting->Runnable',
      '31 M=7 P=0 G=2 G2 Running->NotExist',
      '32 M=7 P=0 G=1 G1 Runnable->Running',
    ]);
  });

  it('tell system calls that block by their length, and those that do not as one nanosecond', () => {
    const bytes = new TraceV1Builder()
      .batch(0, 1000, ...begin, event(goSysCall, 8, 0), event(goSysCall, 10, 0), event(goSysBlock, 10))
      .batch(0, 1045, event(procStop, 0))
      // It returned at 1042, which was written at 1050.
      .batch(1, 1050, event(procStart, 0, 9), event(goSysExit, 0, 1, 2, 1042), event(goStart, 1, 1, 3))
      .frequency()
      .bytes();
    expect(transitions(bytes).slice(2)).toEqual([
      '20 M=7 P=0 G=1 G1 Running->Syscall',
      '21 M=7 P=0 G=1 G1 Syscall->Running',
      '30 M=7 P=0 G=1 G1 Running->Syscall',
      '42 M=-1 P=1000003 G=1 G1 Syscall->Runnable',
      '45 M=7 P=0 G=-1 P0 Running->Idle',
      '50 M=9 P=1 G=-1 P1 Undetermined->Running',
      '51 M=9 P=1 G=1 G1 Runnable->Running',
    ]);
  });

  it('refuse a system call that ends before it began, or never did', () => {
    const ending = (time: number): TraceV1Builder =>
      new TraceV1Builder()
        .batch(0, 1000, ...begin, event(goSysCall, 8, 0), event(goSysBlock, 10), event(goSysExit, 9, 1, 2, time))
        .frequency();
    expect(fault(ending(1029))).toMatch(/ends before it began/);
    expect(transitions(ending(1030).bytes()).at(-1)).toMatch(/^30 .* Syscall->Runnable$/);
    const never = [event(goBlockRecv, 1, 0), event(goSysExit, 9, 1, 2, 1042)];
    expect(fault(new TraceV1Builder().batch(0, 1000, ...begin, ...never).frequency())).toMatch(/never began/);
  });

  it('scale ticks to nanoseconds and keep ticks of more than 53 bits exact', () => {
    const far = 2n ** 63n + 1n;
    const bytes = new TraceV1Builder()
      .batch(0, far, ...begin, event(goSysCall, 8, 0), event(goSysBlock, 10), event(goSysExit, 20, 1, 2, far + 35n))
      .frequency(2_000_000_000)
      .bytes();
    expect(transitions(bytes).at(-1)).toMatch(/^17 .* Syscall->Runnable$/);
  });

  it('put events of the netpoller and of timer goroutines on the Ps where Go puts them', () => {
    const bytes = new TraceV1Builder()
      .batch(0, 1000, event(goCreate, 0, 2, 0, 0), ...begin, event(goBlockNet, 1, 0), event(goUnblock, 1, 1, 2, 0))
      .batch(0, 1050, event(goStart, 0, 2, 1), event(goBlockRecv, 1, 0), event(goStart, 1, 1, 3))
      .batch(0, 1060, event(goUnblock, 0, 2, 2, 0))
      .raw(...event(timerGoroutine, 1))
      .frequency()
      .bytes();
    const wakes = transitions(bytes).filter((line) => line.endsWith('Waiting->Runnable'));
    expect(wakes).toEqual([
      '14 M=-1 P=1000002 G=-1 G1 Waiting->Runnable',
      '60 M=-1 P=1000001 G=1 G2 Waiting->Runnable',
    ]);
  });

  it.each([
    [19, 0, 'GC mark termination'],
    [19, 1, 'GC sweep termination'],
    [19, 2, ''],
    [21, 1, 'GC mark termination'],
    [21, 9, 'GOMAXPROCS'],
    [21, 17, ''],
  ])('name the reason to stop the world in format 1.%d, kind %d: "%s"', (version, kind, reason) => {
    const events = [...begin, event(stwStart, 1, kind), event(stwDone, 5)];
    const { seen } = read(
      new TraceV1Builder(version)
        .batch(0, 1000, ...events)
        .frequency()
        .bytes(),
    );
    const [first, last] = seen.slice(-2);
    expect([first.event.kind, last.event.kind]).toEqual([eventKind.rangeBegin, eventKind.rangeEnd]);
    expect([first.text, last.text]).toEqual([reason, reason]);
    expect(last.event.subject).toBe(1);
  });

  it('put CPU samples in order of the time at which they were taken', () => {
    const sample = (time: number, goroutine: number) => event(cpuSample, 1, time, 2n ** 64n - 1n, goroutine, 1);
    const bytes = new TraceV1Builder(19)
      .batch(2n ** 64n - 1n, 2000, sample(1100, 1), sample(1020, 0))
      .batch(0, 1000, ...begin, event(heapAlloc, 50, 12345))
      .frequency()
      .string(1, 'main.main')
      .stack(1, [4096, 1, 1, 7])
      .bytes();
    const { seen } = read(bytes);
    const last = seen.slice(-3);
    expect(last.map(({ event }) => event.kind)).toEqual([eventKind.cpuSample, eventKind.metric, eventKind.cpuSample]);
    expect(last.map(({ event }) => event.time - 1)).toEqual([20, 62, 100]);
    expect(last[0].event).toMatchObject({ thread: none, proc: none, goroutine: none });
    expect(last[2]).toMatchObject({ event: { goroutine: 1, subject: 1 }, stack: ['main.main main.main:7'] });
    expect(last[1].event.value).toBe(12345);
    // Format 1.11 has no such event.
    expect(fault(new TraceV1Builder(11).batch(0, 1, sample(2, 0)).frequency())).toMatch(/type 49 is not known/);
  });

  it('tell tasks, regions, logs and labels by name', () => {
    const bytes = new TraceV1Builder()
      .string(1, 'order')
      .string(2, 'work')
      .string(3, 'level')
      .batch(0, 1000, ...begin)
      .raw(...event(taskCreate, 1, 5, 0, 1, 0), ...event(userRegion, 1, 5, 0, 2, 0), ...logV1(1, 5, 3, 0, 'späť'))
      .raw(...logV1(1, 5, 0, 0, ''), ...event(userRegion, 1, 5, 1, 2, 0), ...event(taskEnd, 1, 5, 0))
      .raw(...event(goBlockRecv, 1, 0), ...event(goUnblock, 1, 1, 2, 0), ...event(goStartLabel, 1, 1, 3, 2))
      .frequency()
      .bytes();
    const { seen } = read(bytes);
    const { taskBegin, taskEnd: taskEnds, regionBegin, regionEnd, log, label } = eventKind;
    const told = seen.filter(({ event: { kind } }) => kind >= label && kind <= log);
    expect(told.map(({ event, text, text2 }) => [event.kind, event.subject, text, text2])).toEqual([
      [taskBegin, 5, 'order', ''],
      [regionBegin, 5, 'work', ''],
      [log, 5, 'level', 'späť'],
      [log, 5, '', ''],
      [regionEnd, 5, 'work', ''],
      [taskEnds, 5, 'order', ''],
      [label, 1, 'work', ''],
    ]);
  });

  it('let regions pass that end in the wrong order', () => {
    const regions = [1, 2].map((name) => event(userRegion, 1, 0, 0, name, 0));
    const ends = [1, 2].map((name) => event(userRegion, 1, 0, 1, name, 0));
    const builder = new TraceV1Builder()
      .string(1, 'a')
      .string(2, 'b')
      .batch(0, 1000, ...begin, ...regions, ...ends);
    expect(
      read(builder.frequency().bytes())
        .seen.slice(-4)
        .map(({ text }) => text),
    ).toEqual(['a', 'b', 'a', 'b']);
  });

  it('show a frame as it was told first of its program counter', () => {
    const bytes = new TraceV1Builder()
      .batch(0, 1000, ...begin, event(goCreate, 1, 2, 1, 2), event(goCreate, 1, 3, 3, 0))
      .frequency()
      .string(1, 'main.work')
      .string(2, 'main.go')
      .string(3, 'main.other')
      .stack(1, [4096, 1, 2, 10])
      .stack(2, [4096, 3, 2, 99], [8192, 3, 2, 2 ** 31])
      .stack(3)
      .bytes();
    const [full, empty] = read(bytes).seen.slice(-2);
    expect(full.subjectStack).toEqual(['main.work main.go:10']);
    expect(full.stack).toEqual(['main.work main.go:10', 'main.other main.go:0']);
    expect([empty.event.subjectStack, empty.event.stack]).toEqual([0, 0]);
  });

  it('give all events, and then say so, when the stacks at the end are cut off', () => {
    const events = [event(goCreate, 1, 2, 8, 9), event(goCreate, 1, 3, 0, 9), event(goBlockRecv, 1, 0)];
    const { seen, end } = start(
      new TraceV1Builder()
        .batch(0, 1000, ...begin, ...events)
        .frequency()
        .bytes(),
    );
    const { fault, message } = faultOf(end);
    expect(fault).toBe('truncated');
    expect(message).toBe('the file ends before 2 of the stacks of its events; the rest is usable');
    expect(seen.at(-1)!.event).toMatchObject({ subject: 1, from: 3, to: 4, subjectStack: 0 });
  });

  it('are one generation, which has no time of day', () => {
    const { generation } = read(
      new TraceV1Builder()
        .batch(0, 1000, ...begin)
        .frequency()
        .bytes(),
    );
    expect(generation).toMatchObject({ number: 0, clock: null, baseNanos: -1n });
  });

  it.each<[string, RegExp, string, (builder: TraceV1Builder) => TraceV1Builder]>([
    ['no frequency', /frequency of the clock/, 'truncated', (b) => b.batch(0, 1000, ...begin)],
    ['a frequency of 0', /makes no sense/, 'malformed', (b) => b.batch(0, 1000, ...begin).frequency(0)],
    ['an event before the first batch', /before the first batch/, 'malformed', (b) => b.frequency()],
    ['a P beyond 31 bits', /a batch is of P 2147483648/, 'malformed', (b) => b.batch(2 ** 31, 0).frequency()],
    ['too few numbers', /goStart has 2 numbers, not 3/, 'malformed', (b) => b.batch(0, 0, event(goStart, 1, 2))],
    ['too many numbers', /more numbers than 4/, 'malformed', (b) => b.batch(0, 0, event(goUnblock, 1, 2, 3, 4, 5))],
    ['a string twice', /same id/, 'malformed', (b) => b.string(1, 'a').string(1, 'b')],
    ['an empty string', /is empty/, 'malformed', (b) => b.string(1, '')],
    ['a type beyond the table', /type 50 is not known/, 'malformed', (b) => b.batch(0, 0, event(50, 1))],
    ['a collection in another', /while one runs/, 'malformed', (b) => gcs(b, gcStart, gcStart)],
    ['the end of no collection', /does not run/, 'malformed', (b) => gcs(b, gcDone)],
    ['an event of Go 1.10', /futileWakeup/, 'malformed', (b) => gcs(b, futileWakeup)],
    ['a frame without its name', /a frame refers to a string/, 'malformed', (b) => gcs(b).stack(1, [1, 5, 0, 1])],
    ['a region without its name', /refers to a string/, 'malformed', (b) => gcs(b, userRegion)],
  ])('are refused for %s', (_, message, kind, build) => {
    const text = fault(build(new TraceV1Builder()));
    expect(text).toMatch(message);
    expect(text).toMatch(new RegExp(`^${kind}: .*; traces of Go 1\\.21 and older can be read only whole$`));
  });
});

function gcs(builder: TraceV1Builder, ...types: readonly number[]): TraceV1Builder {
  let sequence = 0;
  const events = types.map((type) => {
    if (type === gcStart) return event(type, 1, sequence++, 0);
    return type === userRegion ? event(type, 1, 0, 0, 77, 0) : event(type, 1);
  });
  return builder.batch(0, 1000, ...begin, ...events).frequency();
}
