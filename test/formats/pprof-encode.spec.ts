import { decodePprof } from '../../src/formats/pprof/decode.js';
import { encodePprof } from '../../src/formats/pprof/encode.js';
import { StringTable } from '../../src/formats/pprof/string-table.js';
import { buildHeapProfile } from '../builders/profile-builder.js';
import { linesOf } from '../builders/profile-lines.js';
import { decodeMessage } from '../builders/profile-message.js';
import { describeWithPprof, runPprof } from '../oracle/pprof.js';
import { plain, profileFixture } from './profile-fixtures.js';

const heap = decodePprof(buildHeapProfile([{ stack: ['main.main', 'main.alloc'], values: [2, 64, 1, 32] }]));

describe('encoding', () => {
  it('adds the strings that a changed header needs', () => {
    const changed = { ...heap, comments: ['merged of 240'], defaultSampleType: 'alloc_space', docUrl: '漢' };
    const again = decodePprof(encodePprof(changed));
    expect(again).toMatchObject({ comments: ['merged of 240'], defaultSampleType: 'alloc_space', docUrl: '漢' });
    // alloc_space is in the table already.
    expect(again.strings.length).toBe(heap.strings.length + 2);
  });

  it('a profile without any strings gets the empty one', () => {
    const bare = { ...heap, ...emptyTables(), sampleTypes: [], periodType: { type: '', unit: '' } };
    const noRows = decodePprof(encodePprof({ ...bare, strings: StringTable.of([]) }));
    expect(noRows.strings.length).toBe(1);
    expect(noRows.samples.count).toBe(0);
  });

  it('bytes that are not UTF-8 leave as they came', () => {
    const bytes = Buffer.from(buildHeapProfile([{ stack: ['main.n?me'], values: [1, 1, 1, 1] }]));
    bytes[bytes.indexOf('main.n?me') + 6] = 0xff;
    expect(Buffer.from(encodePprof(decodePprof(bytes))).includes(Buffer.from('main.n\xffme', 'latin1'))).toBe(true);
  });

  it('protobufjs reads it, long messages included', () => {
    const stack = Array.from({ length: 3000 }, (_, i) => `main.f${i}`);
    const deep = decodePprof(buildHeapProfile([{ stack, values: [1, 2 ** 50, -3, 4] }]));
    const [sample] = decodeMessage(encodePprof(deep)).sample;
    expect(sample.value).toEqual([1n, 2n ** 50n, -3n, 4n]);
    expect(sample.locationId).toHaveLength(3000);
  });
});

function emptyTables() {
  const none = new Uint32Array(0);
  const offsets = new Uint32Array(1);
  const lines = new Int32Array(0);
  const bytes = new Uint8Array(0);
  const addresses = new BigUint64Array(0);
  return {
    samples: { count: 0, stackStart: offsets, stack: none, values: [] },
    labels: { count: 0, start: offsets, key: none, str: none, num: new Float64Array(0), unit: none },
    mappings: {
      count: 0,
      memoryStart: addresses,
      memoryLimit: addresses,
      fileOffset: addresses,
      filename: none,
      buildId: none,
      flags: bytes,
    },
    locations: {
      count: 0,
      mapping: lines,
      address: addresses,
      folded: bytes,
      lineStart: offsets,
      lineFunction: none,
      lineNumber: lines,
      lineColumn: lines,
    },
    functions: { count: 0, name: none, systemName: none, filename: none, startLine: lines },
  };
}

// Its own ids show in the output, so these files are numbered 1, 2, 3 … as we number rows.
describeWithPprof('what is encoded, go tool pprof reads as the original', () => {
  it.each([
    'go1.15/cpu.pb.gz',
    'go1.26/cpu.pb.gz',
    'go1.26/heap.pb.gz',
    'go1.26/goroutine.pb.gz',
    'go1.26/block.pb.gz',
    'go1.26/mutex.pb.gz',
    'go1.26/threadcreate.pb.gz',
    'go1.26/http-heap-delta-seconds1.pb.gz',
    'go1.27/heap-rate512.pb.gz',
    'real/go1.26-test-encoding-json.mem.pb.gz',
    'synthetic/int64-extremes.pb.gz',
    'synthetic/labels-multi.pb.gz',
    'synthetic/drop-keep-comments-docurl.pb.gz',
  ])('%s', (path) => {
    const original = plain(profileFixture(path));
    const encoded = encodePprof(decodePprof(original));
    expect(runPprof(['-raw'], [encoded])).toBe(runPprof(['-raw'], [original]));
    expect(linesOf(decodePprof(encoded))).toEqual(linesOf(decodePprof(original)));
  });
});
