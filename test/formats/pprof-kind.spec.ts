import type { FormatError } from '../../src/formats/format-error.js';
import { isKind, kinds, type Kind } from '../../src/formats/kind.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { isDelta, kindOf } from '../../src/formats/pprof/kind.js';
import { buildHeapProfile, buildProfile } from '../builders/profile-builder.js';
import { goldenProfiles, profileFixture } from './profile-fixtures.js';

const contention = ['contentions/count', 'delay/nanoseconds'];

/** The kind by the name that `runtime/pprof` and `go test` give to their files. */
function kindByName(name: string): Kind | null {
  const word = /([a-z]+)[-\w]*\.pb(?:\.gz)?$/.exec(
    name.replace(/heap2?(-from-text)?/, 'heap').replace(/^.*http-/, ''),
  )?.[1];
  // go test writes memory profiles with alloc_space first, as allocs have it.
  if (word === 'mem') return 'allocs';
  return word !== undefined && isKind(word) ? word : null;
}

describe('the kind of a profile', () => {
  const named = goldenProfiles().filter(({ name }) => /^(go1|real)/.test(name));

  it.each(named)('$name: is what its writer called it', ({ name, bytes }) => {
    expect(kindOf(decodePprof(bytes))).toBe(kindByName(name));
  });

  it('is custom for sample types that Go does not have', () => {
    const wall = buildProfile({ sampleTypes: ['samples/count', 'wall/nanoseconds'], samples: [] });
    expect(kindOf(decodePprof(wall))).toBe('custom');
    expect(kindOf(decodePprof(buildProfile({ sampleTypes: ['connections/count'], samples: [] })))).toBe('custom');
  });

  it.each([
    ['sync.(*Mutex).Unlock', 'mutex'],
    ['sync.(*RWMutex).RUnlock', 'mutex'],
    ['internal/sync.(*Mutex).unlockSlow', 'mutex'],
    ['runtime._LostContendedRuntimeLock', 'mutex'],
    ['runtime.unlock2', 'mutex'],
    ['sync.(*Mutex).Lock', 'block'],
    ['runtime.chanrecv1', 'block'],
    ['main.(*Door).Unlocked', 'block'],
  ])('a contention in %s is of a %s profile', (leaf, kind) => {
    const profile = buildProfile({
      sampleTypes: contention,
      samples: [{ stack: ['main.main', leaf], values: [1, 5] }],
    });
    expect(kindOf(decodePprof(profile))).toBe(kind);
  });

  it('an inlined Unlock counts as the leaf that it is', () => {
    const samples = [{ stack: ['main.main', ['main.work', 'sync.(*Mutex).Unlock']], values: [1, 5] }];
    expect(kindOf(decodePprof(buildProfile({ sampleTypes: contention, samples })))).toBe('mutex');
  });
});

describe('a declared kind', () => {
  const heap = decodePprof(buildHeapProfile([]));
  const empty = decodePprof(buildProfile({ sampleTypes: contention, samples: [] }));

  it('decides between kinds that the bytes cannot tell apart', () => {
    expect(kindOf(heap, 'allocs')).toBe('allocs');
    expect(kindOf(empty, 'mutex')).toBe('mutex');
    expect(kindOf(decodePprof(profileFixture('go1.26/mutex.pb.gz')), 'block')).toBe('block');
  });

  it('may name what other runtimes call otherwise', () => {
    const jemalloc = decodePprof(buildProfile({ sampleTypes: ['objects/count', 'space/bytes'], samples: [] }));
    expect(kindOf(jemalloc, 'heap')).toBe('heap');
    expect(() => kindOf(jemalloc, 'cpu')).toThrow('declared cpu but is a custom profile (objects/count, space/bytes)');
  });

  it('that contradicts the bytes is refused', () => {
    const cpu = decodePprof(profileFixture('go1.26/cpu.pb.gz'));
    const refusal = {
      fault: 'malformed',
      message: 'declared heap but is a cpu profile (samples/count, cpu/nanoseconds)',
    };
    expect(() => kindOf(cpu, 'heap')).toThrow(expect.objectContaining(refusal) as FormatError);
    for (const kind of kinds.filter((k) => !['heap', 'allocs', 'custom'].includes(k))) {
      expect(() => kindOf(heap, kind)).toThrow(`declared ${kind} but is a heap profile`);
    }
  });
});

describe('a delta', () => {
  it('is any Go profile with a duration, but for CPU profiles', () => {
    const delta = (path: string): boolean => {
      const profile = decodePprof(profileFixture(path));
      return isDelta(profile, kindOf(profile));
    };
    expect(delta('go1.26/http-heap-delta-seconds1.pb.gz')).toBe(true);
    expect(delta('go1.26/heap.pb.gz')).toBe(false);
    expect(delta('go1.26/goroutine.pb.gz')).toBe(false);
    expect(delta('go1.26/http-cpu-seconds1.pb.gz')).toBe(false);
  });
});
