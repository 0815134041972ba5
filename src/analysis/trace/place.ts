import { packageOf } from '../../formats/go-names.js';
import type { NamedFrame } from './trace-stacks.js';

/** Where a goroutine was, in the words that an engineer looks for. */
export interface Place {
  /** The innermost frame outside the standard library; null where there is none. */
  readonly caller: NamedFrame | null;
  /**
   * What it waited in: the function of the standard library that `caller` called, such as `sync.(*Mutex).Lock`, or the
   * innermost frame outside the runtime where there is no caller. Null where the caller waited by itself, as on a channel.
   */
  readonly callee: NamedFrame | null;
}

/** @param stack the leaf first */
export function placeOf(stack: readonly NamedFrame[]): Place {
  const index = stack.findIndex((frame) => !isStandardLibrary(packageOf(frame.function)));
  if (index < 0) {
    const outside = stack.find((frame) => !isRuntime(frame)) ?? stack.find((frame) => !parks.test(frame.function));
    return { caller: null, callee: outside ?? stack.at(0) ?? null };
  }
  const callee = index > 0 && !isRuntime(stack[index - 1]) ? stack[index - 1] : null;
  return { caller: stack[index], callee };
}

/** What every goroutine of the runtime goes through to wait, to wake another, and to be traced. */
const parks = /^runtime\.(?:gopark|goready|ready|traceLocker)/;

/** Functions that the runtime lends to other packages are called `runtime_…` there. */
function isRuntime({ function: name }: NamedFrame): boolean {
  const path = packageOf(name);
  if (path === 'runtime' || path.startsWith('runtime/') || path.startsWith('internal/runtime/')) return true;
  return name.startsWith('.runtime_', path.length);
}

function isStandardLibrary(path: string): boolean {
  const slash = path.indexOf('/');
  return standardRoots.has(slash < 0 ? path : path.slice(0, slash));
}

/** First elements of all import paths of the standard library; a private module may do without a dot, too. */
const standardRoots = new Set(
  (
    'archive bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt go hash ' +
    'html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv ' +
    'strings structs sync syscall testing text time unicode unique unsafe vendor weak'
  ).split(' '),
);
