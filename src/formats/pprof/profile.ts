import type { Int64Column } from '../int64.js';
import type { StringTable } from './string-table.js';

/**
 * A profile.proto message as columns. Every reference between tables is a dense index into the table it points at:
 * the 64-bit ids of the file are resolved while decoding and are not kept. Absent strings are index 0 (`""`).
 *
 * Samples whose values are all zero are kept, as google/pprof's parser keeps them; they are dropped where samples are
 * merged (google/pprof `profile/merge.go`, isZeroSample), which is the business of `analysis/`.
 */
export interface Profile {
  readonly sampleTypes: readonly ValueType[];
  readonly samples: SampleTable;
  readonly labels: LabelTable;
  /** `mappings[0]` is the main binary. */
  readonly mappings: MappingTable;
  readonly locations: LocationTable;
  readonly functions: FunctionTable;
  readonly strings: StringTable;

  /** Regular expression (RE2 syntax, untrusted) over simplified function names; empty: none. */
  readonly dropFrames: string;
  readonly keepFrames: string;
  /** Unix nanoseconds, UTC. CPU profiles: start of profiling; others: moment of capture. 0: unknown. */
  readonly timeNanos: bigint;
  /** Go writes it for CPU profiles and for deltas (`?seconds=N`) only. */
  readonly durationNanos: bigint;
  /** Type and unit are empty where the file has no period_type. */
  readonly periodType: ValueType;
  readonly period: bigint;
  readonly comments: readonly string[];
  /** Empty: the last sample type is the default one. */
  readonly defaultSampleType: string;
  readonly docUrl: string;

  readonly warnings: readonly ProfileWarning[];
}

/** profile.proto ValueType: `{ type: 'inuse_space', unit: 'bytes' }`. */
export interface ValueType {
  readonly type: string;
  readonly unit: string;
}

/** Rows of samples. The locations of row s, leaf first, are `stack[stackStart[s] .. stackStart[s + 1])`. */
export interface SampleTable {
  readonly count: number;
  /** `count + 1` offsets into `stack`. */
  readonly stackStart: Uint32Array;
  /** Indexes into `locations`, leaf first. */
  readonly stack: Uint32Array;
  /** One column per sample type, one value per sample. */
  readonly values: readonly Int64Column[];
}

/** Labels of sample s: `[start[s] .. start[s + 1])`. A label is a string (`str` not 0) or a number with an optional unit. */
export interface LabelTable {
  readonly count: number;
  /** `samples.count + 1` offsets into the other columns. */
  readonly start: Uint32Array;
  readonly key: Uint32Array;
  readonly str: Uint32Array;
  readonly num: Int64Column;
  readonly unit: Uint32Array;
}

export interface MappingTable {
  readonly count: number;
  readonly memoryStart: BigUint64Array;
  readonly memoryLimit: BigUint64Array;
  readonly fileOffset: BigUint64Array;
  readonly filename: Uint32Array;
  readonly buildId: Uint32Array;
  /** Bits of `mappingFlags`. */
  readonly flags: Uint8Array;
}

export const mappingFlags = { functions: 1, filenames: 2, lineNumbers: 4, inlineFrames: 8 } as const;

/**
 * Lines of location l: `[lineStart[l] .. lineStart[l + 1])`. The first line is the innermost inlined function, the
 * last one the physical function. A location without lines was never symbolised.
 */
export interface LocationTable {
  readonly count: number;
  /** Index into `mappings`, or -1: none, or one that the file does not have (google/pprof accepts both). */
  readonly mapping: Int32Array;
  /** Any uint64: kernel addresses exceed 2^53. Go writes the address of the call, not of the return. */
  readonly address: BigUint64Array;
  /** 1 where is_folded is set. */
  readonly folded: Uint8Array;
  /** `count + 1` offsets into the line columns. */
  readonly lineStart: Uint32Array;
  /** Index into `functions`. */
  readonly lineFunction: Uint32Array;
  /** 0: unknown. Line and column numbers beyond 32 bits are clamped, with a warning. */
  readonly lineNumber: Int32Array;
  readonly lineColumn: Int32Array;
}

export interface FunctionTable {
  readonly count: number;
  readonly name: Uint32Array;
  readonly systemName: Uint32Array;
  readonly filename: Uint32Array;
  /** 0: unknown (Go before 1.20). */
  readonly startLine: Int32Array;
}

export type WarningCode =
  | 'no-time'
  | 'no-period'
  | 'lost-samples'
  | 'label-with-string-and-number'
  | 'unknown-mapping'
  | 'invalid-utf8'
  | 'string-cut'
  | 'line-out-of-range'
  | 'sum-overflow';

/** Something that a reader should know though the profile is valid. `count` says how often it was met. */
export interface ProfileWarning {
  readonly code: WarningCode;
  readonly count: number;
  readonly detail: string;
}

/** Whether every value of sample `row` is zero. */
export function isZeroSample(samples: SampleTable, row: number): boolean {
  for (const column of samples.values) {
    // `!column[row]` holds for 0 and for 0n alike.
    if (column[row]) return false;
  }
  return true;
}

/**
 * Length of the stack of sample `row` without its trailing padding: since 1.23 Go pads every threadcreate stack to 32
 * entries with program counter 0, which comes out as a nameless function at address 2^64 - 1 (a call is one before its
 * return), or as address 0 without lines (runtime/pprof, go.dev/issue/6104).
 */
export function unpaddedDepth(profile: Profile, row: number): number {
  const { stackStart, stack } = profile.samples;
  const start = stackStart[row];
  let end = stackStart[row + 1];
  while (end > start && isPadding(profile, stack[end - 1])) end--;
  return end - start;
}

function isPadding({ locations, functions }: Profile, location: number): boolean {
  for (let line = locations.lineStart[location]; line < locations.lineStart[location + 1]; line++) {
    if (functions.name[locations.lineFunction[line]] !== 0) return false;
  }
  const address = locations.address[location];
  return address === 0n || address === 2n ** 64n - 1n;
}

/** Number of the sample type that tools show first: the default one if the file names one that exists, else the last. */
export function defaultSampleTypeIndex(profile: Profile): number {
  const named = profile.sampleTypes.findIndex((s) => s.type === profile.defaultSampleType);
  return named >= 0 ? named : profile.sampleTypes.length - 1;
}
