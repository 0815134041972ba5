import { FormatError, overBudget } from '../format-error.js';
import { type BatchHeader, type BatchSink, BatchSplitter } from './batches.js';
import { Frontier, ThreadCursor } from './cursor.js';
import { eventKind, none, TraceEvent, type TraceSink } from './events.js';
import { type Generation, GenerationBuilder } from './generation.js';
import { type TraceLimits, traceLimits } from './limits.js';
import { Ordering } from './ordering.js';
import { checkEvents } from './v1/check.js';
import { convertEvents } from './v1/convert.js';
import { mergeEvents } from './v1/merge.js';
import { readTables } from './v1/tables.js';
import { wireV1Versions } from './v1/wire.js';
import { WideIds } from './varint.js';
import { endOfGenerationVersion, wireName, wireVersions } from './wire.js';

const headerBytes = 16;

/**
 * Reads an execution trace of Go 1.11 or later that comes in chunks of any size, and tells `sink` its events in order;
 * where the chunks are cut makes no difference. Of traces of Go 1.22 and later it holds one generation (about a second)
 * at a time. Older ones are gathered whole, and told at `end`: all of their events or, after a fault, none; only that
 * stacks are missing is said after the events.
 *
 * `push` and `end` throw FormatError, and nothing else: `unrecognized` for what is no such trace (with the version, if
 * it is a trace of another kind), `malformed`, `truncated`, `over-budget`. What was delivered before remains valid; the
 * message says up to which generation everything was there. After a fault the reader takes nothing more.
 *
 * Source: Go src/internal/trace (reader.go, generation.go).
 */
export class TraceReader {
  /** Minor version of the format, as Go's (22 is Go 1.22); null until the header has come. */
  version: number | null = null;
  /** Generations all of whose events were delivered. */
  generations = 0;
  /** The number that the last of them has in the file. */
  lastGeneration = 0;
  events = 0;
  readonly #wide: WideIds;
  readonly #ordering: Ordering;
  readonly #header = new Uint8Array(headerBytes);
  readonly #event = new TraceEvent();
  #headerSize = 0;
  #splitter: BatchSplitter | null = null;
  #assembly: GenerationAssembly | null = null;
  /** What has come of a trace of Go 1.21 or older. */
  #whole: WholeBytes | null = null;
  #lastTime = 0;
  #baseNanos: bigint | null = null;
  #fault: FormatError | null = null;
  /** Whether the events of a generation are being delivered, or were when a fault came. */
  #stoppedInEvents = false;

  constructor(
    private readonly sink: TraceSink,
    private readonly limits: TraceLimits = traceLimits,
  ) {
    this.#wide = new WideIds(limits.wideIds);
    this.#ordering = new Ordering(limits, this.#wide);
  }

  /** The 64-bit id that a number in an event stands for. */
  exactId(id: number): bigint {
    return this.#wide.exact(id);
  }

  push(chunk: Uint8Array): void {
    this.#guard(() => {
      let rest = chunk;
      if (this.version === null) {
        const taken = Math.min(headerBytes - this.#headerSize, chunk.length);
        this.#header.set(chunk.subarray(0, taken), this.#headerSize);
        this.#headerSize += taken;
        if (this.#headerSize < headerBytes) return;
        this.#open();
        rest = chunk.subarray(taken);
      }
      if (this.#whole !== null) this.#whole.append(rest);
      else this.#split((splitter) => splitter.push(rest));
    });
  }

  /** No chunk follows. */
  end(): void {
    this.#guard(() => {
      // A file that is shorter than a header has none.
      if (this.version === null) readVersion(this.#header.subarray(0, this.#headerSize));
      if (this.#whole !== null) return this.#deliverWhole(this.#whole);
      this.#split((splitter, assembly) => {
        splitter.end();
        assembly.finish();
      });
      this.#sync();
    });
  }

  /** Feeds the splitter. Before Go 1.26 what stands before a break may still be a generation. */
  #split(feed: (splitter: BatchSplitter, assembly: GenerationAssembly) => void): void {
    const splitter = this.#splitter!;
    const assembly = this.#assembly!;
    try {
      feed(splitter, assembly);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (splitter.isBroken) {
        try {
          assembly.finish();
        } catch (inner) {
          // The break is the reason; that what came before is incomplete follows from it.
          if (!(inner instanceof FormatError)) throw inner;
        }
      }
      if (!this.#stoppedInEvents) this.#sync();
      throw error;
    }
  }

  #guard(work: () => void): void {
    if (this.#fault !== null) throw this.#fault;
    try {
      work();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#fault = this.#explained(error);
      throw this.#fault;
    }
  }

  #explained(error: FormatError): FormatError {
    if (error.fault === 'unrecognized') return error;
    if (this.#whole !== null) {
      const rest = this.generations === 0 ? 'traces of Go 1.21 and older can be read only whole' : 'the rest is usable';
      return new FormatError(error.fault, `${error.message}; ${rest}`, error.at, { cause: error });
    }
    const usable =
      this.generations === 0
        ? 'no generation of the trace is complete'
        : `the trace is usable up to generation ${this.lastGeneration} (${this.generations} in all)`;
    return new FormatError(error.fault, `${error.message}; ${usable}`, error.at, { cause: error });
  }

  #open(): void {
    const version = readVersion(this.#header);
    this.version = version;
    if (version < wireVersions[0]) {
      this.#whole = new WholeBytes(this.limits);
      return;
    }
    this.#assembly = new GenerationAssembly(version, this.limits, this.#wide, (builder) => this.#deliver(builder));
    this.#splitter = new BatchSplitter(this.#assembly, this.#wide, headerBytes);
  }

  #deliver(builder: GenerationBuilder): void {
    if (this.generations >= this.limits.generations) {
      throw overBudget('generations', this.generations + 1, this.limits.generations);
    }
    const generation = builder.assemble(this.#baseNanos);
    if (this.#baseNanos === null) {
      this.#baseNanos = generation.baseNanos;
      this.#lastTime = -Number(generation.baseNanos);
    }
    this.#stoppedInEvents = true;
    const frontier = new Frontier();
    for (const [thread, batches] of builder.threads) {
      const cursor = new ThreadCursor(thread, batches, generation, this.#wide);
      if (cursor.next()) frontier.add(cursor);
    }
    this.sink.generation(generation);
    this.#sync(generation.startTime);
    this.#deliverEvents(generation, frontier);
    this.#stoppedInEvents = false;
    this.generations++;
    this.lastGeneration = generation.number;
  }

  /** Source: Go src/internal/trace/reader.go (NewReader, ReadEvent). */
  #deliverWhole({ data, size }: WholeBytes): void {
    const trace = readTables(data, size, headerBytes, this.version!, this.limits, this.#wide);
    const events = mergeEvents(trace);
    const blocks = checkEvents(trace, events);
    this.sink.generation(trace);
    // A trace without events is announced once only, at its end.
    if (events.order.length > 0) {
      this.#lastTime = -1;
      this.#sync(0);
    }
    const lostStacks = convertEvents(trace, events, blocks, (event) => this.#emit(event));
    this.generations = 1;
    this.#sync();
    if (lostStacks > 0) {
      const message = `the file ends before ${lostStacks} of the stacks of its events`;
      throw new FormatError('truncated', message, { offset: headerBytes + size });
    }
  }

  #deliverEvents(generation: Generation, frontier: Frontier): void {
    const { cpuSamples } = generation;
    const ordering = this.#ordering;
    const { events } = ordering;
    const limit = this.events + this.limits.eventsPerGeneration;
    let sample = 0;
    let attempts = 0;
    ordering.begin(generation);
    while (frontier.size > 0 || sample < cpuSamples.length) {
      if (sample < cpuSamples.length && (frontier.size === 0 || cpuSamples[sample].time < frontier.first.time)) {
        this.#cpuSample(cpuSamples[sample++]);
        continue;
      }
      let index = 0;
      if (!ordering.advance(frontier.first)) {
        frontier.sort();
        do {
          if (++index === frontier.size) throw stuck(frontier, generation, (id) => this.#wide.exact(id));
        } while (!ordering.advance(frontier.at(index)));
        attempts += frontier.size;
        if (attempts > this.limits.advanceAttempts) {
          throw overBudget('advanceAttempts', attempts, this.limits.advanceAttempts, frontier.first.offset);
        }
      }
      if (frontier.at(index).next()) frontier.moved(index);
      else frontier.remove(index);
      for (let i = 0; i < ordering.count; i++) this.#emit(events[i]);
      if (this.events > limit) {
        throw overBudget('eventsPerGeneration', this.limits.eventsPerGeneration + 1, this.limits.eventsPerGeneration);
      }
    }
  }

  #emit(event: TraceEvent): void {
    // Equal and falling times come from clocks that disagree; the order is right.
    if (event.time <= this.#lastTime) event.time = this.#lastTime + 1;
    this.#lastTime = event.time;
    this.events++;
    this.sink.event(event);
  }

  #sync(time = this.#lastTime): void {
    const event = this.#blank(eventKind.sync, time);
    event.thread = event.proc = event.goroutine = event.subject = none;
    event.stack = 0;
    this.#emit(event);
  }

  #cpuSample(sample: Generation['cpuSamples'][number]): void {
    const event = this.#blank(eventKind.cpuSample, sample.time);
    event.thread = sample.thread;
    event.proc = sample.proc;
    event.goroutine = event.subject = sample.goroutine;
    event.stack = sample.stack;
    this.#emit(event);
  }

  #blank(kind: number, time: number): TraceEvent {
    const event = this.#event;
    event.kind = kind;
    event.time = time;
    return event;
  }
}

/** Gathers a trace that cannot be read before all of it is there. */
class WholeBytes {
  data: Uint8Array = new Uint8Array(1 << 16);
  size = 0;

  constructor(private readonly limits: TraceLimits) {}

  append(bytes: Uint8Array): void {
    const limit = this.limits.generationBytes;
    const size = this.size + bytes.length;
    // How much more would have come is not known.
    if (size > limit) throw overBudget('generationBytes', limit + 1, limit);
    if (size > this.data.length) {
      const larger = new Uint8Array(Math.min(Math.max(size, this.data.length * 2), limit));
      larger.set(this.data.subarray(0, this.size));
      this.data = larger;
    }
    this.data.set(bytes, this.size);
    this.size = size;
  }
}

/** Gathers batches into generations and knows when one is over. */
class GenerationAssembly implements BatchSink {
  #builder: GenerationBuilder;

  constructor(
    private readonly version: number,
    private readonly limits: TraceLimits,
    private readonly wide: WideIds,
    /** Takes a generation that is complete. */
    private readonly deliver: (builder: GenerationBuilder) => void,
  ) {
    this.#builder = new GenerationBuilder(version, limits, wide);
  }

  batch(header: Readonly<BatchHeader>): void {
    const { number } = this.#builder;
    const { generation, offset } = header;
    if (generation === 0) throw refused('a batch is of generation 0, which there is none', offset);
    if (number !== 0 && generation !== number) {
      if (this.version >= endOfGenerationVersion)
        throw refused('a generation has no end, or is mixed with another', offset);
      if (generation !== number + 1) throw refused('the generations are out of order', offset);
      this.#over();
    }
    this.#builder.number = generation;
    this.#builder.begin(header);
  }

  data(bytes: Uint8Array): void {
    this.#builder.append(bytes);
  }

  batchEnd(): void {
    this.#builder.finish();
  }

  endOfGeneration(offset: number): void {
    if (this.version < endOfGenerationVersion) {
      throw refused('an end of generation stands in a trace of a version that has none', offset);
    }
    this.#over();
  }

  /**
   * Nothing more comes that can be read. Before Go 1.26 what has come of a generation then counts as one; since then it
   * is incomplete, and FormatError `truncated` says so.
   */
  finish(): void {
    const { isEmpty } = this.#builder;
    if (this.version < endOfGenerationVersion ? isEmpty && this.#builder.number === 0 : !isEmpty) {
      throw new FormatError('truncated', 'the file ends in the middle of a generation');
    }
    if (!isEmpty) this.#over();
  }

  #over(): void {
    const builder = this.#builder;
    this.deliver(builder);
    this.#builder = new GenerationBuilder(this.version, this.limits, this.wide, builder.memory);
  }
}

function refused(message: string, offset: number): FormatError {
  return new FormatError('malformed', `${message} (byte ${offset})`, { offset });
}

function stuck(frontier: Frontier, generation: Generation, exact: (id: number) => bigint): FormatError {
  const { type, thread, offset } = frontier.first;
  const what = `${wireName(type)} of thread ${exact(thread)}, the earliest of ${frontier.size} events, can never come next`;
  return new FormatError('malformed', `generation ${generation.number} is broken: ${what} (byte ${offset})`, {
    offset,
  });
}

/**
 * The version in the header of a trace: `go 1.26 trace` and three zero bytes.
 *
 * @throws FormatError `unrecognized` if it is no trace, or one of a version that this reader does not know;
 *   `truncated` if it ends before that is clear
 */
export function readVersion(header: Uint8Array): number {
  let text = '';
  for (const byte of header.subarray(0, headerBytes)) text += String.fromCharCode(byte);
  const match = /^go 1\.(\d{1,4}) trace\0+$/.exec(text);
  if (match === null || header.length < headerBytes) {
    const starts = text.length > 0 && 'go 1.'.startsWith(text.slice(0, 5));
    if (starts && header.length < headerBytes) {
      throw new FormatError('truncated', 'the file ends in the header of a trace', { offset: header.length });
    }
    throw new FormatError('unrecognized', 'this is no Go execution trace: it does not begin with "go 1.N trace"');
  }
  const version = Number(match[1]);
  if (versions.includes(version)) return version;
  const reason =
    version < wireV1Versions[0]
      ? `this is an execution trace of format go 1.${version} (Go 1.10 or older), which nothing reads since Go 1.23`
      : `this is an execution trace of format go 1.${version}, which is not known`;
  throw new FormatError('unrecognized', reason);
}

const versions: readonly number[] = [...wireV1Versions, ...wireVersions];
