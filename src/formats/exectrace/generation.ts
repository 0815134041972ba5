import { FormatError, overBudget } from '../format-error.js';
import type { BatchHeader } from './batches.js';
import type { ClockSnapshot, TraceGeneration, TraceStacks } from './events.js';
import { IdTable } from './id-table.js';
import { type TraceLimits, wireLimits } from './limits.js';
import { grown, StringEntries } from './strings.js';
import { VarintReader, type WideIds } from './varint.js';
import { clockVersion, wire } from './wire.js';

/** A batch in the bytes of its generation. */
export interface Batch {
  /** Units of the trace clock; may be a handle of WideIds. */
  readonly time: number;
  readonly start: number;
  end: number;
  /** Offset in the file. */
  readonly offset: number;
}

/** A sample of the CPU profiler; `time` is in units of the trace clock. */
interface RawSample {
  readonly time: number;
  readonly thread: number;
  readonly proc: number;
  readonly goroutine: number;
  readonly stack: number;
}

export interface CpuSample {
  readonly time: number;
  readonly thread: number;
  readonly proc: number;
  readonly goroutine: number;
  readonly stack: number;
}

/** Times beyond this distance from the first one (52 days) are no times. */
export const maxRelativeTime = 2 ** 52;

/** Collects the batches of one generation; `assemble` makes them a Generation once they are complete. */
export class GenerationBuilder {
  /** 0 until the first batch has come. */
  number = 0;
  /** Batches of timed events by thread, in the order of the file. */
  readonly threads = new Map<number, Batch[]>();
  #data: Uint8Array;
  #size = 0;
  #batches = 0;
  #minTime = Infinity;
  readonly #tables: Record<'strings' | 'stacks' | 'samples' | 'sync', Batch[]> = {
    strings: [],
    stacks: [],
    samples: [],
    sync: [],
  };
  #experimental = false;
  #current: Batch = { time: 0, start: 0, end: 0, offset: 0 };
  #currentThread = 0;

  /** @param data memory to be used again, from the generation before */
  constructor(
    private readonly version: number,
    private readonly limits: TraceLimits,
    private readonly wide: WideIds,
    data: Uint8Array = new Uint8Array(1 << 16),
  ) {
    this.#data = data;
  }

  /** To be used again once nobody asks for the strings of this generation. */
  get memory(): Uint8Array {
    return this.#data;
  }

  get isEmpty(): boolean {
    return this.#batches === 0;
  }

  begin({ thread, time, bytes, experiment, offset }: Readonly<BatchHeader>): void {
    const { limits } = this;
    if (++this.#batches > limits.batches) throw overBudget('batches', this.#batches, limits.batches, offset);
    const size = this.#size + bytes;
    if (size > limits.generationBytes) throw overBudget('generationBytes', size, limits.generationBytes, offset);
    if (size > this.#data.length) this.#grow(size);
    this.#currentThread = thread;
    this.#current = { time, start: this.#size, end: this.#size, offset };
    this.#experimental = experiment !== 0;
    const double = this.wide.double(time);
    // Go takes a time of 0 for one that is not known yet.
    if (this.#minTime === Infinity || this.#minTime === 0 || double < this.#minTime) this.#minTime = double;
  }

  append(bytes: Uint8Array): void {
    this.#data.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  /** Puts the batch that is now complete where it belongs. */
  finish(): void {
    const batch = this.#current;
    batch.end = this.#size;
    if (this.#experimental) return;
    const list = this.#listFor(batch.start < batch.end ? this.#data[batch.start] : 0);
    if (list !== null) {
      list.push(batch);
      return;
    }
    const batches = this.threads.get(this.#currentThread);
    if (batches !== undefined) {
      batches.push(batch);
      return;
    }
    const count = this.threads.size + 1;
    if (count > this.limits.threads) throw overBudget('threads', count, this.limits.threads, batch.offset);
    this.threads.set(this.#currentThread, [batch]);
  }

  /**
   * The generation, if its tables are sound. FormatError otherwise.
   *
   * @param baseNanos what times are relative to; null lets this generation decide
   */
  assemble(baseNanos: bigint | null): Generation {
    const reader = new VarintReader(this.wide);
    const sync = this.#readSync(reader);
    const strings = new StringEntries(this.#data);
    for (const batch of this.#tables.strings) {
      this.#enter(reader, batch);
      readStrings(reader, strings, this.limits);
    }
    strings.ids.freeze();
    const stackIds = new IdTable();
    const stacks = this.#readStacks(reader, stackIds, strings.ids);
    const nanosPerUnit = 1 / (sync.unitsPerSecond / 1e9);
    const firstNanos = Math.trunc(this.#minTime * nanosPerUnit);
    if (!(nanosPerUnit > 0 && firstNanos < 2 ** 63)) throw this.#unsound('the frequency of its clock makes no sense');
    const base = baseNanos ?? BigInt(firstNanos);
    const clock = new TraceClock(nanosPerUnit, Number(base));
    const samples = this.#readSamples(reader, clock, stackIds);
    const snapshot: ClockSnapshot | null = sync.snapshot && {
      time: clock.at(sync.snapshot.time),
      wallNanos: sync.snapshot.wallNanos,
      monotonicNanos: sync.snapshot.monotonicNanos,
    };
    const startTime = clock.at(this.#minTime);
    return new Generation(
      this.number,
      base,
      clock,
      startTime,
      snapshot,
      strings,
      stackIds,
      stacks,
      samples,
      this.#data,
    );
  }

  #listFor(type: number): Batch[] | null {
    if (type === wire.strings) return this.#tables.strings;
    if (type === wire.stacks) return this.#tables.stacks;
    if (type === wire.cpuSamples) return this.#tables.samples;
    if (type === (this.version >= clockVersion ? wire.sync : wire.frequency)) return this.#tables.sync;
    return null;
  }

  #grow(size: number): void {
    const larger = new Uint8Array(Math.min(Math.max(size, this.#data.length * 2), this.limits.generationBytes));
    larger.set(this.#data.subarray(0, this.#size));
    this.#data = larger;
  }

  /** Enters a batch behind the byte that says its kind. */
  #enter(reader: VarintReader, { start, end, offset }: Batch): void {
    reader.enter(this.#data, start + 1, end, offset + 1);
  }

  #readSync(reader: VarintReader): Sync {
    let unitsPerSecond = 0;
    let snapshot: Sync['snapshot'] = null;
    for (const batch of this.#tables.sync) {
      let time = this.wide.double(batch.time);
      reader.enter(this.#data, batch.start, batch.end, batch.offset);
      if (this.version >= clockVersion) reader.byte();
      while (reader.position < reader.end) {
        const type = reader.byte();
        if (type === wire.frequency) {
          if (unitsPerSecond !== 0) throw reader.malformed('a generation gives its clock frequency twice');
          unitsPerSecond = this.wide.double(reader.varint());
        } else if (type === wire.clockSnapshot && this.version >= clockVersion) {
          if (snapshot !== null) throw reader.malformed('a generation has two clock snapshots');
          time += this.wide.double(reader.varint());
          const monotonicNanos = this.wide.exact(reader.varint());
          const seconds = BigInt.asIntN(64, this.wide.exact(reader.varint()));
          snapshot = { time, monotonicNanos, wallNanos: seconds * 1_000_000_000n + this.wide.exact(reader.varint()) };
        } else {
          throw reader.malformed(`a frequency or clock snapshot is expected, not type ${type}`);
        }
      }
    }
    if (unitsPerSecond === 0) throw this.#unsound('it lacks the frequency of its clock');
    if (snapshot === null && this.version >= clockVersion) throw this.#unsound('it lacks its clock snapshot');
    return { unitsPerSecond, snapshot };
  }

  #readStacks(reader: VarintReader, ids: IdTable, strings: IdTable): TraceStacks {
    const { limits } = this;
    let start = new Int32Array(256);
    let frames = { functions: new Int32Array(1024), files: new Int32Array(1024), lines: new Int32Array(1024) };
    let size = 0;
    for (const batch of this.#tables.stacks) {
      this.#enter(reader, batch);
      while (reader.position < reader.end) {
        const type = reader.byte();
        if (type !== wire.stack) throw reader.malformed(`a stack is expected, not type ${type}`);
        const stack = ids.add(reader.varint());
        if (stack === 0) throw reader.malformed('two stacks have the same id');
        if (stack > limits.stacks) throw overBudget('stacks', stack, limits.stacks, reader.offset);
        const depth = reader.varint();
        if (depth < 0 || depth > wireLimits.stackFrames) throw reader.malformed('a stack has more than 128 frames');
        if (stack + 2 > start.length) start = grown(start);
        if (size + depth > limits.frames) throw overBudget('frames', size + depth, limits.frames, reader.offset);
        if (size + depth > frames.lines.length) {
          frames = { functions: grown(frames.functions), files: grown(frames.files), lines: grown(frames.lines) };
        }
        for (let i = 0; i < depth; i++, size++) {
          reader.varint(); // the program counter
          frames.functions[size] = strings.get(reader.varint());
          frames.files[size] = strings.get(reader.varint());
          const line = reader.varint();
          frames.lines[size] = line < 0 || line > 0x7fff_ffff ? 0 : line;
          if (frames.functions[size] < 0 || frames.files[size] < 0) {
            throw reader.malformed('a frame refers to a string that its generation does not have');
          }
        }
        start[stack + 1] = size;
      }
    }
    ids.freeze();
    const count = ids.count + 1;
    return {
      count,
      start: start.slice(0, count + 1),
      functions: frames.functions.slice(0, size),
      files: frames.files.slice(0, size),
      lines: frames.lines.slice(0, size),
    };
  }

  #readSamples(reader: VarintReader, clock: TraceClock, stacks: IdTable): CpuSample[] {
    const { limits, wide } = this;
    const samples: RawSample[] = [];
    for (const batch of this.#tables.samples) {
      this.#enter(reader, batch);
      while (reader.position < reader.end) {
        const type = reader.byte();
        if (type !== wire.cpuSample) throw reader.malformed(`a CPU sample is expected, not type ${type}`);
        const time = clock.at(wide.double(reader.varint()));
        if (!(Math.abs(time) <= maxRelativeTime)) throw reader.malformed('a CPU sample is 52 days away from the rest');
        const thread = reader.varint();
        const proc = reader.varint();
        const goroutine = reader.varint() || -1;
        const id = reader.varint();
        const stack = stacks.get(id);
        if (stack < 0) throw reader.malformed(`a CPU sample refers to stack ${wide.exact(id)}, which is not there`);
        samples.push({ time, thread, proc, goroutine, stack });
        if (samples.length > limits.cpuSamples) {
          throw overBudget('cpuSamples', samples.length, limits.cpuSamples, reader.offset);
        }
      }
    }
    return samples.sort((a, b) => a.time - b.time);
  }

  #unsound(reason: string): FormatError {
    return new FormatError('malformed', `generation ${this.number} cannot be used: ${reason}`);
  }
}

interface Sync {
  readonly unitsPerSecond: number;
  readonly snapshot: { readonly time: number; readonly wallNanos: bigint; readonly monotonicNanos: bigint } | null;
}

function readStrings(reader: VarintReader, strings: StringEntries, limits: TraceLimits): void {
  while (reader.position < reader.end) {
    const type = reader.byte();
    if (type !== wire.string) throw reader.malformed(`a string is expected, not type ${type}`);
    const number = strings.ids.add(reader.varint());
    if (number === 0) throw reader.malformed('two strings have the same id');
    if (number > limits.strings) throw overBudget('strings', number, limits.strings, reader.offset);
    const bytes = reader.varint();
    if (bytes < 0 || bytes > wireLimits.stringBytes) throw reader.malformed('a string has more than 1024 bytes');
    if (reader.position + bytes > reader.end) throw reader.malformed('a string ends after its batch');
    strings.put(number, reader.position, reader.position + bytes);
    reader.position += bytes;
  }
}

/** Turns units of the trace clock into nanoseconds, rounding as Go does. */
export class TraceClock {
  constructor(
    readonly nanosPerUnit: number,
    /** Times are relative to this. */
    private readonly base: number,
  ) {}

  at(units: number): number {
    return Math.trunc(units * this.nanosPerUnit) - this.base;
  }
}

/** One generation whose tables have been read and whose events wait in their batches. */
export class Generation implements TraceGeneration {
  constructor(
    readonly number: number,
    readonly baseNanos: bigint,
    readonly traceClock: TraceClock,
    /** Time of the earliest batch. */
    readonly startTime: number,
    readonly clock: ClockSnapshot | null,
    private readonly strings: StringEntries,
    private readonly stackIds: IdTable,
    readonly stacks: TraceStacks,
    readonly cpuSamples: readonly CpuSample[],
    readonly data: Uint8Array,
  ) {}

  string(index: number): string {
    return this.strings.at(index);
  }

  /** Index of the string with this id in the file; -1 if there is none. */
  stringIndex(id: number): number {
    return this.strings.ids.get(id);
  }

  stackIndex(id: number): number {
    return this.stackIds.get(id);
  }

  /** Index of a string that came from an earlier generation. */
  indexOf(text: string): number {
    return this.strings.indexOf(text);
  }
}
