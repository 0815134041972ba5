import { profileField } from './outline.js';
import { type Profile, mappingFlags, type ValueType } from './profile.js';
import type { StringTable } from './string-table.js';
import { WireWriter } from './wire-writer.js';

/**
 * The profile as a profile.proto message, not compressed: `decodePprof(encodePprof(p))` equals p, but for its
 * warnings. Rows are numbered 1, 2, 3 … in their tables. Field order and omissions are google/pprof's own
 * (`profile/encode.go`), except that repeated scalars are always packed.
 */
export function encodePprof(profile: Profile): Uint8Array {
  const { samples, labels, mappings, locations, functions, strings } = profile;
  const writer = new WireWriter(samples.stack.length * 2 + samples.count * 24 + locations.count * 24 + 4096);
  const texts = new TextIndex(strings);

  for (const type of profile.sampleTypes) writeValueType(writer, profileField.sampleType, type, texts);

  for (let row = 0; row < samples.count; row++) {
    const message = writer.open(profileField.sample);
    if (samples.stackStart[row] < samples.stackStart[row + 1]) {
      const packed = writer.open(1);
      for (let i = samples.stackStart[row]; i < samples.stackStart[row + 1]; i++) writer.varint(samples.stack[i] + 1);
      writer.close(packed);
    }
    if (samples.values.length > 0) {
      const packed = writer.open(2);
      for (const column of samples.values) writer.varint(column[row]);
      writer.close(packed);
    }
    for (let i = labels.start[row]; i < labels.start[row + 1]; i++) {
      const label = writer.open(3);
      writer.integer(1, labels.key[i]);
      writer.integer(2, labels.str[i]);
      writer.integer(3, labels.num[i]);
      writer.integer(4, labels.unit[i]);
      writer.close(label);
    }
    writer.close(message);
  }

  for (let row = 0; row < mappings.count; row++) {
    const message = writer.open(profileField.mapping);
    writer.integer(1, row + 1);
    writer.integer(2, mappings.memoryStart[row]);
    writer.integer(3, mappings.memoryLimit[row]);
    writer.integer(4, mappings.fileOffset[row]);
    writer.integer(5, mappings.filename[row]);
    writer.integer(6, mappings.buildId[row]);
    writer.integer(7, mappings.flags[row] & mappingFlags.functions ? 1 : 0);
    writer.integer(8, mappings.flags[row] & mappingFlags.filenames ? 1 : 0);
    writer.integer(9, mappings.flags[row] & mappingFlags.lineNumbers ? 1 : 0);
    writer.integer(10, mappings.flags[row] & mappingFlags.inlineFrames ? 1 : 0);
    writer.close(message);
  }

  for (let row = 0; row < locations.count; row++) {
    const message = writer.open(profileField.location);
    writer.integer(1, row + 1);
    writer.integer(2, locations.mapping[row] + 1);
    writer.integer(3, locations.address[row]);
    for (let i = locations.lineStart[row]; i < locations.lineStart[row + 1]; i++) {
      const line = writer.open(4);
      writer.integer(1, locations.lineFunction[i] + 1);
      writer.integer(2, locations.lineNumber[i]);
      writer.integer(3, locations.lineColumn[i]);
      writer.close(line);
    }
    writer.integer(5, locations.folded[row]);
    writer.close(message);
  }

  for (let row = 0; row < functions.count; row++) {
    const message = writer.open(profileField.function);
    writer.integer(1, row + 1);
    writer.integer(2, functions.name[row]);
    writer.integer(3, functions.systemName[row]);
    writer.integer(4, functions.filename[row]);
    writer.integer(5, functions.startLine[row]);
    writer.close(message);
  }

  // The scalars below may need strings that the table does not have; those follow the table, which any order allows.
  for (let i = 0; i < strings.length; i++) writer.chunk(profileField.stringTable, strings.bytes(i));
  writer.integer(profileField.dropFrames, texts.indexOf(profile.dropFrames));
  writer.integer(profileField.keepFrames, texts.indexOf(profile.keepFrames));
  writer.integer(profileField.timeNanos, profile.timeNanos);
  writer.integer(profileField.durationNanos, profile.durationNanos);
  if (profile.periodType.type !== '' || profile.periodType.unit !== '') {
    writeValueType(writer, profileField.periodType, profile.periodType, texts);
  }
  writer.integer(profileField.period, profile.period);
  if (profile.comments.length > 0) {
    const packed = writer.open(profileField.comment);
    for (const comment of profile.comments) writer.varint(texts.indexOf(comment));
    writer.close(packed);
  }
  writer.integer(profileField.defaultSampleType, texts.indexOf(profile.defaultSampleType));
  writer.integer(profileField.docUrl, texts.indexOf(profile.docUrl));

  const encoder = new TextEncoder();
  for (const text of texts.added) writer.chunk(profileField.stringTable, encoder.encode(text));
  return writer.bytes();
}

function writeValueType(writer: WireWriter, field: number, { type, unit }: ValueType, texts: TextIndex): void {
  const message = writer.open(field);
  writer.integer(1, texts.indexOf(type));
  writer.integer(2, texts.indexOf(unit));
  writer.close(message);
}

/** Index of the few strings that a profile holds as text, appending to the table those that it lacks. */
class TextIndex {
  readonly added: string[] = [];
  readonly #known = new Map<string, number>();

  constructor(private readonly strings: StringTable) {
    // An empty table gets its "" from here.
    if (strings.length === 0) this.added.push('');
    this.#known.set('', 0);
  }

  indexOf(text: string): number {
    let index = this.#known.get(text);
    if (index === undefined) {
      index = this.strings.find(text);
      if (index < 0) index = this.strings.length + this.added.push(text) - 1;
      this.#known.set(text, index);
    }
    return index;
  }
}
