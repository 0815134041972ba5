import { canonicalFunction, packageOf } from '../formats/go-names.js';

/*
 * What stays the same of a goroutine's stack however it was captured and by whichever Go: text hides the runtime's
 * frames at the leaf, protobufs do not; what a Mutex calls inside has moved from package to package; since Go 1.22 a
 * `go` statement with arguments puts a wrapper at the root.
 */

/**
 * The functions of a stack, leaf first, without what differs between captures: no frames of the runtime and of the
 * inside of blocking operations at the leaf (`sync.(*Mutex).Lock` stays, `lockSlow` goes), no `runtime.goexit`,
 * `runtime.main` and `gowrap` at the root, type arguments as `[...]`. Stacks that are nothing else stay as they are.
 */
export function normalisedStack(leafFirst: readonly string[]): readonly string[] {
  let start = 0;
  let end = leafFirst.length;
  while (start < end && isInside(leafFirst[start])) start++;
  while (end > start && isRoot(leafFirst[end - 1])) end--;
  const kept = start < end ? leafFirst.slice(start, end) : leafFirst;
  return kept.map(canonicalFunction);
}

/** The innermost function that is not there to wait: not of the runtime, nor of sync, time and syscall. */
export function goroutineSite(leafFirst: readonly string[]): string {
  const stack = normalisedStack(leafFirst);
  return stack.find((name) => !waiting.has(packageOf(name)) && !isInside(name)) ?? stack.at(0) ?? '';
}

const waiting = new Set(['runtime', 'sync', 'time', 'syscall']);

/** The runtime, and the unexported inside of what blocks. */
function isInside(name: string): boolean {
  const packageName = packageOf(name);
  if (packageName === 'runtime' || packageName.startsWith('runtime/internal/')) return true;
  if (packageName.startsWith('internal/')) return true;
  return blocking.has(packageName) && !isExported(name);
}

const blocking = new Set(['sync', 'syscall', 'runtime/pprof']);

function isExported(name: string): boolean {
  const first = name.charCodeAt(name.lastIndexOf('.') + 1);
  return first >= 0x41 && first <= 0x5a;
}

function isRoot(name: string): boolean {
  return name === 'runtime.goexit' || name === 'runtime.main' || /\.gowrap\d+$/.test(name);
}
