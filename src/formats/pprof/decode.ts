import { type Budget, defaultBudget } from '../budget.js';
import { describeSniffed, sniffHead } from '../detect.js';
import { FormatError } from '../format-error.js';
import { type Inflate, inflateGzip, inflateWithin } from '../inflate.js';
import { type Outline, outlineOf, profileField } from './outline.js';
import type { Profile } from './profile.js';
import { decodeSamples } from './samples.js';
import { StringTable } from './string-table.js';
import { decodeFunctions, decodeLocations, decodeMappings, decodeValueTypes, LineClamp } from './tables.js';
import { profileWarnings } from './warnings.js';
import { WireReader } from './wire.js';

/**
 * Decodes a profile.proto message, gzipped or not, and checks it as google/pprof's `CheckValid` does, and harder:
 * negative indexes, varints over 64 bits and empty string tables are refused. What pprof accepts beyond the letter
 * (unknown mappings, locations without lines, samples without stack, invalid UTF-8, unknown fields) is accepted here.
 *
 * Throws nothing but FormatError: `unrecognized` for bytes that are no profile (the message says what they look like),
 * `truncated`, `malformed`, or `over-budget` with the name of the limit.
 */
export function decodePprof(
  bytes: Uint8Array,
  budget: Budget = defaultBudget,
  inflate: Inflate = inflateGzip,
): Profile {
  if (bytes.length === 0) throw new FormatError('truncated', 'empty input file', { offset: 0 });
  const message = inflateWithin(bytes, budget, inflate);
  if (message.length === 0) throw new FormatError('truncated', 'empty input file (inside gzip)', { offset: 0 });
  try {
    return decodeMessage(message, budget);
  } catch (error) {
    if (error instanceof FormatError && error.fault !== 'over-budget') {
      const sniffed = sniffHead(message);
      if (sniffed?.format !== 'pprof') {
        const what = sniffed === null ? '' : `: this is ${describeSniffed(sniffed)}`;
        throw new FormatError('unrecognized', `unrecognized profile format${what}`, {}, { cause: error });
      }
    }
    throw error;
  }
}

function decodeMessage(bytes: Uint8Array, budget: Budget): Profile {
  const outline = outlineOf(bytes, budget);
  const strings = new StringTable(bytes, outline.strings.start, outline.strings.end, budget.keptStringBytes);
  const reader = new WireReader(bytes, 'malformed');
  const lines = new LineClamp();

  const sampleTypes = decodeValueTypes(reader, outline.sampleTypes, strings);
  const [periodType = { type: '', unit: '' }] = decodeValueTypes(reader, outline.periodType, strings);
  const functions = decodeFunctions(reader, outline.functions, strings.length, lines);
  const mappings = decodeMappings(reader, outline.mappings, strings.length);
  const locations = decodeLocations(reader, outline.locations, mappings.ids, functions.ids, lines, budget);
  const { samples, labels, mixedLabels } = decodeSamples(
    reader,
    outline.samples,
    sampleTypes.length,
    locations.ids,
    strings.length,
    budget,
  );

  const unchecked: Profile = {
    sampleTypes,
    samples,
    labels,
    mappings: mappings.table,
    locations: locations.table,
    functions: functions.table,
    strings,
    dropFrames: stringScalar(outline, profileField.dropFrames, strings),
    keepFrames: stringScalar(outline, profileField.keepFrames, strings),
    timeNanos: outline.scalars[profileField.timeNanos],
    durationNanos: outline.scalars[profileField.durationNanos],
    periodType,
    period: outline.scalars[profileField.period],
    comments: outline.comments.map((index) => stringAt(index, strings)),
    defaultSampleType: stringScalar(outline, profileField.defaultSampleType, strings),
    docUrl: stringScalar(outline, profileField.docUrl, strings),
    warnings: [],
  };
  const met = {
    cutStrings: outline.longStrings,
    clampedLines: lines.clamped,
    unknownMappings: locations.unknownMappings,
    mixedLabels,
  };
  return { ...unchecked, warnings: profileWarnings(unchecked, met) };
}

function stringScalar(outline: Outline, field: number, strings: StringTable): string {
  return stringAt(outline.scalars[field], strings);
}

function stringAt(index: bigint, strings: StringTable): string {
  if (index >= 0n && index < BigInt(strings.length)) return strings.at(Number(index));
  throw new FormatError('malformed', `string index ${index} out of range: string_table has ${strings.length} entries`);
}
