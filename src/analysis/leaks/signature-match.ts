import { canonicalFunction, packageOf } from '../../formats/go-names.js';
import { goroutineSite, normalisedStack } from '../goroutine-frames.js';
import { refinedState, unknownState } from '../goroutine-state.js';
import { type LeakSignature, leakSignatures, singletons, type StackPattern, type StackShape } from './signatures.js';

/*
 * Which signatures a stack fits. Names come from whoever sends a profile, so the work is bounded: patterns are expanded
 * to whole names when the module is loaded, and each frame costs one look into a map, whatever the number of
 * signatures. The regular expressions here are our own and have no repetition inside another; each reads a name, of
 * bounded length, once.
 */

/** A group of goroutines, or (`state` null) a site of the heap. */
export interface MatchedStack {
  /** As Go spells it, without the minutes; null for a heap site. */
  readonly state: string | null;
  /** Leaf first. */
  readonly frames: readonly { readonly function: string }[];
  readonly createdBy: string | null;
  /** `go1.23.4`, as binaries and processes tell it. */
  readonly goVersion?: string | null;
  readonly inuseObjects?: number;
  readonly inuseBytes?: number;
}

export interface SignatureMatch {
  readonly signature: LeakSignature;
  /** 1, or less where the signature is weak evidence: see its patterns. */
  readonly weight: number;
}

/** Frames beyond these are not looked at; Go itself records no more than 128 in a profile, and 100 in a dump. */
export const matchedFrames = 256;

/** No function of a known library has a longer name, its type arguments included. */
export const matchedNameLength = 2048;

/**
 * The signatures that a stack fits, best first: those that name what it waits in before those that name who runs it,
 * the ones nearer to the leaf first, then in the order of the table. Shapes come last, and not at all for a stack in
 * which a library is known.
 */
export function matchSignatures(stack: MatchedStack): readonly SignatureMatch[] {
  const facts = factsOf(stack);
  const found = new Map<LeakSignature, Found>();
  const tried = new Set<CompiledPattern>();
  const consider = (compiled: CompiledPattern) => {
    if (tried.has(compiled)) return;
    tried.add(compiled);
    const depth = matchDepth(compiled, facts);
    if (depth === null) return;
    const weight = weightOf(compiled.pattern, stack.goVersion ?? null);
    const before = found.get(compiled.signature);
    if (before === undefined || depth < before.depth || (depth === before.depth && weight > before.weight)) {
      found.set(compiled.signature, { signature: compiled.signature, order: compiled.order, depth, weight });
    }
  };
  for (const name of facts.depthOf.keys()) table.byName.get(name)?.forEach(consider);
  for (const name of facts.packageDepthOf.keys()) table.byPackage.get(name)?.forEach(consider);
  table.unnamed.forEach(consider);

  const known = [...found.values()].some(({ signature }) => signature.scope === 'library');
  return [...found.values()]
    .filter(({ signature }) => !known || signature.scope !== 'shape')
    .sort(
      (a, b) =>
        scopes.indexOf(a.signature.scope) - scopes.indexOf(b.signature.scope) || a.depth - b.depth || a.order - b.order,
    )
    .map(({ signature, weight }) => ({ signature, weight }));
}

/**
 * Whether these goroutines are of a kind of which every process has a few, so that they are worth no word while there
 * are no more than GOMAXPROCS (collectors: one for each processor) and a few more: background work of the runtime, the
 * main goroutine, accept loops, whoever takes the profile.
 */
export function alwaysBenign(stack: MatchedStack): boolean {
  if (stack.state === null) return false;
  const facts = factsOf(stack);
  if (facts.names.length === 0) return false;
  if (facts.names.every((name) => packageOf(name) === 'runtime')) return true;
  if (facts.root === 'main.main' && facts.creator === null) return true;
  return depthOfAny(benign, facts) !== null;
}

/**
 * A name as signatures spell it: without vendor directories, module versions (`@v1.2.3`), major versions (`/v5`) and
 * type arguments, escapes of the linker undone, and with the number of an anonymous function gone: `F.func1`,
 * `F.func2.1` and `F.func1.gowrap3` are `F.func`; `F-fm`, `F-range1`, `F.gowrap2` and `F.deferwrap1` are `F`. Empty
 * for a name that is too long to be known.
 */
export function signatureName(name: string): string {
  if (name.length > matchedNameLength) return '';
  const plain = canonicalFunction(name)
    .replace('[...]', '')
    .replaceAll('%2e', '.')
    .replace(/@v[^/@]*(?=\/)/g, '')
    .replace(/@v\d+\.\d+\.\d+(?:[-+][\w-]*)?(?=\.)/g, '')
    .replace(/\/v(?:[2-9]|[1-9]\d+)(?=[./])/g, '');
  const vendor = plain.lastIndexOf('/vendor/');
  const path = vendor >= 0 ? plain.slice(vendor + 8) : plain.startsWith('vendor/') ? plain.slice(7) : plain;
  return withoutNumbers(path);
}

/** The number of an anonymous function is gone everywhere; from the end of the name so is all that it was wrapped in. */
function withoutNumbers(name: string): string {
  let end = name.length;
  let closure = false;
  // Backwards over each character once.
  for (let i = name.length - 1; i > 0; i--) {
    if (name[i] !== '.' && name[i] !== '-') continue;
    const part = name.slice(i + 1, end);
    if (!(name[i] === '-' ? afterDash : afterDot).test(part)) break;
    if (part.startsWith('func')) closure = true;
    end = i;
  }
  const base = name.slice(0, end).replace(/\.func\d+(?=\.)/g, '.func');
  return closure ? `${base}.func` : base;
}

const afterDash = /^(?:fm|range\d+)$/;
const afterDot = /^(?:func\d+|gowrap\d+|deferwrap\d+|\d+)$/;

/** A frame that only calls another: the compiler makes them for `go f(x)` and `defer f(x)`. */
const wrapper = /\.(?:gowrap|deferwrap)\d+$/;

interface Found {
  readonly signature: LeakSignature;
  readonly order: number;
  readonly depth: number;
  readonly weight: number;
}

const scopes: readonly LeakSignature['scope'][] = ['library', 'surroundings', 'shape'];

/** What the patterns ask about a stack, its names as signatures spell them. */
interface Facts {
  readonly heap: boolean;
  /** Undefined: not known, or a heap site. */
  readonly state: string | undefined;
  /** Leaf first. */
  readonly names: readonly string[];
  /** Of each name, and of each package, the frame that is nearest to the leaf. */
  readonly depthOf: ReadonlyMap<string, number>;
  readonly packageDepthOf: ReadonlyMap<string, number>;
  readonly top: string;
  readonly leaf: string;
  readonly root: string;
  readonly creator: string | null;
  /** Undefined: not known. */
  readonly objectBytes: number | undefined;
}

function factsOf(stack: MatchedStack): Facts {
  const frames = stack.frames.slice(0, matchedFrames);
  const names: string[] = [];
  const depthOf = new Map<string, number>();
  const packageDepthOf = new Map<string, number>();
  for (const frame of frames) {
    const name = signatureName(frame.function);
    if (name === '' || name === 'runtime.goexit' || wrapper.test(frame.function)) continue;
    if (!depthOf.has(name)) depthOf.set(name, names.length);
    const packageName = packageOf(name);
    if (!packageDepthOf.has(packageName)) packageDepthOf.set(packageName, names.length);
    names.push(name);
  }
  const { inuseBytes, inuseObjects, createdBy } = stack;
  return {
    heap: stack.state === null,
    state: stack.state === null ? undefined : knownState(stack.state, frames),
    names,
    depthOf,
    packageDepthOf,
    top: goroutineSite(names),
    leaf: normalisedStack(names).at(0) ?? '',
    root: names.at(-1) ?? '',
    creator: createdBy ? signatureName(createdBy) : null,
    objectBytes: inuseBytes !== undefined && inuseObjects ? inuseBytes / inuseObjects : undefined,
  };
}

function knownState(state: string, frames: MatchedStack['frames']): string | undefined {
  const plain = state.split(',', 1)[0].replace(/ \((?:leaked|scan|durable|synctest)\)/g, '');
  if (plain === '' || plain === unknownState || plain === 'waiting') return undefined;
  if (plain !== 'semacquire') return plain;
  return refinedState(
    plain,
    frames.map((frame) => ({ function: signatureName(frame.function), line: 0 })),
  );
}

/** The depth of the frame that a stack fits by, 0 for the leaf; null if it does not fit. */
function matchDepth({ signature, pattern, any, without, top, leaf }: CompiledPattern, facts: Facts): number | null {
  if ((signature.kind === 'heap') !== facts.heap) return null;
  if (facts.state !== undefined) {
    if (pattern.states !== undefined && !pattern.states.includes(facts.state)) return null;
  } else if (pattern.states !== undefined) {
    // A debug=1 profile does not tell all states: there the name of a library is enough.
    if (signature.scope !== 'library' || (any ?? top ?? leaf) === undefined) return null;
  }
  if (top !== undefined && !top.names.has(facts.top)) return null;
  if (leaf !== undefined && !leaf.names.has(facts.leaf)) return null;
  if (without !== undefined && depthOfAny(without, facts) !== null) return null;
  if (pattern.minObjectBytes !== undefined && !((facts.objectBytes ?? 0) >= pattern.minObjectBytes)) return null;
  if (pattern.shape !== undefined && !shapes[pattern.shape](facts)) return null;
  if (any !== undefined) return depthOfAny(any, facts);
  return facts.depthOf.get(top !== undefined ? facts.top : facts.leaf) ?? 0;
}

function depthOfAny({ names, packages }: Names, facts: Facts): number | null {
  let depth: number | null = null;
  const [fewer, isIn] = names.size < facts.depthOf.size ? [names, facts.depthOf] : [facts.depthOf.keys(), names];
  for (const name of fewer) {
    if (isIn.has(name)) depth = Math.min(depth ?? Infinity, facts.depthOf.get(name)!);
  }
  for (const name of packages) {
    const at = facts.packageDepthOf.get(name);
    if (at !== undefined) depth = Math.min(depth ?? Infinity, at);
  }
  return depth;
}

function weightOf(pattern: StackPattern, goVersion: string | null): number {
  if (pattern.fromGo !== undefined && goMinor(goVersion) >= pattern.fromGo.minor) return pattern.fromGo.weight;
  return pattern.weight ?? 1;
}

/** 23 of `go1.23.4`, `1.23` and `devel go1.23-0a1b2c3`; 0 if it is not known. */
function goMinor(goVersion: string | null): number {
  const found = /(?:^|go)1\.(\d{1,3})/.exec(goVersion ?? '');
  return found === null ? 0 : Number(found[1]);
}

const shapes: Readonly<Record<StackShape, (facts: Facts) => boolean>> = {
  'closure of its creator': ({ top, root, creator }) => {
    if (!isClosure(top)) return false;
    if (creator === null) return top === root || launchers.has(root);
    return launchers.has(creator) || standsIn(top, creator);
  },
  'loop of its constructor': ({ top, creator }) => {
    if (creator === null || !constructorName.test(lastName(creator))) return false;
    return loopName.test(lastName(top)) || standsIn(top, creator);
  },
  'call into C': ({ names, top, leaf }) =>
    cgoStub.test(top) || names[0] === 'runtime.cgocall' || names[0] === 'runtime.asmcgocall' || cgoStub.test(leaf),
  'not of an accept loop': ({ creator }) => creator !== null && !acceptLoop.test(creator),
};

/** What starts a function on behalf of who calls it. */
const launchers = new Set([
  'sync.(*WaitGroup).Go',
  'sync.(*WaitGroup).Go.func',
  'golang.org/x/sync/errgroup.(*Group).Go',
  'golang.org/x/sync/errgroup.(*Group).Go.func',
]);

const constructorName = /^(?:[nN]ew|[sS]tart)/;
const loopName = /^(?:[sS]tart|[rR]un|[lL]oop)|Loop$/;
const cgoStub = /\._C(?:2)?func_/;
const acceptLoop = /Serve|[aA]ccept|[cC]reateClient|[hH]andle(?:Raw)?Conn|startGoRoutine|serveConn/;

function isClosure(name: string): boolean {
  return name.endsWith('.func');
}

/** Whether an anonymous function stands in another function, or in one that the compiler has inlined into it. */
function standsIn(closure: string, other: string): boolean {
  if (!isClosure(closure)) return false;
  const outer = isClosure(other) ? other.slice(0, -5) : other;
  return closure === `${outer}.func` || closure.startsWith(`${outer}.`);
}

/** `Start` of `main.(*T).Start.func`. */
function lastName(name: string): string {
  const whole = isClosure(name) ? name.slice(0, -5) : name;
  return whole.slice(whole.lastIndexOf('.') + 1);
}

/** The names of a clause, written out. */
interface Names {
  readonly names: ReadonlySet<string>;
  readonly packages: readonly string[];
}

interface CompiledPattern {
  readonly signature: LeakSignature;
  /** Of the signature in the table. */
  readonly order: number;
  readonly pattern: StackPattern;
  readonly any?: Names;
  readonly without?: Names;
  readonly top?: Names;
  readonly leaf?: Names;
}

/** The patterns by a name, or a package, that a stack has to have; `unnamed` have none and are tried with each stack. */
interface PatternTable {
  readonly byName: ReadonlyMap<string, readonly CompiledPattern[]>;
  readonly byPackage: ReadonlyMap<string, readonly CompiledPattern[]>;
  readonly unnamed: readonly CompiledPattern[];
}

function writtenOut(patterns: readonly string[]): Names {
  const all = patterns.flatMap(alternatives);
  return {
    names: new Set(all.filter((name) => !name.endsWith('.'))),
    packages: all.filter((name) => name.endsWith('.')).map((name) => name.slice(0, -1)),
  };
}

/** `a{b,c{d,e}}` is `ab`, `acd`, `ace`. */
export function alternatives(pattern: string): string[] {
  const open = pattern.indexOf('{');
  if (open < 0) return [pattern];
  const choices: string[] = [];
  let level = 0;
  let start = open + 1;
  for (let i = open; i < pattern.length; i++) {
    if (pattern[i] === '{') level++;
    else if (pattern[i] === '}') level--;
    const closes = level === 0 && pattern[i] === '}';
    if (closes || (level === 1 && pattern[i] === ',')) {
      choices.push(pattern.slice(start, i));
      start = i + 1;
    }
    if (closes) {
      return choices.flatMap((choice) =>
        alternatives(pattern.slice(i + 1)).flatMap((rest) =>
          alternatives(choice).map((middle) => pattern.slice(0, open) + middle + rest),
        ),
      );
    }
  }
  throw new Error(`no } in ${pattern}`);
}

function compile(signatures: readonly LeakSignature[]): PatternTable {
  const byName = new Map<string, CompiledPattern[]>();
  const byPackage = new Map<string, CompiledPattern[]>();
  const unnamed: CompiledPattern[] = [];
  const add = (map: Map<string, CompiledPattern[]>, key: string, compiled: CompiledPattern) => {
    const there = map.get(key);
    if (there === undefined) map.set(key, [compiled]);
    else there.push(compiled);
  };
  signatures.forEach((signature, order) => {
    for (const pattern of signature.patterns) {
      const { any, without, top, leaf } = pattern;
      const compiled: CompiledPattern = {
        signature,
        order,
        pattern,
        any: any && writtenOut(any),
        without: without && writtenOut(without),
        top: top && writtenOut(top),
        leaf: leaf && writtenOut(leaf),
      };
      const key = compiled.any ?? compiled.top ?? compiled.leaf;
      if (key === undefined) unnamed.push(compiled);
      key?.names.forEach((name) => add(byName, name, compiled));
      key?.packages.forEach((name) => add(byPackage, name, compiled));
    }
  });
  return { byName, byPackage, unnamed };
}

const table = compile(leakSignatures);
const benign = writtenOut(singletons);
