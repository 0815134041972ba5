import fc from 'fast-check';
import { rowsOfDump } from '../../../src/analysis/goroutine-rows.js';
import {
  alternatives,
  alwaysBenign,
  matchedFrames,
  matchedNameLength,
  type MatchedStack,
  matchSignatures,
  signatureName,
} from '../../../src/analysis/leaks/signature-match.js';
import { leakSignatures, signatureOf, singletons } from '../../../src/analysis/leaks/signatures.js';
import { decodeGoroutineDumps } from '../../../src/formats/goroutine-dump/decode.js';
import { dumpFixture } from '../../formats/goroutine-dump-fixtures.js';
import { goroutine, heapSite, knownStacks } from './known-stacks.js';

const idsOf = (stack: MatchedStack): string[] => matchSignatures(stack).map(({ signature }) => signature.id);

describe('a known stack', () => {
  it.each(knownStacks.map(([id, stack]) => [id, stack.state ?? 'heap', stack.frames.at(0)!.function, stack] as const))(
    'is recognised first as %s ([%s] %s)',
    (id, _state, _leaf, stack) => {
      expect(idsOf(stack).at(0)).toBe(id);
    },
  );

  it('is there for every signature that a stack can show', () => {
    const shown = new Set(knownStacks.map(([id]) => id));
    const patternless = leakSignatures.filter(({ patterns }) => patterns.length === 0);
    expect(leakSignatures.filter(({ id }) => !shown.has(id))).toEqual(patternless);
    expect(patternless.map(({ id, kind }) => [id, kind])).toEqual([
      ['off-heap-memory', 'off-heap'],
      ['idle-heap', 'off-heap'],
      ['os-threads', 'off-heap'],
    ]);
    for (const { holdsIf } of patternless) expect(holdsIf).toBeDefined();
  });

  it('keeps its signatures whatever vendors, versions, type arguments and the numbers of closures', () => {
    const decorations = fc.record({
      vendor: fc.constantFrom('', 'vendor/', 'example.com/shop/vendor/', 'a/vendor/b.c/vendor/'),
      version: fc.constantFrom('', '@v1.2.3', '@v0.0.0-20240102030405-0a1b2c3d4e5f', '@v3.1.0+incompatible'),
      major: fc.constantFrom('', '/v2', '/v17'),
      types: fc.constantFrom('', '[...]', '[go.shape.int]', '[map[string]a/b.T[int],go.shape.struct { x int }]'),
      closure: fc.constantFrom('1', '42', '3.1', '2.1.7', '1-range3'),
    });
    fc.assert(
      fc.property(fc.constantFrom(...knownStacks), decorations, ([, stack], decoration) => {
        const decorate = (name: string) => decorated(name, decoration);
        const same: MatchedStack = {
          ...stack,
          frames: [
            ...stack.frames.map((frame) => ({ function: decorate(frame.function) })),
            { function: 'main.start.gowrap1' },
            { function: 'runtime.goexit' },
          ],
          createdBy: stack.createdBy === null ? null : decorate(stack.createdBy),
        };
        expect(idsOf(same)).toEqual(idsOf(stack));
      }),
      { numRuns: 3000 },
    );
  });
});

interface Decoration {
  readonly vendor: string;
  readonly version: string;
  readonly major: string;
  readonly types: string;
  readonly closure: string;
}

/** The same function as another build may name it. */
function decorated(name: string, { vendor, version, major, types, closure }: Decoration): string {
  let result = name.replace(/\[.*\]/, '');
  const generic = /^((?:[^()]|\(\*\w+)*?)(\)\.|\.func\d|$)/.exec(result);
  if (generic !== null && types !== '') result = generic[1] + types + result.slice(generic[1].length);
  const bracket = result.indexOf('[');
  const head = bracket < 0 ? result : result.slice(0, bracket);
  const module = /^(github\.com\/[^/]+\/[^/.]+)([./].*)$/.exec(head);
  if (module !== null) {
    const versioned = module[2].startsWith('/v') ? module[1] : module[1] + major;
    result = versioned + version + module[2] + result.slice(head.length);
  }
  return vendor + result.replace(/\.func\d+(?:\.\d+)*$/, `.func${closure}`);
}

describe('a stack that only resembles a known one', () => {
  const handler = 'net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve';
  const read =
    'internal/poll.runtime_pollWait < internal/poll.(*pollDesc).wait < internal/poll.(*FD).Read < net.(*netFD).Read < net.(*conn).Read';
  const transport = 'google.golang.org/grpc/internal/transport';

  it.each<readonly [why: string, not: string, stack: MatchedStack]>([
    ['another package', 'http-response-body', goroutine('select', 'example.com/net/http.(*persistConn).readLoop')],
    ['a longer package', 'http-response-body', goroutine('select', 'net/httpx.(*persistConn).readLoop')],
    ['a longer name', 'http-response-body', goroutine('select', 'net/http.(*persistConn).readLoopOnce')],
    ['another receiver', 'sql-open', goroutine('select', 'database/sql.(*Pool).connectionOpener')],
    [
      'a longer package than a whole one',
      'telemetry-cardinality',
      heapSite('go.opentelemetry.io/otel/sdk/metric/internal/aggregatex.F'),
    ],
    [
      'a closure where the function is meant',
      'http-idle-connections',
      goroutine('IO wait', 'net/http.(*persistConn).readLoop.func1'),
    ],
    ['the function where a closure is meant', 'signal-context', goroutine('select', 'os/signal.NotifyContext')],
    [
      'a handler that waits for a database, not for its client',
      'http-server-connection',
      goroutine('IO wait', `${read} < main.query < ${handler}`, 'net/http.(*Server).Serve'),
    ],
    [
      'a handler that reads from its client',
      'http-handler-blocked',
      goroutine(
        'IO wait',
        `${read} < net/http.(*connReader).Read < main.upload < ${handler}`,
        'net/http.(*Server).Serve',
      ),
    ],
    [
      'a handler at work',
      'http-handler-blocked',
      goroutine('running', `main.work < ${handler}`, 'net/http.(*Server).Serve'),
    ],
    [
      'an HTTP/2 server connection',
      'http-handler-blocked',
      goroutine(
        'select',
        'net/http.(*http2serverConn).serve < net/http.(*http2Server).ServeConn < net/http.(*conn).serve',
      ),
    ],
    [
      'the writer of a gRPC server',
      'grpc-client-connection',
      goroutine(
        'select',
        `${transport}.(*loopyWriter).run < ${transport}.NewServerTransport.func2`,
        `${transport}.NewServerTransport`,
      ),
    ],
    ['a send in a function with a name', 'channel-send-abandoned', goroutine('chan send', 'main.send', 'main.main')],
    [
      'a send in a closure of someone else',
      'channel-send-abandoned',
      goroutine('chan send', 'main.fetch.func1', 'main.(*pool).spawn'),
    ],
    ['a receive in a closure', 'channel-send-abandoned', goroutine('chan receive', 'main.fetch.func1', 'main.fetch')],
    [
      'a send deep inside a library',
      'channel-send-abandoned',
      goroutine('chan send', 'os/exec.(*Cmd).Start.func1', 'os/exec.(*Cmd).Start'),
    ],
    [
      'a receive that is no range',
      'range-over-open-channel',
      goroutine('chan receive', 'runtime.gopark < runtime.chanrecv < runtime.chanrecv1 < main.wait'),
    ],
    [
      'a range in a known library',
      'range-over-open-channel',
      goroutine('chan receive', 'runtime.chanrecv2 < github.com/lib/pq.(*Listener).listenerMain'),
    ],
    ['select {} in main', 'empty-select', goroutine('select (no cases)', 'main.main')],
    [
      'select {} in main, of a profile',
      'empty-select',
      goroutine('select (no cases)', 'runtime.gopark < runtime.block < main.wait < main.main < runtime.main'),
    ],
    [
      'a loop that no constructor started',
      'loop-not-stopped',
      goroutine('select', 'main.(*Worker).loop', 'main.handle'),
    ],
    ['a loop of which the creator is not known', 'loop-not-stopped', goroutine('select', 'main.(*Worker).loop')],
    [
      'a mutex below a WaitGroup',
      'waitgroup-stuck',
      goroutine(
        'sync.Mutex.Lock',
        'sync.runtime_SemacquireMutex < sync.(*Mutex).lockSlow < sync.(*Mutex).Lock < main.f < sync.(*WaitGroup).Wait',
      ),
    ],
    [
      'a network read that was accepted',
      'network-read-without-deadline',
      goroutine('IO wait', `${read} < main.(*conn).loop`, 'main.(*server).acceptLoop'),
    ],
    [
      'a network read of unknown origin',
      'network-read-without-deadline',
      goroutine('IO wait', `${read} < main.(*conn).loop`),
    ],
    [
      'the one that runs the function of a Once',
      'once-stuck',
      goroutine('chan receive', 'main.open < sync.(*Once).doSlow < sync.(*Once).Do'),
    ],
    [
      'a member of an errgroup',
      'group-wait',
      goroutine(
        'chan receive',
        'main.run.func1 < golang.org/x/sync/errgroup.(*Group).Go.func1',
        'golang.org/x/sync/errgroup.(*Group).Go',
      ),
    ],
    [
      'finalizers with nothing to do',
      'finalizer-stuck',
      goroutine('finalizer wait', 'runtime.runFinalizers', 'runtime.createfing'),
    ],
    ['a system call of Go', 'cgo-call-stuck', goroutine('syscall', 'syscall.Syscall6 < os.(*Process).Wait')],
    ['a timer with a function', 'timer-in-loop', heapSite('time.AfterFunc < main.f')],
    ['small reads', 'retained-backing-array', heapSite('io.ReadAll < main.load', 512)],
    ['reads of unknown size', 'retained-backing-array', heapSite('io.ReadAll < main.load')],
    ['memory at a place where goroutines leak', 'sql-open', heapSite('database/sql.(*DB).connectionOpener')],
    [
      'goroutines at a place where memory leaks',
      'regexp-compile',
      goroutine('runnable', 'regexp/syntax.(*compiler).inst < regexp.compile'),
    ],
    ['a context used, not made', 'context-not-cancelled', heapSite('main.newJob < context.WithCancel')],
  ])('is not taken for it: %s (%s)', (_why, not, stack) => {
    expect(signatureOf(not)).toBeDefined();
    expect(idsOf(stack)).not.toContain(not);
  });

  it('is not known at all if nothing in it is', () => {
    expect(matchSignatures(goroutine('chan receive', 'main.wait', 'main.main'))).toEqual([]);
    expect(matchSignatures(heapSite('main.load'))).toEqual([]);
    expect(matchSignatures({ state: 'select', frames: [], createdBy: null })).toEqual([]);
    expect(matchSignatures({ state: null, frames: [], createdBy: null })).toEqual([]);
  });
});

describe('of several signatures', () => {
  it('what a goroutine waits in comes before who runs it, and shapes are left out where a library is known', () => {
    const handler = 'net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve';
    expect(
      idsOf(goroutine('select', `database/sql.(*DB).conn < main.load < ${handler}`, 'net/http.(*Server).Serve')),
    ).toEqual(['sql-pool-exhausted', 'http-handler-blocked']);
    const locked = 'sync.runtime_SemacquireMutex < sync.(*Mutex).lockSlow < sync.(*Mutex).Lock';
    expect(idsOf(goroutine('sync.Mutex.Lock', `${locked} < main.load < ${handler}`))).toEqual([
      'http-handler-blocked',
      'lock-stuck',
    ]);
    expect(idsOf(goroutine('sync.Mutex.Lock', `${locked} < os/exec.(*Cmd).Start.func1`))).toEqual([
      'command-not-waited',
    ]);
  });

  it('the one nearer to the leaf comes first', () => {
    const stack = goroutine(
      'select',
      'io.(*pipe).read < io.(*PipeReader).Read < net/http.(*bodyEOFSignal).Read < main.f',
    );
    expect(idsOf(stack)).toEqual(['pipe-half-open', 'http-request-unanswered']);
  });
});

describe('the weight of a match', () => {
  const timers = heapSite('time.NewTimer < time.After < main.loop');

  it.each([
    ['go1.22.12', 1],
    ['1.21', 1],
    ['go1.23.0', 0.2],
    ['go1.23rc1', 0.2],
    ['1.26', 0.2],
    ['devel go1.25-0a1b2c3', 0.2],
    ['go1.100.1', 0.2],
    ['', 1],
    ['gccgo 12', 1],
    [null, 1],
    [undefined, 1],
  ])('of timers that never fired is low once Go collects them (%s: %d)', (goVersion, weight) => {
    expect(matchSignatures({ ...timers, goVersion })).toEqual([{ signature: signatureOf('timer-in-loop'), weight }]);
  });

  it('is one half where a server may rightly have as many as clients, and 1 elsewhere', () => {
    const weights = knownStacks.flatMap(([, stack]) => matchSignatures(stack));
    const halved = weights.filter(({ weight }) => weight !== 1).map(({ signature }) => signature.id);
    expect([...new Set(halved)].sort()).toEqual([
      'cond-stuck',
      'grpc-client-stream',
      'quic-connection',
      'yamux-session',
    ]);
  });
});

describe('the state of a stack', () => {
  it('may lack, then names of libraries are enough, and shapes are not', () => {
    for (const state of ['unknown', '', 'waiting']) {
      expect(idsOf(goroutine(state, 'net/http.(*timeoutHandler).ServeHTTP.func1'))).toEqual(['http-timeout-handler']);
      expect(idsOf(goroutine(state, 'main.fetch.func1', 'main.fetch'))).toEqual([]);
      expect(idsOf(goroutine(state, 'sync.(*WaitGroup).Wait < main.wait'))).toEqual([]);
    }
  });

  it('may carry flags and a time', () => {
    for (const state of [
      'chan send (leaked)',
      'chan send (scan), 12 minutes',
      'chan send (durable)',
      'chan send, locked to thread',
    ]) {
      expect(idsOf(goroutine(state, 'main.fetch.func1', 'main.fetch'))).toEqual(['channel-send-abandoned']);
    }
  });
});

describe('the same leaks, dumped by other versions of Go', () => {
  const versions = ['go1.15', 'go1.19', 'go1.21', 'go1.23', 'go1.26', 'go1.27'];

  it.each(versions)('are recognised alike, also where only "semacquire" is said (%s)', (version) => {
    const dumps = decodeGoroutineDumps(dumpFixture(`${version}/goroutine-minutes.debug2.txt`));
    const rows = rowsOfDump(dumps, dumps.dumps[0]);
    const unrefined = (state: string) => (/^sync\.(?:RWMutex|Mutex|WaitGroup)\./.test(state) ? 'semacquire' : state);
    for (const stateOf of [(state: string) => state, unrefined]) {
      const found = new Set<string>();
      for (let row = 0; row < rows.count; row++) {
        const { frames, site } = rows.stacks[rows.stack[row]];
        const ids = idsOf({ state: stateOf(rows.state[row]), frames, createdBy: rows.creator[row] });
        for (const id of ids) found.add(`${id}: ${site}`);
      }
      expect([...found].sort()).toEqual([
        'cond-stuck: main.leakCond',
        'empty-select: main.leakSelectNone',
        'lock-stuck: main.leakMutex',
        'lock-stuck: main.leakRLock',
        'lock-stuck: main.leakRW',
        'nil-channel: main.leakNilRecv',
        'nil-channel: main.leakNilSend',
        'waitgroup-stuck: main.leakWG',
      ]);
    }
  });
});

describe('the name of a function in a signature', () => {
  it.each([
    ['net/http.(*persistConn).readLoop', 'net/http.(*persistConn).readLoop'],
    [
      'vendor/golang.org/x/net/http2/hpack.(*headerFieldTable).addEntry',
      'golang.org/x/net/http2/hpack.(*headerFieldTable).addEntry',
    ],
    [
      'example.com/a/vendor/gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun',
      'gopkg.in/natefinch/lumberjack.v2.(*Logger).millRun',
    ],
    ['github.com/jackc/pgx/v5/pgxpool.(*Pool).Acquire', 'github.com/jackc/pgx/pgxpool.(*Pool).Acquire'],
    [
      'github.com/redis/go-redis/v9.(*channel).initMsgChan.func1',
      'github.com/redis/go-redis.(*channel).initMsgChan.func',
    ],
    ['github.com/x/y@v1.2.3-rc.1/z.F', 'github.com/x/y/z.F'],
    ['github.com/x/y@v1.2.3.F', 'github.com/x/y.F'],
    ['k8s.io/api/core/v1.(*Pod).Reset', 'k8s.io/api/core/v1.(*Pod).Reset'],
    ['main.(*Stack[go.shape.int]).Push.func1.2', 'main.(*Stack).Push.func'],
    ['main.F.func1', 'main.F.func'],
    ['main.F.func1.gowrap2', 'main.F.func'],
    ['main.F.gowrap2', 'main.F'],
    ['main.F.deferwrap1', 'main.F'],
    ['main.(*T).F-fm', 'main.(*T).F'],
    ['main.F-range1', 'main.F'],
    ['main.F.func2-range1', 'main.F.func'],
    ['main.main.func3.Early.func20', 'main.main.func.Early.func'],
    ['main.init.0', 'main.init'],
    ['main.glob..func1', 'main.glob..func'],
    ['func1', 'func1'],
    ['', ''],
  ])('%s is %s', (name, expected) => {
    expect(signatureName(name)).toBe(expected);
    expect(signatureName(expected)).toBe(expected);
  });

  it('never grows, and keeps no vendor directory and no escape, whatever the name', () => {
    const parts = fc.constantFrom(
      'main',
      '.',
      '/',
      '-',
      'func1',
      'gowrap2',
      '-fm',
      'vendor/',
      '/vendor/',
      '@v1',
      '.2',
      '[',
      ']',
      '(*T)',
      '/v3',
      '%2e',
      'é',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (chosen) => {
        const name = signatureName(chosen.join(''));
        expect(name.length).toBeLessThanOrEqual(chosen.join('').length);
        expect(name).not.toMatch(/\/vendor\/|%2e/);
      }),
    );
  });
});

describe('the work for one stack', () => {
  const known = 'net/http.(*persistConn).writeLoop';
  const others = (count: number) => Array.from({ length: count }, () => ({ function: 'main.recurse' }));

  it('ends after a number of frames', () => {
    const behind = (count: number) =>
      idsOf({ state: 'select', frames: [...others(count), { function: known }], createdBy: null });
    expect(behind(matchedFrames - 1)).toEqual(['http-response-body']);
    expect(behind(matchedFrames)).toEqual([]);
  });

  it('does not read names beyond a length', () => {
    const generic = (types: number) => goroutine('select', `iter.Pull[${'a'.repeat(types)}].func1`);
    expect(idsOf({ ...generic(100), state: 'coroutine' })).toEqual(['iterator-not-stopped']);
    expect(idsOf({ ...generic(matchedNameLength), state: 'coroutine' })).toEqual([]);
    expect(signatureName('x'.repeat(matchedNameLength + 1))).toBe('');
  });
});

describe('the table', () => {
  it('has ids that are unique, in kebab case, and found by signatureOf', () => {
    const ids = leakSignatures.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const signature of leakSignatures) {
      expect(signature.id).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/);
      expect(signatureOf(signature.id)).toBe(signature);
    }
    expect(signatureOf('no-such-signature')).toBeUndefined();
  });

  it.each(leakSignatures.map((signature) => [signature.id, signature] as const))(
    'says what to do about %s',
    (_id, signature) => {
      expect(signature.title.length).toBeLessThanOrEqual(80);
      expect(signature.title).not.toMatch(/\.$/);
      for (const text of [signature.meaning, signature.fix]) {
        expect(text).toMatch(/\.$/);
        expect(text.length).toBeLessThanOrEqual(260);
      }
      expect(signature.evidence.length).toBeGreaterThan(0);
      expect(new Set(signature.evidence).size).toBe(signature.evidence.length);
      for (const link of signature.evidence) {
        const { protocol, host, username } = new URL(link);
        expect([protocol, username]).toEqual(['https:', '']);
        expect(host).toMatch(/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/);
        if (host === 'github.com') expect(link).toMatch(/^https:\/\/github\.com\/[\w.-]+\/[\w.-]+(?:\/issues\/\d+)?$/);
        expect(new URL(link).href).toBe(link);
      }
    },
  );

  it('spells functions as they are compared', () => {
    const written = leakSignatures
      .flatMap(({ patterns }) => patterns)
      .flatMap(({ any, top, leaf, without }) => [any, top, leaf, without])
      .concat([singletons])
      .flatMap((names) => names ?? [])
      .flatMap(alternatives);
    expect(written.length).toBeGreaterThan(400);
    for (const name of written) {
      if (!name.endsWith('.')) expect(signatureName(name)).toBe(name);
      expect(name).toMatch(/^[\w./*()-]+$/);
    }
  });

  it('writes braces out', () => {
    expect(alternatives('a{b,c{d,e},}f{g}')).toEqual(['abfg', 'acdfg', 'acefg', 'afg']);
    expect(alternatives('main.f')).toEqual(['main.f']);
    expect(() => alternatives('a{b')).toThrow('no } in a{b');
  });
});

describe('what every process has a few of', () => {
  it.each([
    goroutine(
      'GC worker (idle)',
      'runtime.gopark < runtime.gcBgMarkWorker < runtime.goexit',
      'runtime.gcBgMarkStartWorkers',
    ),
    goroutine('GC sweep wait', 'runtime.goparkunlock < runtime.bgsweep < runtime.gcenable.gowrap1'),
    goroutine('finalizer wait', 'runtime.runFinalizers', 'runtime.createfing'),
    goroutine('syscall', 'os/signal.signal_recv < os/signal.loop', 'os/signal.Notify.func1.1'),
    goroutine(
      'IO wait',
      'internal/poll.runtime_pollWait < internal/poll.(*FD).Accept < net.(*netFD).accept < net.(*TCPListener).accept < net.(*TCPListener).Accept < net/http.(*Server).Serve < net/http.(*Server).ListenAndServe',
      'main.main',
    ),
    goroutine(
      'IO wait',
      'internal/poll.runtime_pollWait < net.(*netFD).accept < net.(*TCPListener).Accept < main.(*server).loop',
      'main.main',
    ),
    goroutine(
      'running',
      'runtime/pprof.writeGoroutineStacks < runtime/pprof.writeGoroutine < runtime/pprof.(*Profile).WriteTo < net/http/pprof.handler.ServeHTTP < net/http.(*conn).serve',
      'net/http.(*Server).Serve',
    ),
    goroutine('sleep', 'time.Sleep < runtime/pprof.profileWriter', 'runtime/pprof.StartCPUProfile'),
    goroutine('chan receive', 'main.wait < main.main'),
    goroutine('select', 'runtime.gopark < runtime.selectgo < main.main < runtime.main < runtime.goexit'),
    goroutine('select', 'go.opencensus.io/stats/view.(*worker).start', 'go.opencensus.io/stats/view.init.0'),
    goroutine(
      'sleep',
      'time.Sleep < example.com/shop/vendor/k8s.io/klog/v2.(*flushDaemon).run.func1',
      'k8s.io/klog/v2.(*flushDaemon).run',
    ),
    goroutine('chan receive', 'testing.(*T).Run < main.TestAll < testing.tRunner', 'testing.(*T).Run'),
  ])('is worth no word: $frames.0.function of $createdBy', (stack) => {
    expect(alwaysBenign(stack)).toBe(true);
  });

  it.each([
    ['a blocked finalizer', goroutine('chan receive', 'main.(*file).close < runtime.runfinq', 'runtime.createfing')],
    ['work under profiler labels', goroutine('chan receive', 'main.work < runtime/pprof.Do < main.run', 'main.main')],
    [
      'work in a region of a trace',
      goroutine('chan receive', 'main.work < runtime/trace.WithRegion < main.run', 'main.main'),
    ],
    ['a handler', goroutine('select', 'main.handle < net/http.(*conn).serve', 'net/http.(*Server).Serve')],
    ['a goroutine that main started', goroutine('select', 'main.main.func1', 'main.main')],
    ['main that something has started', goroutine('select', 'main.main', 'example.com/embed.Run')],
    ['the body of a test', goroutine('chan send', 'main.TestAll < testing.tRunner', 'testing.(*T).Run')],
    ['no frames', { state: 'select', frames: [], createdBy: null }],
    ['memory of the runtime', heapSite('runtime.malg < runtime.newproc1')],
  ])('does not include %s', (_what, stack) => {
    expect(alwaysBenign(stack)).toBe(false);
  });
});
