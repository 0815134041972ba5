// Evidence as the artefacts that it could have come from: the text of a goroutine dump (debug=2), a heap profile.
import { stackProfileOfRows } from './stacks.mjs';
import { profileOf } from '../../dist/analysis/to-pprof.js';
import { encodePprof } from '../../dist/formats/pprof/encode.js';

/**
 * @param {import('../../dist/analysis/leaks/evidence.js').LeakEvidence} evidence
 * @returns {{ instance: string, kind: string, atMillis: number, build: string, bytes: Uint8Array }[]} by time; goroutines
 *   that are not listed one by one, and what is only known of the memory, are left out
 */
export function artefactsOf({ stacks, instances }) {
  return instances
    .flatMap(({ name, snapshots }) =>
      snapshots.flatMap((snapshot) => {
        const bytes = bytesOf(snapshot, stacks);
        const { kind, atMillis, build } = snapshot;
        return bytes === null ? [] : [{ instance: name, kind, atMillis, build, bytes }];
      }),
    )
    .sort((a, b) => a.atMillis - b.atMillis);
}

function bytesOf(snapshot, stacks) {
  if (snapshot.kind === 'heap') return heapBytes(snapshot, stacks);
  if (snapshot.kind !== 'goroutine' || snapshot.members === null) return null;
  return new TextEncoder().encode(dumpText(snapshot, stacks));
}

function dumpText({ stacks: numbers, members: { start, ids, waitMinutes } }, stacks) {
  const texts = [];
  numbers.forEach((number, row) => {
    const { state, frames, createdBy } = stacks[number];
    const calls = frames.map(({ function: name, file, line }) => `${name}(...)\n\t${file}:${line} +0x1\n`).join('');
    // The goroutine with the go statement is not known, nor its line.
    const creator = createdBy === null ? '' : `created by ${createdBy} in goroutine 1\n\tunknown.go:1 +0x1\n`;
    for (let i = start[row]; i < start[row + 1]; i++) {
      const wait = waitMinutes[i] > 0 ? `, ${waitMinutes[i]} minutes` : '';
      texts.push(`goroutine ${ids[i]} [${state}${wait}]:\n${calls}${creator}`);
    }
  });
  return texts.join('\n');
}

function heapBytes(snapshot, stacks) {
  const { stacks: numbers, inuseObjects, inuseBytes, allocObjects, allocBytes, sampleBytes, atMillis } = snapshot;
  const types = [
    { type: 'alloc_objects', unit: 'count' },
    { type: 'alloc_space', unit: 'bytes' },
    { type: 'inuse_objects', unit: 'count' },
    { type: 'inuse_space', unit: 'bytes' },
  ];
  const columns = [allocObjects, allocBytes, inuseObjects, inuseBytes];
  const profile = stackProfileOfRows(
    Array.from(numbers, (number) => stacks[number].frames),
    types,
    columns,
  );
  const header = {
    timeNanos: BigInt(atMillis) * 1_000_000n,
    periodType: { type: 'space', unit: 'bytes' },
    period: BigInt(sampleBytes),
    defaultSampleType: 'inuse_space',
  };
  return encodePprof(profileOf(profile, header));
}
