import { FormatError, overBudget } from '../../format-error.js';
import type { TraceStacks } from '../events.js';
import { IdTable } from '../id-table.js';
import type { TraceLimits } from '../limits.js';
import { grown, type StringEntries } from '../strings.js';
import { VarintReader, type WideIds } from '../varint.js';
import type { EventReader } from './event-reader.js';
import { wireV1Limits } from './wire.js';

/**
 * The stacks of a trace of Go 1.21 or older. A frame belongs to its program counter: where two stacks tell of one
 * differently, the first is right for both, as for Go's reader.
 */
export class StackTable {
  readonly ids = new IdTable();
  /** Of stack s: its frames are `#frames[#start[s], #end[s])`, numbers of program counters. */
  #start = new Int32Array(256);
  #end = new Int32Array(256);
  #frames = new Int32Array(1024);
  #size = 0;
  readonly #numberOf = new Map<number, number>();
  /** Of each program counter: ids of the strings, and the line. */
  readonly #functions: number[] = [];
  readonly #files: number[] = [];
  readonly #lines: number[] = [];
  readonly #reader: VarintReader;

  constructor(
    private readonly data: Uint8Array,
    private readonly offset: number,
    private readonly limits: TraceLimits,
    wide: WideIds,
  ) {
    this.#reader = new VarintReader(wide);
  }

  /** Takes the stack that the events' reader stands on. */
  add(events: EventReader): void {
    const { limits } = this;
    const reader = this.#reader;
    reader.enter(this.data, events.dataStart, events.dataEnd, this.offset + events.dataStart);
    const id = reader.varint();
    // 0 stands for no stack, and Go does not write it.
    if (id === 0) return;
    const depth = reader.varint();
    if (depth < 0 || depth > wireV1Limits.stackFrames) throw events.malformed('a stack has more than 1000 frames');
    const first = this.#size;
    if (first + depth > limits.frames) throw overBudget('frames', first + depth, limits.frames, reader.offset);
    while (first + depth > this.#frames.length) this.#frames = grown(this.#frames);
    for (let i = 0; i < depth; i++) this.#frames[first + i] = this.#frame(reader);
    if (reader.position !== reader.end) throw events.malformed('a stack has more numbers than its frames need');
    const number = this.ids.add(id) || this.ids.get(id);
    if (number > limits.stacks) throw overBudget('stacks', number, limits.stacks, reader.offset);
    if (number >= this.#start.length) {
      this.#start = grown(this.#start);
      this.#end = grown(this.#end);
    }
    this.#start[number] = first;
    this.#end[number] = this.#size = first + depth;
  }

  /** All of them, once no more come. */
  stacks(strings: StringEntries): TraceStacks {
    this.ids.freeze();
    const functions = this.#functions.map((id) => stringOf(id, strings));
    const files = this.#files.map((id) => stringOf(id, strings));
    const count = this.ids.count + 1;
    const stacks = {
      count,
      start: new Int32Array(count + 1),
      functions: new Int32Array(this.#size),
      files: new Int32Array(this.#size),
      lines: new Int32Array(this.#size),
    };
    let size = 0;
    for (let stack = 1; stack < count; stack++) {
      for (let i = this.#start[stack]; i < this.#end[stack]; i++, size++) {
        const frame = this.#frames[i];
        stacks.functions[size] = functions[frame];
        stacks.files[size] = files[frame];
        stacks.lines[size] = this.#lines[frame];
      }
      stacks.start[stack + 1] = size;
    }
    return stacks;
  }

  #frame(reader: VarintReader): number {
    const programCounter = reader.varint();
    const [name, file, line] = [reader.varint(), reader.varint(), reader.varint()];
    let number = this.#numberOf.get(programCounter);
    if (number === undefined) {
      number = this.#lines.push(line < 0 || line > 0x7fff_ffff ? 0 : line) - 1;
      this.#functions.push(name);
      this.#files.push(file);
      this.#numberOf.set(programCounter, number);
    }
    return number;
  }
}

function stringOf(id: number, strings: StringEntries): number {
  const index = strings.ids.get(id);
  if (index < 0) throw new FormatError('malformed', 'a frame refers to a string that the trace does not have');
  return index;
}
