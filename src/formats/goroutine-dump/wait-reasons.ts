/**
 * Every status and wait reason that Go 1.15 to 1.27 prints for a goroutine, with what it means.
 *
 * Source: Go runtime/runtime2.go (waitReasonStrings) and runtime/traceback.go (gStatusStrings) of these versions.
 */
export const stateCategories = [
  'channel',
  'select',
  'sync',
  'io',
  'syscall',
  'sleep',
  'coroutine',
  'synctest',
  'running',
  'runnable',
  'gc',
  'finalizer',
  'runtime-idle',
  'other',
] as const;

export type StateCategory = (typeof stateCategories)[number];

export interface StateMeaning {
  readonly category: StateCategory;
  /** Only another goroutine can end the wait: with none that will, this one has leaked. */
  readonly waitsForGoroutine: boolean;
  /** Nothing can ever end the wait. */
  readonly forever: boolean;
}

const meanings = new Map<string, StateMeaning>();

function define(category: StateCategory, states: readonly string[], wait: 'goroutine' | 'forever' | 'else' = 'else') {
  for (const state of states) {
    meanings.set(state, { category, waitsForGoroutine: wait === 'goroutine', forever: wait === 'forever' });
  }
}

define('channel', ['chan receive', 'chan send'], 'goroutine');
// Go 1.24 only; since 1.25 it says " (durable)", which is a flag here.
define('channel', ['chan receive (synctest)', 'chan send (synctest)'], 'goroutine');
define('channel', ['chan receive (nil chan)', 'chan send (nil chan)'], 'forever');
define('select', ['select', 'select (synctest)'], 'goroutine');
define('select', ['select (no cases)'], 'forever');
// Mutex and RWMutex up to Go 1.19, WaitGroup up to 1.23, and other semaphores, say just "semacquire".
define('sync', ['semacquire', 'sync.Cond.Wait', 'sync.WaitGroup.Wait'], 'goroutine');
define('sync', ['sync.Mutex.Lock', 'sync.RWMutex.RLock', 'sync.RWMutex.Lock'], 'goroutine');
define('io', ['IO wait']);
define('syscall', ['syscall']);
define('sleep', ['sleep']);
define('coroutine', ['coroutine'], 'goroutine');
define('synctest', ['synctest.Run', 'synctest.Wait'], 'goroutine');
define('running', ['running', 'copystack']);
define('runnable', ['runnable', 'preempted']);
define('gc', ['GC assist marking', 'GC assist wait', 'GC mark termination', 'GC weak to strong wait']);
define('gc', ['GC worker (active)', 'garbage collection', 'garbage collection scan', 'wait for GC cycle']);
define('gc', ['stopping the world', 'flushing proc caches', 'dumping heap']);
define('finalizer', ['finalizer wait', 'cleanup wait']);
define('runtime-idle', ['GC worker (idle)', 'GC sweep wait', 'GC scavenge wait', 'force gc (idle)']);
define('runtime-idle', ['timer goroutine (idle)', 'trace reader (blocked)', 'GOMAXPROCS updater (idle)']);
define('runtime-idle', ['idle', 'waiting for cgo callback']);
define('other', ['trace goroutine status', 'trace proc status', 'page trace flush', 'debug call', 'panicwait']);
define('other', ['waiting', 'leaked', 'dead', '???', 'unknown wait reason']);

/** Every state that is known, as Go spells it. */
export const knownStates: ReadonlyMap<string, StateMeaning> = meanings;

const unknown: StateMeaning = { category: 'other', waitsForGoroutine: false, forever: false };

/** What a state means; of one that no known Go prints, nothing is claimed. */
export function meaningOf(state: string): StateMeaning {
  return meanings.get(state) ?? unknown;
}
