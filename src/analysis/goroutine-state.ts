/** A frame of a goroutine, as far as its state shows in it. */
export interface LeafFrame {
  readonly function: string;
  /** 0: unknown. */
  readonly line: number;
}

/** More frames than these are never needed: what blocks a goroutine stands at its leaf. */
export const stateFrames = 16;

/** The state where frames do not tell: debug=1 leaves out the frames of the runtime that would. */
export const unknownState = 'unknown';

/**
 * The state of a goroutine, derived from its frames, leaf first, as Go 1.24 and later would print it: profiles hold no
 * states. What cannot be seen in frames: whether a parked goroutine has been made runnable already; whether one that
 * is not parked runs or waits for a processor (`runnable` is said, since the world stands still around whoever asks).
 *
 * @param runtimeHidden the frames of the runtime were left out (debug=1)
 */
export function goroutineState(leafFirst: readonly LeafFrame[], runtimeHidden = false): string {
  let parked = false;
  let semaphore = false;
  for (let i = 0; i < leafFirst.length && i < stateFrames; i++) {
    const { function: name, line } = leafFirst[i];
    if (parkers.has(name)) {
      parked = true;
      continue;
    }
    const decides = deciding.get(name);
    if (decides !== undefined) return decides(line, leafFirst[i + 1]?.function ?? '');
    if (!parked && syscalls.test(name)) return 'syscall';
    if (!parked && collectors.test(name)) return 'running';
    if (name === 'runtime.semacquire1' || name === 'runtime.semacquire') semaphore = true;
    else if (!plumbing.test(name)) break;
  }
  if (semaphore) return 'semacquire';
  if (parked) return 'waiting';
  return runtimeHidden ? unknownState : 'runnable';
}

/** What `semacquire` is about, which Go up to 1.19 (for a WaitGroup, 1.23) does not say; other states as they are. */
export function refinedState(state: string, leafFirst: readonly LeafFrame[]): string {
  if (state !== 'semacquire') return state;
  const derived = goroutineState(leafFirst);
  return derived.startsWith('sync.') ? derived : state;
}

/** Whether a profile has left out the frames of the runtime: then no stack shows how it is parked. */
export function hidesRuntime(functions: Iterable<string>): boolean {
  for (const name of functions) if (parkers.has(name) || unhidden.test(name)) return false;
  return true;
}

const unhidden = /^runtime\.(?:pprof_)?goroutineProfileWithLabels/;

const parkers = new Set(['runtime.gopark', 'runtime.goparkunlock']);

type Decide = (line: number, caller: string) => string;

const says =
  (state: string): Decide =>
  () =>
    state;

/**
 * The nil channel is told apart by the line in runtime/chan.go from which it is parked: for ever, near the top of
 * chansend and chanrecv (lines 163 to 181 and 466 to 536 in Go 1.15 to 1.27), or until another comes, near their ends
 * (258 to 283 and 577 to 667).
 */
const send: Decide = (line) => (line > 0 && line < 220 ? 'chan send (nil chan)' : 'chan send');
const receive: Decide = (line) => (line > 0 && line < 556 ? 'chan receive (nil chan)' : 'chan receive');

/** Up to Go 1.19 an RWMutex waits as a Mutex does, and is told apart by who waits. */
const mutex: Decide = (_, caller) => {
  if (!caller.startsWith('sync.(*RWMutex).')) return 'sync.Mutex.Lock';
  return /\.[rR][lL]ock/.test(caller) ? 'sync.RWMutex.RLock' : 'sync.RWMutex.Lock';
};
const semaphoreOf: Decide = (_, caller) => (caller === 'sync.(*WaitGroup).Wait' ? 'sync.WaitGroup.Wait' : 'semacquire');

const deciding = new Map<string, Decide>([
  ['runtime.chansend', send],
  ['runtime.chansend1', says('chan send')],
  ['runtime.chanrecv', receive],
  ['runtime.chanrecv1', says('chan receive')],
  ['runtime.chanrecv2', says('chan receive')],
  ['runtime.selectgo', says('select')],
  ['runtime.block', says('select (no cases)')],
  ['runtime.netpollblock', says('IO wait')],
  ['internal/poll.runtime_pollWait', says('IO wait')],
  ['time.Sleep', says('sleep')],
  ['sync.runtime_SemacquireMutex', mutex],
  ['internal/sync.runtime_SemacquireMutex', mutex],
  ['sync.runtime_SemacquireRWMutexR', says('sync.RWMutex.RLock')],
  ['sync.runtime_SemacquireRWMutex', says('sync.RWMutex.Lock')],
  ['sync.runtime_SemacquireWaitGroup', says('sync.WaitGroup.Wait')],
  ['sync.runtime_Semacquire', semaphoreOf],
  ['internal/poll.runtime_Semacquire', says('semacquire')],
  ['sync.runtime_notifyListWait', says('sync.Cond.Wait')],
  ['runtime.coroswitch', says('coroutine')],
  ['runtime.coroswitch_m', says('coroutine')],
  ['internal/synctest.Run', says('synctest.Run')],
  ['internal/synctest.Wait', says('synctest.Wait')],
  ['runtime.gcParkAssist', says('GC assist wait')],
  ['runtime.gcWaitOnMark', says('wait for GC cycle')],
  ['runtime.forcegchelper', says('force gc (idle)')],
  ['runtime.bgsweep', says('GC sweep wait')],
  ['runtime.bgscavenge', says('GC scavenge wait')],
  ['runtime.gcBgMarkWorker', says('GC worker (idle)')],
  ['runtime.runfinq', says('finalizer wait')],
  ['runtime.runFinalizers', says('finalizer wait')],
  ['runtime.runCleanups', says('cleanup wait')],
  ['runtime.ReadTrace', says('trace reader (blocked)')],
  ['runtime.Gosched', says('runnable')],
  ['runtime.goschedguarded', says('runnable')],
  ['runtime.asyncPreempt', says('runnable')],
  ['runtime.asyncPreempt2', says('runnable')],
]);

/** In a system call, in C, or in the wait for a signal, for which the runtime leaves its processor. */
const syscalls =
  /^(?:(?:syscall|internal\/runtime\/syscall(?:\/\w+)?|runtime\/internal\/syscall|internal\/syscall\/\w+|golang\.org\/x\/sys\/\w+)\.\w*[sS]yscall\w*|runtime\.(?:cgocall|asmcgocall|notetsleepg|entersyscall|reentersyscall|exitsyscall)|os\/signal\.signal_recv)$/;

/** Whoever took the profile. */
const collectors = /^(?:runtime\/pprof\.|runtime\.(?:pprof_)?goroutineProfile|runtime\.(?:Stack|GoroutineProfile)$)/;

/** Frames between the one that parks and the one that decides. */
const plumbing = /^(?:runtime|internal\/runtime\/[\w/]+|internal\/sync|sync|internal\/poll)\./;
