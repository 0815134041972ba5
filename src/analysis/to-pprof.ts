import { mappingFlags, type Profile, type ValueType } from '../formats/pprof/profile.js';
import { StringTable } from '../formats/pprof/string-table.js';
import { nodesInUse } from './grouping.js';
import type { StackProfile } from './stack-profile.js';

/** What a profile says besides its stacks. */
export interface ProfileHeader {
  /** Shown as `File:` by `go tool pprof`: the service. */
  readonly binary?: string;
  readonly buildId?: string;
  readonly timeNanos?: bigint;
  readonly durationNanos?: bigint;
  readonly periodType?: ValueType;
  readonly period?: bigint;
  readonly defaultSampleType?: string;
  readonly comments?: readonly string[];
}

/**
 * Stacks as a pprof profile: one location per frame that occurs, so that `go tool pprof` shows the same flat and
 * cumulative values by function, line and file as `top` does. All functions are named already: the one mapping says
 * so, and pprof looks for no binary.
 */
export function profileOf(stacks: StackProfile, header: ProfileHeader = {}): Profile {
  const strings = new StringCollector();
  const frames = collectFrames(stacks, strings);
  const { stack, stackStart } = collectStacks(stacks, frames.locationOfFrame);
  const rowCount = stacks.nodes.length;
  const locationCount = frames.lineNumber.length;
  return {
    sampleTypes: stacks.sampleTypes,
    samples: { count: rowCount, stackStart, stack, values: stacks.values },
    labels: {
      count: 0,
      start: new Uint32Array(rowCount + 1),
      key: new Uint32Array(),
      str: new Uint32Array(),
      num: new Float64Array(),
      unit: new Uint32Array(),
    },
    mappings: {
      count: 1,
      memoryStart: BigUint64Array.of(1n),
      memoryLimit: BigUint64Array.of(BigInt(locationCount) + 1n),
      fileOffset: BigUint64Array.of(0n),
      filename: Uint32Array.of(strings.number(header.binary ?? '')),
      buildId: Uint32Array.of(strings.number(header.buildId ?? '')),
      flags: Uint8Array.of(
        mappingFlags.functions | mappingFlags.filenames | mappingFlags.lineNumbers | mappingFlags.inlineFrames,
      ),
    },
    locations: {
      count: locationCount,
      mapping: new Int32Array(locationCount),
      // No address is known; numbers keep the locations apart for readers that tell them apart by address.
      address: BigUint64Array.from({ length: locationCount }, (_, location) => BigInt(location) + 1n),
      folded: new Uint8Array(locationCount),
      lineStart: Uint32Array.from({ length: locationCount + 1 }, (_, location) => location),
      lineFunction: Uint32Array.from(frames.lineFunction),
      lineNumber: Int32Array.from(frames.lineNumber),
      lineColumn: new Int32Array(locationCount),
    },
    functions: {
      count: frames.functionName.length,
      name: Uint32Array.from(frames.functionName),
      systemName: Uint32Array.from(frames.functionName),
      filename: Uint32Array.from(frames.functionFile),
      startLine: new Int32Array(frames.functionName.length),
    },
    strings: strings.table(),
    dropFrames: '',
    keepFrames: '',
    timeNanos: header.timeNanos ?? 0n,
    durationNanos: header.durationNanos ?? 0n,
    periodType: header.periodType ?? { type: '', unit: '' },
    period: header.period ?? 0n,
    comments: header.comments ?? [],
    defaultSampleType: header.defaultSampleType ?? '',
    docUrl: '',
    warnings: [],
  };
}

interface CollectedFrames {
  readonly locationOfFrame: Int32Array;
  readonly lineFunction: readonly number[];
  readonly lineNumber: readonly number[];
  /** In pprof a function lies in one file. */
  readonly functionName: readonly number[];
  readonly functionFile: readonly number[];
}

function collectFrames(stacks: StackProfile, strings: StringCollector): CollectedFrames {
  const { symbols, tree } = stacks;
  const used = nodesInUse(stacks, stacks.values);
  const locationOfFrame = new Int32Array(symbols.frameFunction.length).fill(-1);
  const lineFunction: number[] = [];
  const lineNumber: number[] = [];
  const functionName: number[] = [];
  const functionFile: number[] = [];
  const numbers = new Map<number, number>();
  for (let node = 1; node < used.length; node++) {
    const frame = tree.frame[node];
    if (used[node] === 0 || locationOfFrame[frame] >= 0) continue;
    const name = symbols.frameFunction[frame];
    const file = symbols.frameFile[frame];
    const key = name * symbols.files.length + file;
    let number = numbers.get(key);
    if (number === undefined) {
      number = functionName.push(strings.number(symbols.functions[name])) - 1;
      functionFile.push(strings.number(symbols.files[file]));
      numbers.set(key, number);
    }
    lineFunction.push(number);
    locationOfFrame[frame] = lineNumber.push(symbols.frameLine[frame]) - 1;
  }
  return { locationOfFrame, lineFunction, lineNumber, functionName, functionFile };
}

function collectStacks(
  { tree, nodes }: StackProfile,
  locationOfFrame: Int32Array,
): { stack: Uint32Array; stackStart: Uint32Array } {
  const depth = new Int32Array(tree.parent.length);
  for (let node = 1; node < depth.length; node++) depth[node] = depth[tree.parent[node]] + 1;
  const stackStart = new Uint32Array(nodes.length + 1);
  for (let row = 0; row < nodes.length; row++) stackStart[row + 1] = stackStart[row] + depth[nodes[row]];
  const stack = new Uint32Array(stackStart[nodes.length]);
  for (let row = 0; row < nodes.length; row++) {
    let at = stackStart[row];
    for (let node = nodes[row]; node > 0; node = tree.parent[node]) stack[at++] = locationOfFrame[tree.frame[node]];
  }
  return { stack, stackStart };
}

class StringCollector {
  readonly #strings: string[] = [''];
  readonly #numbers = new Map([['', 0]]);

  number(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#strings.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }

  table(): StringTable {
    return StringTable.of(this.#strings);
  }
}
