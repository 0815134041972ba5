import { overBudget } from '../format-error.js';
import type { Reading } from '../reading.js';
import type { ProcessMemoryLimits } from './limits.js';

export type ProcessMemorySource = 'proc-status' | 'smaps-rollup' | 'ps' | 'cgroup-v1' | 'cgroup-v2' | 'files';

/** What the kernel says about the memory of processes, or of the control groups that hold them. */
export interface ProcessMemory {
  /** `files`: several files in one text, each with its name. */
  readonly source: ProcessMemorySource;
  readonly processes: readonly MemoryOfProcess[];
  readonly warnings: readonly ProcessMemoryWarning[];
}

export interface MemoryOfProcess {
  /** Null where the text does not say, and for control groups. */
  readonly pid: number | null;
  /** Of the program, or the folder of the control group. */
  readonly name: string | null;
  /**
   * In bytes, whatever the unit of the text. Keys of `memory.stat` stand alone (`inactive_file`), files of one value
   * are called as they are (`memory.current`), and keys of other files by both (`memory.events:oom_kill`).
   */
  readonly readings: readonly Reading[];
  /** Limits that are there and set to no limit: `memory.max`. They are not among the readings. */
  readonly unlimited: readonly string[];
  /** Not in the text, but computed from it: what it really takes. See `derivedReadings`. */
  readonly derived: readonly Reading[];
}

export interface ProcessMemoryWarning {
  readonly code: 'unreadable-lines' | 'repeated-values' | 'unknown-files' | 'open-last-line';
  readonly count: number;
  readonly detail: string;
}

/** Collects what is read about one process or control group; what comes first under a name stays. */
export class ProcessReadings {
  pid: number | null = null;
  name: string | null = null;
  readonly readings = new Map<string, Reading>();
  readonly unlimited = new Set<string>();

  constructor(private readonly tally: Tally) {}

  add(reading: Reading): void {
    if (this.readings.has(reading.name)) {
      this.tally.repeatedValues++;
      return;
    }
    this.tally.reading();
    this.readings.set(reading.name, reading);
  }

  gauge(name: string, unit: string, value: bigint | number): void {
    this.add({ name, unit, type: 'gauge', value });
  }

  counter(name: string, unit: string, value: bigint): void {
    this.add({ name, unit, type: 'counter', value });
  }
}

/** Counts what a text takes, against the limits, and which of its lines say nothing. */
export class Tally {
  unreadableLines = 0;
  repeatedValues = 0;
  unknownFiles = 0;
  private processes = 0;
  private readings = 0;

  constructor(readonly limits: ProcessMemoryLimits) {}

  /** A new process. Throws FormatError `over-budget`. */
  process(): ProcessReadings {
    if (++this.processes > this.limits.processes) {
      throw overBudget('processes', this.processes, this.limits.processes);
    }
    return new ProcessReadings(this);
  }

  reading(): void {
    if (++this.readings > this.limits.readings) throw overBudget('readings', this.readings, this.limits.readings);
  }

  keptName(name: string): string {
    const { keptNameCharacters } = this.limits;
    return name.length > keptNameCharacters ? `${name.slice(0, keptNameCharacters - 1)}…` : name;
  }
}

/** A count of bytes or of anything as kernels print it: at most 64 bits, unsigned. Null for what is none. */
export function kernelNumber(text: string): bigint | null {
  if (!/^\d{1,20}$/.test(text)) return null;
  const value = BigInt(text);
  return value < 2n ** 64n ? value : null;
}
