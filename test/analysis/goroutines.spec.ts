import { defaultBudget } from '../../src/formats/budget.js';
import { inflateGzip } from '../../src/formats/inflate.js';
import { sumOf } from '../../src/formats/int64.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { decodeGoroutineDumps } from '../../src/formats/goroutine-dump/decode.js';
import { goroutineDumpLimits } from '../../src/formats/goroutine-dump/limits.js';
import { knownStates, meaningOf } from '../../src/formats/goroutine-dump/wait-reasons.js';
import { stackProfileOfDump } from '../../src/analysis/from-goroutine-dump.js';
import { stackProfileOf } from '../../src/analysis/from-pprof.js';
import { foldedStacks } from '../../src/analysis/folded.js';
import { goroutineSite, normalisedStack } from '../../src/analysis/goroutine-frames.js';
import {
  ageNames,
  countStates,
  type GoroutineGroup,
  goroutineGroupings,
  groupGoroutines,
} from '../../src/analysis/goroutine-groups.js';
import { withGoroutineStates, withoutGoroutineMarkers } from '../../src/analysis/goroutine-markers.js';
import { type GoroutineRows, rowsOfDump, rowsOfStacks } from '../../src/analysis/goroutine-rows.js';
import { goroutineState, refinedState } from '../../src/analysis/goroutine-state.js';
import { StackTreeBuilder, SymbolTableBuilder } from '../../src/analysis/stack-builder.js';
import type { StackProfile } from '../../src/analysis/stack-profile.js';
import { top } from '../../src/analysis/top.js';
import { dumpFixture } from '../formats/goroutine-dump-fixtures.js';
import { profileFixture } from '../formats/profile-fixtures.js';

const versions = ['go1.15', 'go1.19', 'go1.21', 'go1.23', 'go1.26', 'go1.27'];

function dumpRows(path: string): GoroutineRows {
  const dumps = decodeGoroutineDumps(dumpFixture(path));
  return rowsOfDump(dumps, dumps.dumps[0]);
}

function profileStacks(path: string): StackProfile {
  return stackProfileOf(decodePprof(profileFixture(path), defaultBudget, inflateGzip)).stacks;
}

/** Groups of the program's own goroutines: those of whoever took the capture differ between a text and a protobuf. */
function groupsOf(rows: GoroutineRows, by: (typeof goroutineGroupings)[number]): string[] {
  return groupGoroutines(rows, { by })
    .filter(({ name }) => !name.includes('runtime/pprof') && !name.includes('recurseDeep'))
    .map(({ count, state, name }) => `${count} ${state} ${name}`)
    .filter((text) => !text.includes('runtimeSpin'));
}

describe('the states of a goroutine profile', () => {
  it.each(versions)('of %s, derived from frames, are those that the dump of the same program says', (version) => {
    const dump = countStates(dumpRows(`${version}/goroutine.debug2.txt`));
    const profile = countStates(rowsOfStacks(profileStacks(`${version}/goroutine.pb.gz`)));
    // In go1.21 the goroutine that spins was on its way to sleep in one and runnable in the other.
    const settled = (counts: typeof dump) => counts.filter(({ state }) => !/^(sleep|runnable)$/.test(state));
    expect(settled(profile)).toEqual(settled(dump));
    expect(profile.reduce((sum, { count }) => sum + count, 0)).toBe(31);
    expect(new Map(profile.map(({ state, count }) => [state, count]))).toEqual(
      expect.objectContaining(new Map([['chan receive (nil chan)', 1]])),
    );
  });

  it.each(versions)('of %s: derived from the frames that SIGQUIT prints, they are what it says', (version) => {
    let path = `${version}/sigquit-minutes.txt`;
    if (!['go1.15', 'go1.26', 'go1.27'].includes(version)) path = 'go1.26/sigquit-minutes.txt';
    const dumps = decodeGoroutineDumps(dumpFixture(path));
    const [dump] = dumps.dumps;
    const rows = rowsOfDump(dumps, dump);
    const wrong = Array.from({ length: dump.count }, (_, row) => row)
      .filter(
        (row) =>
          rows.id![row] !== 0n && rows.stacks[rows.stack[row]].frames.some((f) => f.function === 'runtime.gopark'),
      )
      .map((row) => [rows.state[row], goroutineState(rows.stacks[rows.stack[row]].frames)])
      .filter(([said, derived]) => said !== derived);
    // A parked goroutine that has been woken looks as if it still waited.
    expect(wrong.filter(([said]) => said !== 'runnable')).toEqual([]);
  });

  it.each<[string[], string]>([
    [['runtime.gopark', 'runtime.coroswitch_m', 'main.seq'], 'coroutine'],
    [
      ['runtime.gopark', 'runtime.goparkunlock', 'runtime.semacquire1', 'internal/poll.runtime_Semacquire'],
      'semacquire',
    ],
    [['runtime.notetsleepg', 'os/signal.signal_recv', 'os/signal.loop'], 'syscall'],
    [['syscall.Syscall6', 'main.read'], 'syscall'],
    [['internal/runtime/syscall.Syscall6', 'syscall.RawSyscall6', 'main.read'], 'syscall'],
    [['runtime.cgocall', 'main._Cfunc_wait', 'main.wait'], 'syscall'],
    [['main.spin', 'main.main'], 'runnable'],
    [['runtime.asyncPreempt2', 'runtime.asyncPreempt', 'main.spin'], 'runnable'],
    [['runtime.goroutineProfileWithLabels', 'runtime/pprof.writeRuntimeProfile'], 'running'],
    [['runtime.gopark', 'main.somethingNew'], 'waiting'],
    [[], 'runnable'],
  ])('%j is %s', (functions, state) => {
    expect(goroutineState(functions.map((name) => ({ function: name, line: 1000 })))).toBe(state);
  });

  it('are not guessed where debug=1 has left out the frames of the runtime', () => {
    const states = (functions: string[]) =>
      goroutineState(
        functions.map((f) => ({ function: f, line: 9 })),
        true,
      );
    expect(states(['main.leakRecv'])).toBe('unknown');
    expect(states(['internal/poll.runtime_pollWait', 'internal/poll.(*pollDesc).wait'])).toBe('IO wait');
    expect(states(['sync.runtime_notifyListWait', 'sync.(*Cond).Wait'])).toBe('sync.Cond.Wait');
    expect(states(['runtime/pprof.writeRuntimeProfile'])).toBe('running');
  });

  it('say what a semacquire of an old Go waits for', () => {
    const frames = (...functions: string[]) => functions.map((name) => ({ function: name, line: 1 }));
    const refine = (...functions: string[]) => refinedState('semacquire', frames(...functions));
    expect(refine('sync.runtime_SemacquireMutex', 'sync.(*RWMutex).RLock')).toBe('sync.RWMutex.RLock');
    expect(refine('sync.runtime_SemacquireMutex', 'sync.(*RWMutex).Lock')).toBe('sync.RWMutex.Lock');
    expect(refine('sync.runtime_SemacquireMutex', 'sync.(*Mutex).lockSlow')).toBe('sync.Mutex.Lock');
    expect(refine('sync.runtime_Semacquire', 'sync.(*WaitGroup).Wait')).toBe('sync.WaitGroup.Wait');
    expect(refine('runtime.semacquire', 'runtime.gcStart')).toBe('semacquire');
    expect(refinedState('sleep', frames('sync.runtime_Semacquire', 'sync.(*WaitGroup).Wait'))).toBe('sleep');
  });
});

describe('every state of the dumps', () => {
  it.each(versions)('of %s is known', (version) => {
    const states = decodeGoroutineDumps(dumpFixture(`${version}/goroutine.debug2.txt`)).states;
    expect(states.filter((state) => !knownStates.has(state))).toEqual([]);
    expect(states.length).toBeGreaterThan(10);
  });

  it('says whether another goroutine has to end the wait', () => {
    expect(meaningOf('chan receive')).toEqual({ category: 'channel', waitsForGoroutine: true, forever: false });
    expect(meaningOf('select (no cases)')).toEqual({ category: 'select', waitsForGoroutine: false, forever: true });
    expect(meaningOf('IO wait').waitsForGoroutine).toBe(false);
    expect(meaningOf('__proto__').category).toBe('other');
  });
});

describe('groups of goroutines', () => {
  it.each(['site', 'created-by'] as const)('by %s are the same whichever Go built the program', (by) => {
    const oldest = groupsOf(dumpRows('go1.15/goroutine.debug2.txt'), by);
    expect(oldest.length).toBeGreaterThan(10);
    for (const version of versions) {
      // Go 1.21 was caught while one goroutine spun, not while it slept.
      const settled = (groups: string[]) =>
        groups.filter((group) => !/ (sleep|runnable) main.startBlocked$/.test(group));
      expect(settled(groupsOf(dumpRows(`${version}/goroutine.debug2.txt`), by))).toEqual(settled(oldest));
    }
  });

  it.each(versions)('by stack are the same for the dump and the protobuf of %s', (version) => {
    const ofDump = groupsOf(dumpRows(`${version}/goroutine.debug2.txt`), 'stack');
    expect(groupsOf(rowsOfStacks(profileStacks(`${version}/goroutine.pb.gz`)), 'stack')).toEqual(ofDump);
    expect(ofDump.length).toBeGreaterThan(10);
  });

  it('by stack are the same for Go 1.15 and 1.27', () => {
    expect(groupsOf(dumpRows('go1.27/goroutine.debug2.txt'), 'stack')).toEqual(
      groupsOf(dumpRows('go1.15/goroutine.debug2.txt'), 'stack'),
    );
  });

  it('have their oldest wait, ages, ids, stack and creator', () => {
    const groups = groupGoroutines(dumpRows('go1.26/goroutine-minutes.debug2.txt'), { by: 'stack' });
    const receive = groups[0];
    expect(receive).toMatchObject({
      state: 'chan receive',
      meaning: { category: 'channel', waitsForGoroutine: true },
      name: 'main.leakRecv',
      count: 11,
      leaked: 0,
      oldestWaitMinutes: 3,
      site: 'main.leakRecv',
      createdBy: 'main.startBlocked',
    });
    expect(receive.ages[ageNames.indexOf('1-5')]).toBe(11);
    expect(receive.sampleIds).toHaveLength(10);
    expect([...receive.sampleIds].sort((a, b) => Number(a - b))).toEqual(receive.sampleIds);
    expect(receive.stack).toMatchObject([{ function: 'main.leakRecv', line: 139 }]);
  });

  it('by label keep those apart that have none, and count the leaked', () => {
    const labelled = dumpRows('go1.27/panic-error-labels.txt');
    const named = (groups: GoroutineGroup[]) =>
      groups.filter(({ state }) => state === 'chan receive').map(({ name, count }) => [name, count]);
    expect(named(groupGoroutines(labelled, { by: 'label', label: 'tenant' }))).toEqual([
      ['', 8],
      ['acme', 4],
    ]);
    expect(named(groupGoroutines(labelled, { by: 'label' }))[1]).toEqual(['endpoint=/v1/items "q", tenant=acme', 4]);
    const leaked = groupGoroutines(dumpRows('go1.27/goroutineleak.debug2.txt'), { by: 'site' });
    expect(leaked.reduce((sum, group) => sum + group.leaked, 0)).toBe(8);
  });

  it('do not depend on the order of the goroutines', () => {
    const text = Buffer.from(dumpFixture('go1.26/goroutine-minutes.debug2.txt')).toString();
    const [caller, ...rest] = text.trimEnd().split('\n\n');
    const dumps = decodeGoroutineDumps(Buffer.from(`${[caller, ...rest.reverse()].join('\n\n')}\n`));
    const reversed = rowsOfDump(dumps, dumps.dumps[0]);
    for (const by of goroutineGroupings) {
      expect(groupGoroutines(reversed, { by })).toEqual(
        groupGoroutines(dumpRows('go1.26/goroutine-minutes.debug2.txt'), { by }),
      );
    }
  });
});

describe('a normalised stack', () => {
  it('is without the inside of the runtime and of sync, the wrapper of a go statement, and type arguments', () => {
    const proto = ['runtime.gopark', 'runtime.semacquire1', 'internal/sync.runtime_SemacquireMutex'];
    proto.push('internal/sync.(*Mutex).lockSlow', 'internal/sync.(*Mutex).Lock', 'sync.(*Mutex).Lock');
    proto.push('main.(*Cache[go.shape.int]).get', 'main.serve.gowrap2', 'runtime.goexit');
    const text = [
      'sync.runtime_SemacquireMutex',
      'sync.(*Mutex).lockSlow',
      'sync.(*Mutex).Lock',
      'main.(*Cache[...]).get',
    ];
    expect(normalisedStack(proto)).toEqual(['sync.(*Mutex).Lock', 'main.(*Cache[...]).get']);
    expect(normalisedStack(text)).toEqual(normalisedStack(proto));
    expect(goroutineSite(proto)).toBe('main.(*Cache[...]).get');
  });

  it('of a goroutine of the runtime itself stays as it is', () => {
    const stack = ['runtime.gopark', 'runtime.bgsweep', 'runtime.goexit'];
    expect(normalisedStack(stack)).toEqual(stack);
    expect(normalisedStack([])).toEqual([]);
    expect(goroutineSite([])).toBe('');
  });
});

describe('the stacks of a dump', () => {
  const ofDump = (path: string, limits = goroutineDumpLimits) => {
    const dumps = decodeGoroutineDumps(dumpFixture(path), limits);
    return stackProfileOfDump(dumps, dumps.dumps[0]);
  };
  const functions = (stacks: StackProfile) =>
    top(stacks, { sampleType: 0 }).rows.map(({ function: name, flat, cum }) => `${flat} ${cum} ${name}`);

  it('begin with the state and the creator, then the frames from the root', () => {
    const { stacks, totals } = ofDump('go1.26/goroutine-minutes.debug2.txt');
    const said = Buffer.from(dumpFixture('go1.26/goroutine-minutes.debug2.txt'))
      .toString()
      .matchAll(/, (\d+) minutes/g);
    expect(totals).toEqual([30n, Array.from(said).reduce((sum, [, minutes]) => sum + BigInt(minutes), 0n)]);
    const lines = foldedStacks(stacks, 0).trim().split('\n');
    expect(lines).toContain('[chan receive];created by main.startBlocked;main.leakRecv 7');
    expect(foldedStacks(stacks, 1)).toContain('[chan receive];created by main.startBlocked;main.leakRecv 21\n');
  });

  it('without their markers are those of the protobuf, but for the frames of the runtime and of the caller', () => {
    const dump = functions(withoutGoroutineMarkers(ofDump('go1.26/goroutine.debug2.txt').stacks));
    const proto = functions(profileStacks('go1.26/goroutine.pb.gz'));
    const others = (rows: string[]) =>
      rows
        .filter((row) => !/runtime|recurseDeep|elided|truncated|time.Sleep|main\.main|cmdAll|writeProfiles/.test(row))
        .map((row) => row.replace(/^\d+ /, ''));
    expect(others(dump).sort()).toEqual(others(proto).sort());
    expect(others(dump).length).toBeGreaterThan(15);
  });

  it('count what the decoder folded under its state', () => {
    const { stacks, totals } = ofDump('go1.26/goroutine.debug2.txt', { ...goroutineDumpLimits, goroutines: 3 });
    expect(totals[0]).toBe(31n);
    expect(foldedStacks(stacks, 0)).toContain('[select];other 2\n');
  });

  it('beyond the budget become other, with a note', () => {
    const dumps = decodeGoroutineDumps(dumpFixture('go1.26/goroutine.debug2.txt'));
    const { stacks, notes } = stackProfileOfDump(dumps, dumps.dumps[0], { indexedSamples: 3 });
    expect(stacks.nodes).toHaveLength(3);
    expect(notes).toMatchObject([{ code: 'stacks-folded', loss: true }]);
    expect(sumOf(stacks.values[0])).toBe(31n);
  });
});

describe('markers of goroutines', () => {
  const proto = profileStacks('go1.26/goroutine.pb.gz');

  it('put on and taken off leave the profile as it was', () => {
    const there = withGoroutineStates(proto);
    expect(foldedStacks(there, 0)).toContain(
      '[select (no cases)];main.leakSelectNone;runtime.block;runtime.gopark 1\n',
    );
    expect(foldedStacks(withoutGoroutineMarkers(there), 0)).toBe(foldedStacks(proto, 0));
    expect(foldedStacks(withGoroutineStates(there), 0)).toBe(foldedStacks(there, 0));
  });

  it('are only those below the root, without a file', () => {
    const symbols = new SymbolTableBuilder();
    const tree = new StackTreeBuilder();
    const path = (...names: string[]) =>
      names.reduce((node, name) => tree.child(node, symbols.frame(name, name.startsWith('/') ? name : '', 0)), 0);
    const nodes = [
      path('main.a', '[sleep]'),
      path('created by x', 'main.b'),
      path('[sleep]', 'main.c', 'created by y'),
    ];
    const stacks: StackProfile = {
      symbols: symbols.build(),
      tree: tree.build(),
      sampleTypes: [{ type: 'goroutine', unit: 'count' }],
      nodes: Int32Array.from(nodes),
      values: [Float64Array.of(1, 2, 3)],
    };
    expect(foldedStacks(withoutGoroutineMarkers(stacks), 0).trim().split('\n').sort()).toEqual([
      'created by x;main.b 2',
      'main.a;[sleep] 1',
      'main.c;created by y 3',
    ]);
  });
});
