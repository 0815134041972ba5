import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

/** profile.proto as plain objects, field by field. Integers of 64 bits are bigints; an absent field is its default. */
export interface ProfileMessage {
  sampleType: ValueTypeMessage[];
  sample: SampleMessage[];
  mapping: MappingMessage[];
  location: LocationMessage[];
  function: FunctionMessage[];
  stringTable: string[];
  dropFrames: bigint;
  keepFrames: bigint;
  timeNanos: bigint;
  durationNanos: bigint;
  periodType: ValueTypeMessage | null;
  period: bigint;
  comment: bigint[];
  defaultSampleType: bigint;
  docUrl: bigint;
}

export interface ValueTypeMessage {
  type: bigint;
  unit: bigint;
}

export interface SampleMessage {
  locationId: bigint[];
  value: bigint[];
  label: LabelMessage[];
}

export interface LabelMessage {
  key: bigint;
  str: bigint;
  num: bigint;
  numUnit: bigint;
}

export interface MappingMessage {
  id: bigint;
  memoryStart: bigint;
  memoryLimit: bigint;
  fileOffset: bigint;
  filename: bigint;
  buildId: bigint;
  hasFunctions: boolean;
  hasFilenames: boolean;
  hasLineNumbers: boolean;
  hasInlineFrames: boolean;
}

export interface LocationMessage {
  id: bigint;
  mappingId: bigint;
  address: bigint;
  line: LineMessage[];
  isFolded: boolean;
}

export interface LineMessage {
  functionId: bigint;
  line: bigint;
  column: bigint;
}

export interface FunctionMessage {
  id: bigint;
  name: bigint;
  systemName: bigint;
  filename: bigint;
  startLine: bigint;
}

// protobufjs brings this class along and types it as a constructor only.
const Long = protobuf.util.Long as unknown as {
  fromBits(low: number, high: number, unsigned: boolean): object;
  isLong(value: unknown): value is { low: number; high: number; unsigned: boolean };
};
const schema = protobuf.parse(readFileSync(new URL('profile.proto', import.meta.url), 'utf8')).root;
const profileType = schema.lookupType('perftools.profiles.Profile');

/** The wire format of a message, by protobufjs: nothing here shares code with what is tested. */
export function encodeMessage(message: Partial<ProfileMessage>): Uint8Array {
  return profileType.encode(profileType.fromObject(toLongs(message) as Record<string, unknown>)).finish();
}

/** What protobufjs reads in a profile. */
export function decodeMessage(bytes: Uint8Array): ProfileMessage {
  const object = profileType.toObject(profileType.decode(bytes), { defaults: true, arrays: true });
  return fromLongs(object) as ProfileMessage;
}

function toLongs(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const low = Number(BigInt.asIntN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    return Long.fromBits(low, high, value > 2n ** 63n - 1n);
  }
  if (Array.isArray(value)) return value.map(toLongs);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, toLongs(field)]));
}

function fromLongs(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(fromLongs);
  if (Long.isLong(value)) {
    const bits = (BigInt(value.high) << 32n) | BigInt(value.low >>> 0);
    return value.unsigned ? BigInt.asUintN(64, bits) : bits;
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, fromLongs(field)]));
}
