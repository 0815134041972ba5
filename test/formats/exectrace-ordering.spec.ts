import {
  eventKind,
  goStateNames,
  procStateNames,
  type TraceEvent,
  type TraceGeneration,
} from '../../src/formats/exectrace/events.js';
import { traceLimits } from '../../src/formats/exectrace/limits.js';
import { TraceReader } from '../../src/formats/exectrace/reader.js';
import { event, noThread, TraceBuilder } from '../builders/trace-builder.js';

// Type bytes, from tracev2/events.go.
const procStart = 10;
const procStop = 11;
const procSteal = 12;
const procStatus = 13;
const goCreate = 14;
const goCreateSyscall = 15;
const goStart = 16;
const goDestroy = 17;
const goDestroySyscall = 18;
const goBlock = 20;
const goUnblock = 21;
const syscallBegin = 22;
const syscallEnd = 23;
const syscallEndBlocked = 24;
const goStatus = 25;
const taskBegin = 40;
const taskEnd = 41;
const goSwitch = 45;
const goSwitchDestroy = 46;
const goCreateBlocked = 47;

const [runnable, running, inSyscall, waiting] = [1, 2, 3, 4];
const [pRunning, pIdle, pSyscall, pAbandoned] = [1, 2, 3, 4];

/** `M=1 P=0 G=1 G2 Runnable->Running` for each transition. */
function transitions(bytes: Uint8Array, limits = traceLimits): string[] {
  const lines: string[] = [];
  let generation: TraceGeneration | null = null;
  const sink = {
    generation: (next: TraceGeneration) => void (generation = next),
    event: (event: TraceEvent) => {
      const context = `M=${event.thread} P=${event.proc} G=${event.goroutine}`;
      const { kind, subject, from, to } = event;
      if (kind === eventKind.goroutine) lines.push(`${context} G${subject} ${goStateNames[from]}->${goStateNames[to]}`);
      if (kind === eventKind.proc) lines.push(`${context} P${subject} ${procStateNames[from]}->${procStateNames[to]}`);
      if (kind === eventKind.taskBegin || kind === eventKind.taskEnd) {
        lines.push(`${context} task ${subject} ${generation!.string(event.text)} parent ${event.value}`);
      }
    },
  };
  const reader = new TraceReader(sink, limits);
  reader.push(bytes);
  reader.end();
  return lines;
}

function generation(
  builder: TraceBuilder,
  number: number,
  threads: Readonly<Record<number, readonly number[][]>>,
): TraceBuilder {
  for (const [thread, events] of Object.entries(threads))
    builder.batch(number, Number(thread), 100 * number, events.flat());
  return builder
    .sync(number, 100 * number)
    .strings(number, { 1: 'chan receive', 2: 'request' })
    .end();
}

function trace(threads: Readonly<Record<number, readonly number[][]>>): Uint8Array {
  return generation(new TraceBuilder(), 1, threads).bytes();
}

/** A thread with P 0 and goroutine 1 running. */
const busy = [event(procStatus, 1, 0, pRunning), event(goStatus, 1, 1, noThread, running)];

describe('the order of events', () => {
  it('follows the sequence numbers where clocks disagree', () => {
    // Thread 2 says that it started goroutine 5 long before thread 1 created it.
    const bytes = trace({
      1: [...busy, event(goCreate, 50, 5, 0, 0)],
      2: [event(procStatus, 1, 1, pRunning), event(goStart, 1, 5, 1), event(goDestroy, 1)],
    });
    expect(transitions(bytes).filter((line) => line.includes(' G5 '))).toEqual([
      'M=1 P=0 G=1 G5 NotExist->Runnable',
      'M=2 P=1 G=-1 G5 Runnable->Running',
      'M=2 P=1 G=5 G5 Running->NotExist',
    ]);
    expect(() => transitions(bytes, { ...traceLimits, advanceAttempts: 0 })).toThrow(/advanceAttempts: 2 is over/);
  });

  it('lets a goroutine wake only after it blocked, by whomever', () => {
    const bytes = trace({
      1: [...busy, event(goBlock, 90, 1, 0)],
      2: [event(goUnblock, 1, 1, 1, 0)],
    });
    expect(transitions(bytes).slice(2)).toEqual([
      'M=1 P=0 G=1 G1 Running->Waiting',
      'M=2 P=-1 G=-1 G1 Waiting->Runnable',
    ]);
  });

  it('takes a P from a system call before the call comes back blocked', () => {
    const bytes = trace({
      1: [...busy, event(syscallBegin, 1, 1, 0), event(syscallEndBlocked, 1)],
      2: [event(procSteal, 80, 0, 2, 1), event(procStart, 1, 0, 3), event(procStop, 1)],
    });
    expect(transitions(bytes).slice(2)).toEqual([
      'M=1 P=0 G=1 G1 Running->Syscall',
      'M=2 P=-1 G=-1 P0 Running->Idle',
      'M=1 P=-1 G=1 G1 Syscall->Runnable',
      'M=2 P=-1 G=-1 P0 Idle->Running',
      'M=2 P=0 G=-1 P0 Running->Idle',
    ]);
  });

  it('returns from a system call on the same P', () => {
    const bytes = trace({ 1: [...busy, event(syscallBegin, 1, 1, 0), event(syscallEnd, 1)] });
    expect(transitions(bytes).at(-1)).toBe('M=1 P=0 G=1 G1 Syscall->Running');
  });

  it('treats a P without a known thread as idle when it is stolen', () => {
    const bytes = trace({ 2: [event(procStatus, 1, 0, pAbandoned), event(procSteal, 1, 0, 1, 99)] });
    expect(transitions(bytes)).toEqual(['M=2 P=-1 G=-1 P0 Undetermined->Idle', 'M=2 P=-1 G=-1 P0 Idle->Idle']);
  });

  it('tells of an abandoned P in the context of the thread that has it', () => {
    const builder = generation(new TraceBuilder(), 1, { 1: [...busy, event(syscallBegin, 1, 1, 0)] });
    const bytes = generation(builder, 2, {
      2: [event(procStatus, 1, 0, pAbandoned), event(goStatus, 1, 1, 1, inSyscall), event(procSteal, 1, 0, 1, 1)],
    }).bytes();
    expect(transitions(bytes).slice(3)).toEqual([
      'M=1 P=0 G=1 P0 Running->Running',
      'M=1 P=-1 G=1 G1 Syscall->Syscall',
      'M=2 P=-1 G=-1 P0 Running->Idle',
    ]);
  });

  it('gives up the P of a thread of C whose call into Go is over', () => {
    const bytes = trace({
      1: [event(goCreateSyscall, 1, 9), event(procStatus, 1, 0, pSyscall), event(goDestroySyscall, 1)],
      2: [event(procSteal, 80, 0, 1, 1)],
    });
    expect(transitions(bytes)).toEqual([
      'M=1 P=-1 G=-1 G9 NotExist->Syscall',
      'M=1 P=-1 G=9 P0 Undetermined->Running',
      'M=1 P=0 G=9 P0 Running->Idle',
      'M=1 P=0 G=9 G9 Syscall->NotExist',
      'M=2 P=-1 G=-1 P0 Idle->Idle',
    ]);
  });

  it('tells a coroutine switch as three transitions', () => {
    const bytes = trace({
      1: [...busy, event(goCreateBlocked, 1, 2, 0, 0), event(goSwitch, 1, 2, 1), event(goSwitchDestroy, 1, 1, 1)],
    });
    expect(transitions(bytes).slice(2)).toEqual([
      'M=1 P=0 G=1 G2 NotExist->Waiting',
      'M=1 P=0 G=1 G2 Waiting->Runnable',
      'M=1 P=0 G=1 G1 Running->Waiting',
      'M=1 P=0 G=-1 G2 Runnable->Running',
      'M=1 P=0 G=2 G1 Waiting->Runnable',
      'M=1 P=0 G=2 G2 Running->NotExist',
      'M=1 P=0 G=-1 G1 Runnable->Running',
    ]);
  });

  it('remembers the name and parent of a task that ends in a later generation', () => {
    const builder = generation(new TraceBuilder(), 1, { 1: [...busy, event(taskBegin, 1, 3, 2, 2, 0)] });
    const bytes = generation(builder, 2, { 1: [...busy, event(taskEnd, 1, 3, 0), event(taskEnd, 1, 3, 0)] }).bytes();
    expect(transitions(bytes).filter((line) => line.includes('task'))).toEqual([
      'M=1 P=0 G=1 task 3 request parent 2',
      'M=1 P=0 G=1 task 3 request parent 2',
      'M=1 P=0 G=1 task 3  parent -1',
    ]);
  });

  it('confirms in each generation what it knows of goroutines and Ps', () => {
    const bytes = generation(generation(new TraceBuilder(), 1, { 1: busy }), 2, { 1: busy }).bytes();
    expect(transitions(bytes)).toEqual([
      'M=1 P=-1 G=-1 P0 Undetermined->Running',
      'M=1 P=0 G=-1 G1 Undetermined->Running',
      'M=1 P=0 G=1 P0 Running->Running',
      'M=1 P=0 G=1 G1 Running->Running',
    ]);
  });

  it('tells ids of 2^53 and more apart, and refuses too many of them', () => {
    const large = 2n ** 60n;
    const many = [...busy, event(goCreate, 1, large, 0, 0), event(goCreate, 1, large + 1n, 0, 0)];
    const ids: bigint[] = [];
    const reader: TraceReader = new TraceReader({
      generation() {},
      event: ({ kind, subject, from }) => {
        if (kind === eventKind.goroutine && from === 1) ids.push(reader.exactId(subject));
      },
    });
    reader.push(trace({ 1: many }));
    reader.end();
    expect(ids).toEqual([large, large + 1n]);
    expect(() => transitions(trace({ 1: many }), { ...traceLimits, wideIds: 1 })).toThrow(/wideIds: 2 is over/);
  });

  it.each([
    ['a start without a P', { 1: [event(goCreate, 1, 5, 0, 0)] }, /goCreate of thread 1 happens without a P/],
    ['a second creation', { 1: [...busy, event(goCreate, 1, 1, 0, 0)] }, /creates goroutine 1, which exists already/],
    ['a status that contradicts', { 1: [...busy, event(goStatus, 1, 1, 1, waiting)] }, /contradicts/],
    ['a status that is none', { 1: [event(goStatus, 1, 1, 1, 7)] }, /gives a goroutine status 7/],
    [
      'a start out of sequence',
      { 1: [event(procStatus, 1, 0, pRunning), event(goStatus, 1, 4, noThread, runnable), event(goStart, 1, 4, 2)] },
      /can never come next/,
    ],
    [
      'a P that nobody stops',
      { 1: [event(procStatus, 1, 0, pIdle), event(procStop, 1)] },
      /stops a P where there is none/,
    ],
    ['a stack that is not there', { 1: [...busy, event(goBlock, 1, 1, 44)] }, /refers to stack 44/],
    ['a string that is not there', { 1: [...busy, event(goBlock, 1, 44, 0)] }, /refers to string 44/],
    ['a type without a time', { 1: [event(51, 1, 1, 1, 1)] }, /type 51 is no event with a time/],
    ['a time far away', { 1: [event(procStatus, 2n ** 60n, 0, pIdle)] }, /52 days away/],
  ])('refuses %s', (_, threads: Readonly<Record<number, number[][]>>, message) => {
    expect(() => transitions(trace(threads))).toThrow(message);
  });

  it.each([
    ['without a frequency', (b: TraceBuilder) => b.batch(1, 1, 1, []).end(), /lacks the frequency/],
    ['with a frequency of 0', (b: TraceBuilder) => b.batch(1, noThread, 1, [0x32, 8, 0]).end(), /lacks the frequency/],
    [
      'with two strings of one id',
      (b: TraceBuilder) => b.sync(1).batch(1, noThread, 0, [4, 5, 1, 0, 5, 1, 0]).end(),
      /two strings/,
    ],
    [
      'with a string longer than its batch',
      (b: TraceBuilder) => b.sync(1).batch(1, noThread, 0, [4, 5, 1, 9, 65]).end(),
      /ends after its batch/,
    ],
    [
      'with a stack of 129 frames',
      (b: TraceBuilder) => b.sync(1).batch(1, noThread, 0, [2, 3, 1, 0x81, 1]).end(),
      /more than 128 frames/,
    ],
    ['of number 0', (b: TraceBuilder) => b.batch(0, 1, 1, []), /generation 0/],
    ['mixed with the next', (b: TraceBuilder) => b.sync(1).batch(2, 1, 1, []), /mixed with another/],
    ['that has no end', (b: TraceBuilder) => b.sync(1), /in the middle of a generation/],
  ])('refuses a generation %s', (_, build, message) => {
    expect(() => transitions(build(new TraceBuilder()).bytes())).toThrow(message);
  });

  it('ends a generation before Go 1.26 with the first batch of the next, and wants them in order', () => {
    const first = generation(new TraceBuilder(23), 4, { 1: busy });
    expect(transitions(generation(first, 5, { 1: busy }).bytes())).toHaveLength(4);
    expect(() => transitions(first.batch(7, 1, 1, []).bytes())).toThrow(/out of order/);
  });

  it('skips empty and experimental batches', () => {
    const builder = new TraceBuilder().batch(1, 1, 5, []).raw(0x31, 1, 1, 1, 5, 3, 9, 9, 9);
    expect(transitions(generation(builder, 1, { 1: busy }).bytes())).toHaveLength(2);
  });
});
