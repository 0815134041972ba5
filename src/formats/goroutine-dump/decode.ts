import { FormatError } from '../format-error.js';
import { type LineSink, LineSplitter } from '../lines.js';
import { CrashText, isSignalLine } from './crash-text.js';
import {
  type DumpLoss,
  type DumpLossCode,
  elidedFunction,
  goroutineFlags,
  type GoroutineDumps,
  otherState,
} from './dump.js';
import { DumpColumns, type GoroutineRow } from './dump-columns.js';
import { FrameText } from './frame-text.js';
import { HeaderReader, type HeaderStatus } from './header.js';
import { LabelSets } from './label-sets.js';
import { goroutineDumpLimits, type GoroutineDumpLimits } from './limits.js';
import { hashSeed, hashStep, SequenceTable } from './sequence-table.js';
import { ascii, isBlank, startsWith } from './text-bytes.js';

const dot = 0x2e;
const letterG = 0x67;
const letterN = 0x6e;
const openBracket = 0x5b;

const originating = ascii('[originating from goroutine ');
const runtimeStack = ascii('runtime stack:');
const threadBreak = ascii('-----');
const unavailable = ascii('goroutine running on other thread');
const nonGo = ascii('non-Go function');
const elided = [ascii('...additional frames elided...'), ascii(' frames elided...')] as const;

const noPrefix: Uint8Array = new Uint8Array(0);

const details: Record<DumpLossCode, string> = {
  'goroutines-folded': 'goroutines beyond a limit were only counted by state',
  'dumps-dropped': 'dumps beyond the limit were left out',
  'stacks-cut': 'stacks deeper than the limit lost their roots',
  'labels-dropped': 'label sets beyond a limit were left out',
  'names-cut': 'names longer than the limit were cut',
  'lines-torn': 'lines of something else, or parts of lines, stood within goroutines',
  'frames-orphaned': 'frames stood outside of any goroutine: their header was lost',
  'long-lines': 'lines longer than the limit were cut',
  'ended-early': 'the text ends within a goroutine',
};

interface SecondRunning {
  readonly row: number;
  /** Of the dump before it, if it begins another. */
  readonly endLine: number;
  readonly startLine: number;
  readonly atNanos: bigint | null;
  /** From here on. */
  readonly ids: Set<number | bigint>;
}

/**
 * Reads goroutine dumps out of lines: `debug=2`, `runtime.Stack`, and what SIGQUIT, a panic, a fatal error or a deadlock
 * write into a log, of Go 1.15 to 1.27. Anything else around or between them is read over. Memory is bounded by
 * `limits`, whatever comes; nothing is thrown.
 *
 * A header begins another dump when a crash was announced above it, when its goroutine was there already, when time
 * passed, or when its goroutine runs and there was other text above it. One that runs in the middle of a dump may be part
 * of it (Go shows what a collection has stopped as running), or the first of another: that shows when an id comes again.
 *
 * Source: Go runtime/traceback.go, runtime/mprof.go (Stack), runtime/pprof/pprof.go (writeGoroutineStacks).
 */
export class GoroutineDumpReader implements LineSink {
  readonly #header = new HeaderReader();
  readonly #text: FrameText;
  readonly #crash: CrashText;
  readonly #labels: LabelSets;
  readonly #stacks: SequenceTable<Int32Array>;
  readonly #states = new Map<string, number>();
  readonly #losses = new Map<DumpLossCode, number>();

  readonly #dumps: DumpColumns[] = [];
  #dump: DumpColumns | null = null;
  /** Whether `#dump` is one of `#dumps`, or beyond the limit. */
  #dumpKept = true;
  #ids = new Set<number | bigint>();
  /** Where a second goroutine that runs may have begun another dump: it has, once an id from before it comes again. */
  #second: SecondRunning | null = null;
  #goroutines = 0;

  #lineNumber = 0;
  #lineTime: bigint | null = null;
  #lastTime: bigint | null = null;
  /** What stood before the header of the dump and so may stand before all of its lines: indentation, a container's name. */
  #prefix = noPrefix;
  /** Without the blanks at its end. */
  #prefixEnd = 0;
  /** Lines since the last goroutine that belong to no dump. */
  #foreign = 0;
  #lastBlank = false;
  /** The blank line that ended a goroutine had a prefix, and so may have been another line that was cut. */
  #closedEarly = false;
  #inRuntimeStack = false;
  /** GOTRACEBACK=crash lists every thread, behind a line of dashes each; the goroutines were all listed by the first. */
  #afterThreadBreak = false;
  #repeating = false;

  // The goroutine that is being read.
  #reading: 'nothing' | 'frames' | 'ancestors' | 'repeated' = 'nothing';
  readonly #row: GoroutineRow = {
    id: 0,
    state: 0,
    waitMinutes: -1,
    flags: 0,
    bubble: 0n,
    labelSet: -1,
    stack: 0,
    createdBy: -1,
    creator: 0,
  };
  readonly #frames: Int32Array;
  #depth = 0;
  #roomLeft = true;
  #stackCut = false;
  #created = false;
  #foreignWithin = 0;
  #lastWas: 'frame' | 'creator' | 'creation' | 'other' = 'other';

  constructor(private readonly limits: GoroutineDumpLimits = goroutineDumpLimits) {
    this.#text = new FrameText(limits);
    this.#crash = new CrashText(limits);
    this.#labels = new LabelSets(limits);
    this.#stacks = new SequenceTable((length) => new Int32Array(length), {
      entries: limits.stacks,
      elements: limits.stackEntries,
    });
    this.#frames = new Int32Array(limits.stackDepth + 1);
  }

  get found(): boolean {
    return this.#dumps.length > 0;
  }

  /** `lineNumber` where the lines are some of those of a larger text. */
  line(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, lineNumber = this.#lineNumber + 1): void {
    this.#lineNumber = lineNumber;
    this.#lineTime = atNanos;
    let from = start;
    if (this.#prefix.length > 0) {
      if (startsWith(bytes, start, end, this.#prefix)) from += this.#prefix.length;
      // A blank line may have lost its indentation, or the blanks behind a prefix.
      else if (
        end - start === this.#prefixEnd &&
        startsWith(bytes, start, end, this.#prefix.subarray(0, end - start))
      ) {
        from = end;
      } else if (this.#header.read(bytes, start, end)) this.#setPrefix(noPrefix);
    }
    this.#lastBlank = from === end;
    if (!this.#lastBlank) this.#closedEarly = false;
    if (this.#reading === 'nothing') this.#outside(bytes, from, end, start);
    else this.#within(bytes, from, end, start);
  }

  end(cut: boolean): void {
    if (this.#reading === 'nothing') {
      // The header of the next goroutine may have been cut in two.
      if (cut && this.#dump !== null && this.#foreign === 1 && !this.#lastBlank) this.#lose('ended-early');
      if (cut && this.#dump !== null && this.#lastBlank && this.#closedEarly) {
        this.#lose('ended-early');
        this.#dump.tearLast();
      }
      return;
    }
    const forgotten = cut && this.#forgetUncertain();
    const complete = !forgotten && this.#isComplete() && this.#text.pending === 'nothing';
    if (!complete && this.#reading !== 'repeated') {
      this.#lose('ended-early');
      this.#row.flags |= goroutineFlags.torn;
    }
    this.#close(this.#lineNumber);
  }

  /** Everything that was read; call it after `end`. */
  result(): GoroutineDumps {
    if (this.#text.namesCut > 0) this.#losses.set('names-cut', this.#text.namesCut);
    if (this.#labels.dropped > 0) this.#losses.set('labels-dropped', this.#labels.dropped);
    const stackCount = this.#stacks.count;
    const used = new Uint8Array(this.#text.table.count);
    const start = new Uint32Array(stackCount + 1);
    for (let stack = 0; stack < stackCount; stack++) {
      const frames = this.#stacks.at(stack);
      start[stack + 1] = start[stack] + frames.length;
      for (const frame of frames) used[frame] = 1;
    }
    for (const dump of this.#dumps) dump.markFrames(used);
    const table = frameTable(this.#text, used);
    const frame = new Int32Array(start[stackCount]);
    for (let stack = 0; stack < stackCount; stack++) {
      const frames = this.#stacks.at(stack);
      for (let i = 0; i < frames.length; i++) frame[start[stack] + i] = table.number[frames[i]];
    }
    return {
      dumps: this.#dumps.map((dump) => dump.build(table.number)),
      functions: table.functions,
      files: table.files,
      frames: table.frames,
      stacks: { count: stackCount, start, frame },
      states: [...this.#states.keys()],
      labelSets: this.#labels.sets,
      losses: Array.from(this.#losses, ([code, count]): DumpLoss => ({ code, count, detail: details[code] })),
    };
  }

  #lose(code: DumpLossCode, count = 1): void {
    this.#losses.set(code, (this.#losses.get(code) ?? 0) + count);
  }

  #setPrefix(prefix: Uint8Array): void {
    this.#prefix = prefix;
    this.#prefixEnd = prefix.length;
    while (this.#prefixEnd > 0 && isBlank(prefix[this.#prefixEnd - 1])) this.#prefixEnd--;
  }

  /** A line that belongs to no goroutine. `whole` is where it starts with its prefix. */
  #outside(bytes: Uint8Array, start: number, end: number, whole: number): void {
    if (start === end) {
      this.#inRuntimeStack = false;
      return;
    }
    if (bytes[start] === letterG && this.#header.read(bytes, start, end)) {
      if (start === whole) this.#setPrefix(noPrefix);
      return this.#open();
    }
    const afterThreadBreak = this.#afterThreadBreak;
    this.#afterThreadBreak = false;
    if (startsWith(bytes, start, end, threadBreak) && end - start === threadBreak.length) {
      this.#afterThreadBreak = this.#dump !== null;
      return;
    }
    if (afterThreadBreak && isSignalLine(bytes, start, end)) {
      this.#repeating = true;
      return;
    }
    if (this.#crash.begin(bytes, start, end, this.#lineNumber, this.#lineTime)) {
      this.#repeating = false;
      return;
    }
    if (startsWith(bytes, start, end, runtimeStack)) {
      this.#inRuntimeStack = true;
      return;
    }
    if (this.#inRuntimeStack) return;
    const header = this.#header.find(bytes, start, end);
    if (header >= 0) {
      this.#setPrefix(bytes.slice(whole, header));
      return this.#open();
    }
    if (this.#crash.open) return this.#crash.add(bytes, start, end, this.#lineNumber);
    const orphan = this.#dump !== null && isBlank(bytes[start]) && this.#text.locationLine(bytes, start, end);
    if (orphan && this.#text.certain) this.#lose('frames-orphaned');
    this.#foreign++;
  }

  #within(bytes: Uint8Array, start: number, end: number, whole: number): void {
    if (start === end) {
      this.#closedEarly = whole < start && !this.#isComplete();
      return this.#close();
    }
    const first = bytes[start];
    this.#lastWas = 'other';
    const waiting = this.#text.pending;
    if (isBlank(first)) {
      if (this.#text.locationLine(bytes, start, end)) return this.#location(bytes);
      if (startsWith(bytes, start + 1, end, unavailable)) {
        this.#row.flags |= goroutineFlags.stackUnavailable;
        return;
      }
    } else if (this.#text.functionLine(bytes, start, end)) {
      if (waiting === 'function') this.#torn(1);
      return;
    } else if (this.#text.creatorLine(bytes, start, end)) {
      this.#lastWas = 'creator';
      return;
    } else if (first === dot && isElided(bytes, start, end)) {
      return this.#pushFrame(this.#text.marker(elidedFunction));
    } else if (first === openBracket && startsWith(bytes, start, end, originating)) {
      this.#dropPending();
      if (this.#reading === 'frames') this.#reading = 'ancestors';
      return;
    } else if (first === letterN && startsWith(bytes, start, end, nonGo)) {
      return this.#pushFrame(this.#text.marker('non-Go function'));
    } else if (first === letterG && this.#header.read(bytes, start, end)) {
      this.#close();
      if (start === whole) this.#setPrefix(noPrefix);
      return this.#open();
    }
    this.#somethingElse(bytes, start, end, whole);
  }

  /** A line within a goroutine that is none of its own. */
  #somethingElse(bytes: Uint8Array, start: number, end: number, whole: number): void {
    const crash = this.#crash.begin(bytes, start, end, this.#lineNumber, this.#lineTime);
    if (crash || this.#isComplete() || this.#header.find(bytes, start, end) >= 0) {
      this.#close();
      if (crash) this.#repeating = false;
      else this.#outside(bytes, start, end, whole);
      return;
    }
    if (++this.#foreignWithin > this.limits.foreignLines) {
      this.#torn(1);
      this.#close();
      this.#foreign = this.#foreignWithin;
      return;
    }
    this.#text.foreignLine(bytes, start, end);
  }

  #location(bytes: Uint8Array): void {
    const pending = this.#text.pending;
    if (this.#reading !== 'frames') {
      this.#text.pending = 'nothing';
    } else if (pending === 'function' || (pending === 'foreign' && this.#text.foreign)) {
      if (this.#created) this.#torn(1);
      else this.#pushFrame(this.#text.take(bytes));
      this.#lastWas = 'frame';
    } else if (pending === 'creator') {
      this.#setCreation(this.#text.take(bytes));
      this.#lastWas = 'creation';
    } else if (!this.#text.foreign) {
      this.#torn(1);
    }
  }

  #pushFrame(frame: number): void {
    if (this.#reading !== 'frames') return;
    if (this.#foreignWithin > 0) this.#torn(this.#foreignWithin);
    this.#foreignWithin = 0;
    if (frame < 0) this.#roomLeft = false;
    else if (this.#depth < this.limits.stackDepth) this.#frames[this.#depth++] = frame;
    else this.#stackCut = true;
  }

  #setCreation(frame: number): void {
    if (this.#foreignWithin > 0) this.#torn(this.#foreignWithin);
    this.#foreignWithin = 0;
    this.#created = true;
    this.#row.creator = this.#text.creator;
    this.#row.createdBy = frame;
    if (frame < 0) this.#roomLeft = false;
  }

  #torn(lines: number): void {
    this.#lose('lines-torn', lines);
    this.#row.flags |= goroutineFlags.torn;
  }

  /** A function whose location never came. A creator is told by its name alone. */
  #dropPending(): void {
    if (this.#reading === 'frames') {
      if (this.#text.pending === 'function') this.#torn(1);
      if (this.#text.pending === 'creator') this.#setCreation(this.#text.takeName());
    }
    this.#text.pending = 'nothing';
  }

  /** The last line was cut: takes back what it may have said wrongly. False if that is nothing. */
  #forgetUncertain(): boolean {
    if (this.#reading !== 'frames') return false;
    if (this.#lastWas === 'creator') {
      this.#text.pending = 'nothing';
      return true;
    }
    if (this.#text.certain || (this.#lastWas !== 'frame' && this.#lastWas !== 'creation')) return false;
    if (this.#lastWas === 'creation') this.#row.createdBy = this.#text.takeName();
    else if (this.#depth > 0) this.#depth--;
    return true;
  }

  /** Whether the goroutine may end here: its `go` statement was there, or it has none. */
  #isComplete(): boolean {
    if (this.#reading !== 'frames' || this.#created) return true;
    if (this.#depth === 0 || !this.#roomLeft) return this.#depth > 0;
    const root = this.#text.read(this.#frames[this.#depth - 1]).function;
    if (root === 'main.main' || root === 'runtime.main') return !this.#text.detailed;
    return root === 'runtime.goexit' ? this.#row.id === 1 : systemRoots.has(root);
  }

  #open(): void {
    const { id, status } = this.#header;
    this.#foreignWithin = 0;
    this.#depth = 0;
    this.#created = false;
    this.#roomLeft = true;
    this.#stackCut = false;
    this.#text.pending = 'nothing';
    this.#text.detailed = false;
    this.#lastWas = 'other';
    const crash = this.#crash.take();
    let seen = id !== 0 && this.#ids.has(id);
    if (this.#repeating && seen) {
      this.#reading = 'repeated';
      return;
    }
    const second = this.#second;
    if (seen && second !== null && !second.ids.has(id) && crash === null && this.#dump !== null) {
      this.#startDump(this.#dump.splitAt(second.row, second.endLine, second.startLine, second.atNanos));
      this.#ids = second.ids;
      seen = false;
    }
    if (this.#dump === null || crash !== null || this.#beginsDump(status, seen)) {
      this.#startDump(
        new DumpColumns(
          crash?.startLine ?? this.#lineNumber,
          crash === null ? this.#lineTime : crash.atNanos,
          crash?.crash ?? null,
          crash === null && status.state === 'running',
        ),
      );
      this.#ids = new Set();
    } else if (status.state === 'running' && this.#dump.callerFirst && !this.#repeating) {
      const { count: row, endLine } = this.#dump;
      this.#second = { row, endLine, startLine: this.#lineNumber, atNanos: this.#lineTime, ids: new Set() };
    }
    if (this.#ids.size < this.limits.goroutines) {
      this.#ids.add(id);
      this.#second?.ids.add(id);
    }
    this.#foreign = 0;
    this.#lastTime = this.#lineTime;
    this.#reading = 'frames';
    const row = this.#row;
    row.id = id;
    row.state = this.#stateNumber(status.state);
    row.waitMinutes = status.waitMinutes;
    row.flags = status.flags;
    row.bubble = status.bubble;
    row.labelSet = status.labels.length === 0 ? -1 : this.#labels.intern(status.labels);
    row.createdBy = -1;
    row.creator = 0;
  }

  #startDump(dump: DumpColumns): void {
    this.#dump = dump;
    this.#second = null;
    this.#repeating = false;
    this.#dumpKept = this.#dumps.length < this.limits.dumps;
    if (this.#dumpKept) this.#dumps.push(dump);
    else this.#lose('dumps-dropped');
  }

  #beginsDump(status: HeaderStatus, seen: boolean): boolean {
    if (seen && !this.#repeating) return true;
    if (status.state === 'running' && !this.#repeating) {
      const { callerFirst, count } = this.#dump!;
      // The one that asked stands first; another that runs later in a whole dump may be part of it.
      if (this.#foreign > 0 || (callerFirst && count <= 1)) return true;
    }
    const gap = this.#lastTime !== null && this.#lineTime !== null ? this.#lineTime - this.#lastTime : 0n;
    return gap > this.limits.gapNanos;
  }

  #close(lastLine = this.#lineNumber - 1): void {
    this.#dropPending();
    const dump = this.#dump;
    const reading = this.#reading;
    this.#reading = 'nothing';
    if (reading === 'repeated' || dump === null) return;
    dump.endLine = lastLine;
    const stack = this.#roomLeft && this.#goroutines < this.limits.goroutines ? this.#internStack() : -1;
    if (stack < 0 || !this.#dumpKept) {
      this.#lose('goroutines-folded');
      if (this.#dumpKept) dump.fold(this.#row.state);
      return;
    }
    if (this.#stackCut) this.#lose('stacks-cut');
    this.#goroutines++;
    this.#row.stack = stack;
    dump.push(this.#row);
  }

  #internStack(): number {
    if (this.#stackCut) {
      const marker = this.#text.marker(elidedFunction);
      if (marker < 0) return -1;
      this.#frames[this.#depth++] = marker;
    }
    let hash = hashSeed;
    for (let i = 0; i < this.#depth; i++) hash = hashStep(hash, this.#frames[i]);
    return this.#stacks.intern(this.#frames, 0, this.#depth, hash);
  }

  #stateNumber(state: string): number {
    let number = this.#states.get(state);
    if (number === undefined) {
      if (this.#states.size >= this.limits.states && state !== otherState) return this.#stateNumber(otherState);
      this.#states.set(state, (number = this.#states.size));
    }
    return number;
  }
}

/** Where the stacks of threads end, which nobody created. */
const systemRoots = new Set([
  'runtime.mcall',
  'runtime.mstart',
  'runtime.mstart1',
  'runtime.systemstack',
  'runtime.morestack',
  'runtime.asmcgocall',
  'runtime.rt0_go',
]);

/** `...additional frames elided...`, or since Go 1.21 `...23 frames elided...`. */
function isElided(bytes: Uint8Array, start: number, end: number): boolean {
  if (startsWith(bytes, start, end, elided[0])) return end - start === elided[0].length;
  return end - start > elided[1].length && startsWith(bytes, end - elided[1].length, end, elided[1]);
}

/** The frames that are in use, with functions and files as strings, and the new number of each. */
function frameTable(text: FrameText, used: Uint8Array) {
  const count = used.reduce((sum, one) => sum + one, 0);
  const functions = new Map<string, number>();
  const files = new Map<string, number>();
  const numberOf = (names: Map<string, number>, name: string): number => {
    let number = names.get(name);
    if (number === undefined) names.set(name, (number = names.size));
    return number;
  };
  const frames = { count, function: new Int32Array(count), file: new Int32Array(count), line: new Int32Array(count) };
  const number = new Int32Array(used.length).fill(-1);
  let next = 0;
  for (let frame = 0; frame < used.length; frame++) {
    if (used[frame] === 0) continue;
    const read = text.read(frame);
    frames.function[next] = numberOf(functions, read.function);
    frames.file[next] = numberOf(files, read.file);
    frames.line[next] = read.line;
    number[frame] = next++;
  }
  return { functions: [...functions.keys()], files: [...files.keys()], frames, number };
}

/**
 * The goroutine dumps of a text, whole; see GoroutineDumpReader, which takes it in pieces.
 *
 * @throws FormatError `unrecognized` when there is no goroutine in it
 */
export function decodeGoroutineDumps(
  bytes: Uint8Array,
  limits: GoroutineDumpLimits = goroutineDumpLimits,
): GoroutineDumps {
  const reader = new GoroutineDumpReader(limits);
  const splitter = new LineSplitter(reader, limits.lineBytes);
  const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  splitter.push(bom ? bytes.subarray(3) : bytes);
  splitter.end();
  const result = reader.result();
  if (result.dumps.length === 0) {
    throw new FormatError('unrecognized', 'this is no goroutine dump: no line reads like "goroutine 1 [running]:"');
  }
  if (splitter.longLines === 0) return result;
  const long: DumpLoss = { code: 'long-lines', count: splitter.longLines, detail: details['long-lines'] };
  return { ...result, losses: [...result.losses, long] };
}
