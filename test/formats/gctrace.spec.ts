import fc from 'fast-check';
import type { GcCycles, GcTrace } from '../../src/formats/gctrace/gc-trace.js';
import { GcLine } from '../../src/formats/gctrace/line.js';
import { logFixture, readLog } from './log-fixtures.js';

const MiB = 1024 * 1024;
const leak =
  'gc 2 @0.033s 1% (checking for goroutine leaks): 0.041+0.84+0.002 ms clock, 0.082+0/0.28/0.77+0.005 ms cpu, 4->5->3 MB, 7 MB goal, 1 MB stacks, 2 MB globals, 2 P (forced)';
const plain =
  'gc 1203 @2.002s 24%: 0.11+11+0.21 ms clock, 0.22+0.089/0.12/0.15+0.43 ms cpu, 5->8->4 MB, 7 MB goal, 2 P';

const gctrace = (text: string): GcTrace => readLog(text).gctrace!;

function rowOf(cycles: GcCycles, row = 0): Record<string, number> {
  return Object.fromEntries(
    Object.entries(cycles).flatMap(([name, column]) => (column instanceof Float64Array ? [[name, column[row]]] : [])),
  );
}

describe('a line', () => {
  it('of Go 1.26 gives all its figures, in nanoseconds and bytes', () => {
    expect(rowOf(gctrace(leak).cycles)).toMatchObject({
      firstNumber: 2,
      firstStartNanos: 33_000_000,
      lastEndNanos: 33_883_000,
      cpuPercentSinceStart: 1,
      sweepTerminationNanos: 41_000,
      markNanos: 840_000,
      markTerminationNanos: 2_000,
      pauseMaxNanos: 43_000,
      stopMaxNanos: 41_000,
      sweepTerminationCpuNanos: 82_000,
      assistCpuNanos: 0,
      backgroundCpuNanos: 280_000,
      idleCpuNanos: 770_000,
      markTerminationCpuNanos: 5_000,
      heapStartBytes: 4 * MiB,
      heapEndBytes: 5 * MiB,
      heapLiveBytes: 3 * MiB,
      goalBytes: 7 * MiB,
      overGoal: 0,
      stacksBytes: MiB,
      globalsBytes: 2 * MiB,
      processors: 2,
      forced: 1,
      leakChecks: 1,
    });
  });

  it('before Go 1.18 has no stacks and globals', () => {
    expect(rowOf(gctrace(plain).cycles)).toMatchObject({
      firstNumber: 1203,
      markNanos: 11_000_000,
      stacksBytes: NaN,
      globalsBytes: NaN,
      overGoal: 1,
      forced: 0,
    });
  });

  it('of Go 1.5 has five phases: scan and write barrier count as mark', () => {
    const text =
      'gc 5 @0.021s 3%: 0.010+0.25+0.032+0.11+0.16 ms clock, 0.030+0.25+0.010+0.020/0.10/0+0.50 ms cpu, 4->4->2 MB, 4 MB goal, 4 P';
    expect(rowOf(gctrace(text).cycles)).toMatchObject({
      sweepTerminationNanos: 10_000,
      markNanos: 392_000,
      markTerminationNanos: 160_000,
      assistCpuNanos: 20_000,
      backgroundCpuNanos: 360_000,
      markTerminationCpuNanos: 500_000,
    });
  });

  it('of Go 1.4 is a loss: it has no time', () => {
    const text = 'gc12(4): 1+0+51+0 us, 0 -> 1 MB, 21 (23-2) objects, 0(0) handoff, 0(0) steal, 0/0/0 yields\n';
    expect(gctrace(text)).toMatchObject({ counts: { cycles: 0 }, losses: [{ code: 'old-format', lines: [1] }] });
  });

  it('is accepted exactly as the runtime prints its numbers', () => {
    const line = new GcLine();
    // The grammar as a regular expression.
    const t = '(?:0|0\\.00[1-9]|0\\.0[1-9]\\d|0\\.[1-9]\\d|[1-9]\\.\\d|[1-9]\\d+)';
    const grammar = new RegExp(
      `^gc \\d+ @\\d+\\.\\d{3}s \\d+%: ${t}\\+${t}\\+${t} ms clock, ${t}\\+${t}/${t}/${t}\\+${t} ms cpu, \\d+->\\d+->\\d+ MB, \\d+ MB goal, (?:\\d+ MB stacks, \\d+ MB globals, )?\\d+ P(?: \\(forced\\))?$`,
    );
    const time = fc.oneof(
      fc.constantFrom('0', '0.00', '0.001', '0.100', '1.25', '01', '9', '10', '0.1', '0.011', '1.0'),
      fc.nat(99).map(String),
    );
    fc.assert(
      fc.property(fc.array(time, { minLength: 8, maxLength: 8 }), (t) => {
        const text = `gc 5 @0.021s 3%: ${t[0]}+${t[1]}+${t[2]} ms clock, ${t[3]}+${t[4]}/${t[5]}/${t[6]}+${t[7]} ms cpu, 4->4->2 MB, 4 MB goal, 4 P`;
        const bytes = new TextEncoder().encode(text);
        expect([text, line.match(bytes, 0, bytes.length)]).toEqual([text, grammar.test(text)]);
      }),
    );
  });
});

describe('a line that other output was written into', () => {
  const before = plain.replace('gc 1203 @2.002s', 'gc 1202 @2.001s');
  const foreign = [
    '2026/11/23 15:20:43 handled request id=184 path=/v1/items',
    '{"level":"info","msg":"x"}',
    'listening on :8080',
    'SCHED 104ms: gomaxprocs=2 idleprocs=0 threads=8 spinningthreads=1 idlethreads=2 runqueue=1 [0 0]',
  ];
  /** Where the runtime writes the next argument of print. */
  const boundaries = [...plain.matchAll(/(?<=[ @s%:+/>])(?=[\d])|(?<=\d)(?=[^\d.])/g)]
    .map(({ index }) => index)
    .filter((at) => at >= 3);

  it.each(foreign)('between any two words is put together again: %s', (text) => {
    for (const at of boundaries) {
      const { counts, losses, cycles } = gctrace(`${before}\n${plain.slice(0, at)}${text}\n${plain.slice(at)}\n`);
      expect([at, counts.cycles, counts.repaired, losses]).toEqual([at, 2, 1, []]);
      expect(cycles.firstNumber[1]).toBe(1203);
      expect(rowOf(cycles, 1)).toMatchObject({
        markNanos: 11_000_000,
        goalBytes: 7 * MiB,
        processors: 2,
        firstLine: 2,
      });
    }
  });

  it('hands on what was in it', () => {
    const [head, tail] = [plain.slice(0, 20), plain.slice(20)];
    expect(readLog(`${head}${foreign[3]}\n${tail}\n`).schedtrace!.counts.samples).toBe(1);
  });

  it('by up to three lines is put together again', () => {
    for (const at of boundaries) {
      const { counts } = gctrace(
        `${before}\n${plain.slice(0, at)}${foreign.slice(0, 3).join('\n')}\n${plain.slice(at)}\n`,
      );
      expect([at, counts.cycles]).toEqual([at, 2]);
    }
  });

  it('twice is put together again', () => {
    const text = `${before}\n${plain.slice(0, 15)}${foreign[0]}\n${plain.slice(15, 60)}${foreign[0]}\n${plain.slice(60)}\n`;
    expect(gctrace(text)).toMatchObject({ counts: { cycles: 2, repaired: 1 }, losses: [] });
  });

  it('before its end of line is whole', () => {
    expect(gctrace(`${plain}${foreign[0]}\n\n${leak}`).counts).toMatchObject({ cycles: 2, repaired: 1 });
  });

  it('by another process is two lines', () => {
    expect(gctrace(`${plain.slice(0, 15)}${leak}\n${plain.slice(15)}\n`)).toMatchObject({
      counts: { cycles: 2 },
      lifetimes: [{ firstNumber: 2 }, { firstNumber: 1203 }],
      losses: [],
    });
  });

  it('behind a line without an end is found', () => {
    expect(gctrace(`no line feed here${plain}\n`).counts.cycles).toBe(1);
    expect(gctrace(`no line feed here${plain.slice(0, 30)}${foreign[0]}\n${plain.slice(30)}\n`).counts.cycles).toBe(1);
  });

  it('that cannot be put together is a loss with its line number', () => {
    const text = `${before}\n${plain.slice(0, 40)}${foreign[0]}\na\nb\nc\nd\n`;
    expect(gctrace(text)).toMatchObject({ counts: { cycles: 1 }, losses: [{ code: 'torn', count: 1, lines: [2] }] });
    const rest = `${before}\n${plain.slice(30)}\n`;
    expect(gctrace(rest)).toMatchObject({ counts: { cycles: 1 }, losses: [{ code: 'torn', count: 1, lines: [2] }] });
  });

  it('is not made out of an application that writes "gc "', () => {
    const { counts, losses } = gctrace(`${before}\ngc finished\ngc of 5 objects\ngc 12 objects freed\n${plain}\n`);
    expect({ cycles: counts.cycles, losses }).toEqual({ cycles: 2, losses: [] });
  });
});

describe('processes', () => {
  const cycle = (number: number, seconds: string, live = 4): string =>
    `gc ${number} @${seconds}s 1%: 0.11+1.0+0.21 ms clock, 0.22+0.089/0.12/0.15+0.43 ms cpu, 5->8->${live} MB, 7 MB goal, 2 P`;

  it('with a gap in their numbers have missing cycles', () => {
    const { lifetimes, counts } = gctrace([cycle(1, '0.100'), cycle(2, '0.200'), cycle(7, '0.900')].join('\n'));
    expect(lifetimes).toHaveLength(1);
    expect(counts.missing).toBe(4);
  });

  it('whose log begins late have none missing before', () => {
    expect(gctrace([cycle(500, '9.100'), cycle(501, '9.200')].join('\n'))).toMatchObject({
      counts: { missing: 0 },
      lifetimes: [{ firstNumber: 500, lastNumber: 501 }],
    });
  });

  it('whose numbers go on but whose time goes back are two', () => {
    expect(gctrace([cycle(5, '9.100'), cycle(6, '0.200')].join('\n')).lifetimes).toHaveLength(2);
  });

  it('after a restart do not take up cycles of the one before', () => {
    const numbers = [...[1, 2, 3], ...[1, 2, 3, 4, 5]];
    const text = numbers.map((number, i) => cycle(number, i < 3 ? `0.${number}00` : `${number}.000`)).join('\n');
    expect(gctrace(text).lifetimes.map(({ cycles }) => cycles)).toEqual([3, 5]);
  });

  it('are told apart by the clock when both would do', () => {
    const at = (second: number): string => `2026-11-23T15:20:${String(second).padStart(2, '0')}.000Z stderr F `;
    // The first began at :00, the second at :20; both have had cycle 1 at the same time of their lives.
    const text = [
      `${at(1)}${cycle(1, '1.000')}`,
      `${at(21)}${cycle(1, '1.000')}`,
      `${at(25)}${cycle(2, '25.000', 1)}`,
      `${at(25)}${cycle(2, '5.000', 2)}`,
    ].join('\n');
    const { lifetimes, cycles } = gctrace(text);
    expect(lifetimes.map(({ cycles: count }) => count)).toEqual([2, 2]);
    expect(cycles.heapLiveLastBytes[lifetimes[0].firstRow + 1]).toBe(MiB);
  });
});

it('scavenger lines of every version are kept', () => {
  const old = readLog(logFixture('go1.10-1.14-synthetic/gctrace-scvg.log')).gctrace!.scavenges;
  expect(Array.from(old.releasedBytes)).toEqual([0, 12 * MiB, 0, 0, 0, 8 * 1024, 0]);
  expect(old.releasedNowBytes[2]).toBe(57 * MiB);
  expect(old.inUsePercent[2]).toBeCloseTo((8 / 6) * 100);
  const { scavenges, counts } = gctrace(
    [
      'scav 3 8 KiB work, 59424 KiB total, 97% util (forced)',
      'scav 8 KiB work, 1488 KiB total, 100% util',
      'scav 8 KiB work (bg), 1 KiB work (eager), 5384 KiB now, 33% util',
      'pacer: sweep done at heap size 10MB; allocated 4MB during sweep; swept 884 pages at 0 pages/byte',
      'init time @1.1 ms, 0.006 ms clock, 256 bytes, 2 allocs',
      'GC forced',
    ].join('\n'),
  );
  expect(Array.from(scavenges.releasedBytes)).toEqual([8 * 1024, 8 * 1024, 9 * 1024]);
  expect(Array.from(scavenges.releasedNowBytes)).toEqual([59424 * 1024, 1488 * 1024, 5384 * 1024]);
  expect(Array.from(scavenges.inUsePercent)).toEqual([97, 100, 33]);
  expect(counts).toEqual({ cycles: 0, repaired: 0, missing: 0, periodic: 1, skipped: 2 });
});
