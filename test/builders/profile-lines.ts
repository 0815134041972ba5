import { mappingFlags, type Profile } from '../../src/formats/pprof/profile.js';
import type { ProfileMessage } from './profile-message.js';

/**
 * All that a profile says, as lines that a test can compare and a person can read. Tables refer to each other by row
 * number, so two files say the same exactly if their lines are equal, however they are encoded.
 */
export function linesOf(profile: Profile): string[] {
  const { samples, labels, mappings, locations, functions, strings } = profile;
  const types = profile.sampleTypes.map(({ type, unit }) => `${type}/${unit}`).join(' ');
  const lines = [
    `types ${types} default ${profile.defaultSampleType} period ${profile.periodType.type}/${profile.periodType.unit} ${profile.period}`,
    `time ${profile.timeNanos} duration ${profile.durationNanos} drop ${profile.dropFrames} keep ${profile.keepFrames}`,
    `url ${profile.docUrl} comments ${JSON.stringify(profile.comments)}`,
  ];
  for (let i = 0; i < mappings.count; i++) {
    const flags = mappings.flags[i];
    const has = [
      flags & mappingFlags.functions,
      flags & mappingFlags.filenames,
      flags & mappingFlags.lineNumbers,
      flags & mappingFlags.inlineFrames,
    ].map((flag) => (flag === 0 ? '-' : '+'));
    lines.push(
      `mapping ${mappings.memoryStart[i]} ${mappings.memoryLimit[i]} ${mappings.fileOffset[i]} ` +
        `${strings.at(mappings.filename[i])} ${strings.at(mappings.buildId[i])} ${has.join('')}`,
    );
  }
  for (let i = 0; i < functions.count; i++) {
    lines.push(
      `function ${strings.at(functions.name[i])} ${strings.at(functions.systemName[i])} ` +
        `${strings.at(functions.filename[i])} ${functions.startLine[i]}`,
    );
  }
  for (let i = 0; i < locations.count; i++) {
    let line = `location m${locations.mapping[i]} ${locations.address[i]} ${locations.folded[i] === 1}`;
    for (let k = locations.lineStart[i]; k < locations.lineStart[i + 1]; k++) {
      line += ` f${locations.lineFunction[k]}:${locations.lineNumber[k]}:${locations.lineColumn[k]}`;
    }
    lines.push(line);
  }
  for (let i = 0; i < samples.count; i++) {
    const stack = samples.stack.subarray(samples.stackStart[i], samples.stackStart[i + 1]).join(' ');
    const values = samples.values.map((column) => String(column[i])).join(' ');
    let line = `sample ${values} @ ${stack}`;
    for (let k = labels.start[i]; k < labels.start[i + 1]; k++) {
      const value = labels.str[k] === 0 ? `${labels.num[k]} ${strings.at(labels.unit[k])}` : strings.at(labels.str[k]);
      line += ` [${strings.at(labels.key[k])}=${labels.str[k] === 0 ? 'number' : 'string'} ${value}]`;
    }
    lines.push(line);
  }
  return lines;
}

/** The same lines from a message as protobufjs reads it. */
export function linesOfMessage(message: ProfileMessage): string[] {
  const text = (index: bigint): string => message.stringTable[Number(index)];
  const valueType = (v: { type: bigint; unit: bigint } | null): string =>
    v === null ? '/' : `${text(v.type)}/${text(v.unit)}`;
  const rows = (table: readonly { id: bigint }[]): Map<bigint, number> =>
    new Map(table.map(({ id }, row) => [id, row]));
  const mappingRow = rows(message.mapping);
  const functionRow = rows(message.function);
  const locationRow = rows(message.location);
  const lines = [
    `types ${message.sampleType.map(valueType).join(' ')} default ${text(message.defaultSampleType)} ` +
      `period ${valueType(message.periodType)} ${message.period}`,
    `time ${message.timeNanos} duration ${message.durationNanos} drop ${text(message.dropFrames)} keep ${text(message.keepFrames)}`,
    `url ${text(message.docUrl)} comments ${JSON.stringify(message.comment.map(text))}`,
  ];
  for (const m of message.mapping) {
    const has = [m.hasFunctions, m.hasFilenames, m.hasLineNumbers, m.hasInlineFrames].map((flag) => (flag ? '+' : '-'));
    lines.push(
      `mapping ${m.memoryStart} ${m.memoryLimit} ${m.fileOffset} ${text(m.filename)} ${text(m.buildId)} ${has.join('')}`,
    );
  }
  for (const f of message.function) {
    lines.push(`function ${text(f.name)} ${text(f.systemName)} ${text(f.filename)} ${f.startLine}`);
  }
  for (const l of message.location) {
    const calls = l.line.map((line) => ` f${functionRow.get(line.functionId)}:${line.line}:${line.column}`);
    lines.push(`location m${mappingRow.get(l.mappingId) ?? -1} ${l.address} ${l.isFolded}${calls.join('')}`);
  }
  for (const s of message.sample) {
    const labels = s.label
      .filter(({ str, num, numUnit }) => str !== 0n || num !== 0n || numUnit !== 0n)
      .map(({ key, str, num, numUnit }) =>
        str === 0n ? ` [${text(key)}=number ${num} ${text(numUnit)}]` : ` [${text(key)}=string ${text(str)}]`,
      );
    const stack = s.locationId.map((id) => locationRow.get(id)).join(' ');
    lines.push(`sample ${s.value.join(' ')} @ ${stack}${labels.join('')}`);
  }
  return lines;
}
