/*
 * The wire format of traces of Go 1.11 to 1.21. Source: Go src/internal/trace/internal/tracev1/parser.go.
 */

/** Event types: the low six bits of an event's first byte. */
export const wireV1 = {
  batch: 1,
  frequency: 2,
  stack: 3,
  gomaxprocs: 4,
  procStart: 5,
  procStop: 6,
  gcStart: 7,
  gcDone: 8,
  stwStart: 9,
  stwDone: 10,
  gcSweepStart: 11,
  gcSweepDone: 12,
  goCreate: 13,
  goStart: 14,
  goEnd: 15,
  goStop: 16,
  goSched: 17,
  goPreempt: 18,
  goSleep: 19,
  goBlock: 20,
  goUnblock: 21,
  goBlockSend: 22,
  goBlockRecv: 23,
  goBlockSelect: 24,
  goBlockSync: 25,
  goBlockCond: 26,
  goBlockNet: 27,
  goSysCall: 28,
  goSysExit: 29,
  goSysBlock: 30,
  goWaiting: 31,
  goInSyscall: 32,
  heapAlloc: 33,
  heapGoal: 34,
  timerGoroutine: 35,
  futileWakeup: 36,
  string: 37,
  goStartLocal: 38,
  goUnblockLocal: 39,
  goSysExitLocal: 40,
  goStartLabel: 41,
  goBlockGc: 42,
  gcMarkAssistStart: 43,
  gcMarkAssistDone: 44,
  userTaskCreate: 45,
  userTaskEnd: 46,
  userRegion: 47,
  userLog: 48,
  cpuSample: 49,
} as const;

const names = Object.keys(wireV1);

/** Name of a type, for messages. */
export function wireV1Name(type: number): string {
  return names[type - 1] ?? `event ${type}`;
}

/** Versions of the format of this family; the number is that of the Go release that brought it. */
export const wireV1Versions = [11, 19, 21] as const;

/** The first version that has CPU samples, and the first that tells all reasons to stop the world. */
export const cpuSampleVersion = 19;
export const stopReasonVersion = 21;

/** Numbers that an event has, its time and its stack included; 255 for what is read otherwise or is no event. */
export const valueCounts = new Uint8Array(64).fill(255);
/** 1 where the last number of an event is the id of its stack. */
export const endsWithStack = new Uint8Array(64);

// Arguments between time and stack, from gomaxprocs to futileWakeup and from goStartLocal to cpuSample.
const argumentCounts: readonly (readonly [first: number, counts: readonly number[]])[] = [
  [4, [1, 1, 0, 1, 0, 1, 0, 0, 2, 2, 2, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 1, 1, 1]],
  [36, [0]],
  [38, [1, 1, 2, 3, 0, 0, 0, 3, 1, 3, 2, 3]],
];
const withStack = [4, 7, 11, 13, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 39, 42, 43, 45, 46, 47, 48, 49];
for (const type of withStack) endsWithStack[type] = 1;
for (const [first, counts] of argumentCounts) {
  counts.forEach((count, i) => (valueCounts[first + i] = 1 + count + endsWithStack[first + i]));
}
// These have no time.
valueCounts[wireV1.frequency] = valueCounts[wireV1.timerGoroutine] = 1;

/** Limits of the format itself. */
export const wireV1Limits = { argumentBytes: 2_048, stackFrames: 1_000, stringBytes: 1_000_000 } as const;

/** Where events are put that belong to no real P: Go's reader gives them these numbers. */
export const pseudoProc = { timer: 1_000_001, netpoll: 1_000_002, syscall: 1_000_003, gc: 1_000_004 } as const;

/** Why the world stops, as format 1.21 numbers it; older ones know the two of the collector, one number lower. */
export const stopReasons = [
  '',
  'GC mark termination',
  'GC sweep termination',
  'write heap dump',
  'goroutine profile',
  'goroutine profile cleanup',
  'all goroutine stack trace',
  'read mem stats',
  'AllThreadsSyscall',
  'GOMAXPROCS',
  'start trace',
  'stop trace',
  'CountPagesInUse (test)',
  'ReadMetricsSlow (test)',
  'ReadMemStatsSlow (test)',
  'PageCachePagesLeaked (test)',
  'ResetDebugLog (test)',
] as const;

/** The words of newer traces for the reason of a block or a stop, by event. */
export const waitReasons: ReadonlyMap<number, string> = new Map<number, string>([
  [wireV1.goStop, 'forever'],
  [wireV1.goSched, 'runtime.Gosched'],
  [wireV1.goPreempt, 'preempted'],
  [wireV1.goSleep, 'sleep'],
  [wireV1.goBlock, ''],
  [wireV1.goBlockSend, 'chan send'],
  [wireV1.goBlockRecv, 'chan receive'],
  [wireV1.goBlockSelect, 'select'],
  [wireV1.goBlockSync, 'sync'],
  [wireV1.goBlockCond, 'sync.(*Cond).Wait'],
  [wireV1.goBlockNet, 'network'],
  [wireV1.goBlockGc, 'GC mark assist wait for work'],
]);
