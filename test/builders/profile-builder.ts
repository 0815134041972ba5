import {
  encodeMessage,
  type FunctionMessage,
  type LabelMessage,
  type LineMessage,
  type LocationMessage,
  type MappingMessage,
  type ProfileMessage,
} from './profile-message.js';

/** A profile as a test wants to write it down. */
export interface ProfileSketch {
  /** `inuse_space/bytes` and so on, one per value of a sample. Default: `samples/count`. */
  sampleTypes?: readonly string[];
  samples: readonly SampleSketch[];
  periodType?: string;
  period?: number | bigint;
  timeNanos?: bigint;
  durationNanos?: bigint;
  defaultSampleType?: string;
  comments?: readonly string[];
  docUrl?: string;
  dropFrames?: string;
  keepFrames?: string;
}

export interface SampleSketch {
  /** From the root to the leaf: `['main.main', 'main.work main.go:12']`. See `FrameSketch`. */
  stack: readonly FrameSketch[];
  values: readonly (number | bigint)[];
  /** Numbers may carry a unit: `{ tenant: 'acme', bytes: 512, wait: [3, 'ms'] }`. */
  labels?: Readonly<Record<string, string | number | bigint | readonly [number | bigint, string]>>;
}

/**
 * One location: `function`, or `function file:line`, or several of them for inlined calls, the outermost first;
 * `0x1234` is an address without symbols.
 */
export type FrameSketch = string | readonly string[];

/** The bytes of the profile, not compressed. Equal frames share locations and functions, as in Go's own files. */
export function buildProfile(sketch: ProfileSketch): Uint8Array {
  return encodeMessage(profileMessage(sketch));
}

/** A heap profile: `[alloc_objects, alloc_space, inuse_objects, inuse_space]` per sample. */
export function buildHeapProfile(samples: readonly SampleSketch[], more: Partial<ProfileSketch> = {}): Uint8Array {
  return buildProfile({
    sampleTypes: ['alloc_objects/count', 'alloc_space/bytes', 'inuse_objects/count', 'inuse_space/bytes'],
    periodType: 'space/bytes',
    period: 524_288,
    timeNanos: 1_795_447_187_000_000_000n,
    samples,
    ...more,
  });
}

export function profileMessage(sketch: ProfileSketch): Partial<ProfileMessage> {
  const strings = new Map([['', 0n]]);
  const text = (s: string): bigint => {
    let index = strings.get(s);
    if (index === undefined) strings.set(s, (index = BigInt(strings.size)));
    return index;
  };
  const valueType = (s: string) => {
    const [type, unit] = s.split('/');
    return { type: text(type), unit: text(unit) };
  };
  const functions = new Map<string, FunctionMessage>();
  const locations = new Map<string, LocationMessage>();
  const mapping: MappingMessage = {
    id: 1n,
    memoryStart: 0x40_0000n,
    memoryLimit: 0x80_0000n,
    fileOffset: 0n,
    filename: text('/usr/bin/shop'),
    buildId: text('0123abcd'),
    hasFunctions: true,
    hasFilenames: false,
    hasLineNumbers: false,
    hasInlineFrames: false,
  };

  const functionId = (name: string, file: string): bigint => {
    const key = `${name}\0${file}`;
    let found = functions.get(key);
    if (found === undefined) {
      const id = BigInt(functions.size + 1);
      found = { id, name: text(name), systemName: text(name), filename: text(file), startLine: 0n };
      functions.set(key, found);
    }
    return found.id;
  };
  const lineOf = (frame: string): LineMessage => {
    const [, name, file = '', line = '0'] = /^(.*?)(?: (\S+):(\d+))?$/s.exec(frame)!;
    return { functionId: functionId(name, file), line: BigInt(line), column: 0n };
  };
  const locationId = (frame: FrameSketch): bigint => {
    const frames = typeof frame === 'string' ? [frame] : frame;
    const key = JSON.stringify(frames);
    let found = locations.get(key);
    if (found === undefined) {
      const id = BigInt(locations.size + 1);
      const bare = frames.length === 1 && frames[0].startsWith('0x');
      found = {
        id,
        mappingId: 1n,
        address: bare ? BigInt(frames[0]) : 0x40_0000n + id * 16n,
        // profile.proto wants the innermost call first.
        line: bare ? [] : [...frames].reverse().map(lineOf),
        isFolded: false,
      };
      locations.set(key, found);
    }
    return found.id;
  };
  const label = ([key, value]: [
    string,
    string | number | bigint | readonly [number | bigint, string],
  ]): LabelMessage => {
    if (typeof value === 'string') return { key: text(key), str: text(value), num: 0n, numUnit: 0n };
    const [number, unit] = typeof value === 'object' ? value : [value, ''];
    return { key: text(key), str: 0n, num: BigInt(number), numUnit: text(unit) };
  };

  const sampleType = (sketch.sampleTypes ?? ['samples/count']).map(valueType);
  const sample = sketch.samples.map(({ stack, values, labels = {} }) => ({
    locationId: stack.map(locationId).reverse(),
    value: values.map(BigInt),
    label: Object.entries(labels).map(label),
  }));
  const rest = {
    dropFrames: text(sketch.dropFrames ?? ''),
    keepFrames: text(sketch.keepFrames ?? ''),
    timeNanos: sketch.timeNanos ?? 0n,
    durationNanos: sketch.durationNanos ?? 0n,
    periodType: sketch.periodType === undefined ? null : valueType(sketch.periodType),
    period: BigInt(sketch.period ?? 0),
    comment: (sketch.comments ?? []).map(text),
    defaultSampleType: text(sketch.defaultSampleType ?? ''),
    docUrl: text(sketch.docUrl ?? ''),
  };
  return {
    sampleType,
    sample,
    mapping: [mapping],
    location: [...locations.values()],
    function: [...functions.values()],
    stringTable: [...strings.keys()],
    ...rest,
  };
}
