import { FormatError, overBudget } from '../../format-error.js';
import type { TraceGeneration, TraceStacks } from '../events.js';
import type { TraceLimits } from '../limits.js';
import { decoder, StringEntries } from '../strings.js';
import type { WideIds } from '../varint.js';
import { EventReader } from './event-reader.js';
import { StackTable } from './stack-table.js';
import { cpuSampleVersion, wireV1, wireV1Name } from './wire.js';

/** Events that one P wrote together. */
export interface ProcBatch {
  /** Ticks of the trace clock; may be a handle of WideIds. */
  readonly time: number;
  /** In the bytes of the trace. */
  readonly start: number;
  end: number;
}

const largestProc = 2 ** 31 - 1;

/**
 * A trace of Go 1.11 to 1.21 whose tables have been read, and whose events wait in the batches of their Ps. To its
 * listeners it is one generation.
 */
export class WholeTrace implements TraceGeneration {
  readonly number = 0;
  /** Go lets the first event happen at 0, and announces the trace one nanosecond earlier. */
  readonly baseNanos = -1n;
  readonly clock = null;
  readonly stacks: TraceStacks;

  constructor(
    readonly version: number,
    readonly limits: TraceLimits,
    readonly wide: WideIds,
    private readonly data: Uint8Array,
    private readonly size: number,
    private readonly offset: number,
    readonly ticksPerSecond: number,
    /** By P, in the order of the file; -1 is no P. */
    readonly procs: ReadonlyMap<number, readonly ProcBatch[]>,
    /** Where the samples of the CPU profiler are; not in order of time. */
    readonly samples: readonly number[],
    /** Goroutines that only run timers. */
    readonly timerGoroutines: ReadonlySet<number>,
    /** Events with a time, samples included. */
    readonly eventCount: number,
    private readonly strings: StringEntries,
    private readonly stackTable: StackTable,
  ) {
    this.stacks = stackTable.stacks(strings);
  }

  /** Whoever wants events makes a reader of its own. */
  newReader(): EventReader {
    return new EventReader(this.data, this.size, this.offset, this.wide);
  }

  string(index: number): string {
    return this.strings.at(index);
  }

  /** Index of the string with this id in the file; -1 if there is none. */
  stringIndex(id: number): number {
    return this.strings.ids.get(id);
  }

  /** Index of a string that is in no table of the file. */
  indexOf(text: string): number {
    const index = this.strings.indexOf(text);
    if (index > this.limits.strings) throw overBudget('strings', index, this.limits.strings);
    return index;
  }

  /** The message of the log event that `reader` stands on. */
  messageIndex({ bytes, dataStart, dataEnd }: EventReader): number {
    return this.indexOf(decoder.decode(bytes.data.subarray(dataStart, dataEnd)));
  }

  /** Index of the stack with this id, 0 if it has no frames; -1 if there is none. */
  stackIndex(id: number): number {
    const index = this.stackTable.ids.get(id);
    const { start } = this.stacks;
    return index > 0 && start[index] === start[index + 1] ? 0 : index;
  }
}

/**
 * Reads the tables of a trace of Go 1.11 to 1.21 from `data[0, size)`, which stands at `offset` in the file, and finds
 * its batches.
 *
 * @throws FormatError `malformed`, `truncated`, `over-budget`
 */
export function readTables(
  data: Uint8Array,
  size: number,
  offset: number,
  version: number,
  limits: TraceLimits,
  wide: WideIds,
): WholeTrace {
  const reader = new EventReader(data, size, offset, wide);
  const strings = new StringEntries(data);
  const stackTable = new StackTable(data, offset, limits, wide);
  const procs = new Map<number, ProcBatch[]>();
  const samples: number[] = [];
  const timerGoroutines = new Set<number>();
  let batch: ProcBatch | null = null;
  let batches = 0;
  let events = 0;
  let ticksPerSecond = 0;

  const openBatch = (): ProcBatch => {
    const { argument0: proc, argument1: time, start } = reader;
    if (proc < -1 || proc > largestProc) throw reader.malformed(`a batch is of P ${wide.exact(proc)}`);
    if (++batches > limits.batches) throw overBudget('batches', batches, limits.batches, offset + start);
    const opened = { time, start: reader.bytes.position, end: size };
    const list = procs.get(proc);
    if (list !== undefined) list.push(opened);
    else if (procs.size >= limits.procs) throw overBudget('procs', procs.size + 1, limits.procs, offset + start);
    else procs.set(proc, [opened]);
    return opened;
  };

  while (reader.bytes.position < size) {
    reader.next();
    const { type, start } = reader;
    if (type === wireV1.string) {
      readString(reader, strings, limits);
      continue;
    }
    if (type === wireV1.batch) {
      if (batch !== null) batch.end = start;
      batch = openBatch();
      continue;
    }
    if (batch === null) throw reader.malformed(`${wireV1Name(type)} stands before the first batch`);
    if (type === wireV1.stack) {
      stackTable.add(reader);
    } else if (type === wireV1.frequency) {
      ticksPerSecond = wide.double(reader.argument0);
      if (!(ticksPerSecond > 0 && ticksPerSecond < 2 ** 63))
        throw reader.malformed('the frequency of the clock makes no sense');
    } else if (type === wireV1.timerGoroutine) {
      timerGoroutines.add(reader.argument0);
      if (timerGoroutines.size > limits.wholeTraceGoroutines) {
        throw overBudget('wholeTraceGoroutines', timerGoroutines.size, limits.wholeTraceGoroutines, offset + start);
      }
    } else {
      if (++events > limits.wholeTraceEvents) {
        throw overBudget('wholeTraceEvents', events, limits.wholeTraceEvents, offset + start);
      }
      if (type !== wireV1.cpuSample) continue;
      if (version < cpuSampleVersion) throw reader.malformed(`type ${type} is not known to format go 1.${version}`);
      if (samples.push(start) > limits.cpuSamples) {
        throw overBudget('cpuSamples', samples.length, limits.cpuSamples, offset + start);
      }
    }
  }
  if (ticksPerSecond === 0) {
    const message = 'the frequency of the clock, which comes behind the events, is not there';
    throw new FormatError('truncated', message, { offset: offset + size });
  }
  strings.ids.freeze();
  return new WholeTrace(
    version,
    limits,
    wide,
    data,
    size,
    offset,
    ticksPerSecond,
    procs,
    samples,
    timerGoroutines,
    events,
    strings,
    stackTable,
  );
}

function readString(reader: EventReader, strings: StringEntries, limits: TraceLimits): void {
  const { argument0: id, dataStart, dataEnd } = reader;
  if (id === 0) throw reader.malformed('a string has the id 0');
  if (dataStart === dataEnd) throw reader.malformed('a string of the table is empty');
  const number = strings.ids.add(id);
  if (number === 0) throw reader.malformed('two strings have the same id');
  if (number > limits.strings) throw overBudget('strings', number, limits.strings, dataStart);
  strings.put(number, dataStart, dataEnd);
}
