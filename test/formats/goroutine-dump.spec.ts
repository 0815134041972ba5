import { FormatError } from '../../src/formats/format-error.js';
import { decodeGoroutineDumps, GoroutineDumpReader } from '../../src/formats/goroutine-dump/decode.js';
import { elidedFunction, goroutineFlags, type GoroutineDump } from '../../src/formats/goroutine-dump/dump.js';
import { sniffGoroutineDump } from '../../src/formats/goroutine-dump/sniff.js';
import { countedDumps, damagedDumps, dumpFixture, goroutinesAsText } from './goroutine-dump-fixtures.js';

const decode = (text: string) => decodeGoroutineDumps(new TextEncoder().encode(text));
const stack = 'main.wait(0xc000012345, {0x1?, ...})\n\t/src/main.go:7 +0x1d\n';
const creation = 'created by main.serve in goroutine 1\n\t/src/main.go:12 +0x3c\n';

/** The only goroutine of a text that has only this header. */
function goroutine(header: string) {
  const dumps = decode(`${header}\n${stack}${creation}`);
  const [dump] = dumps.dumps;
  expect(dump.count).toBe(1);
  return {
    id: dump.id[0],
    state: dumps.states[dump.state[0]],
    waitMinutes: dump.waitMinutes[0],
    flags: dump.flags[0],
    bubble: dump.bubble[0],
    labels: dump.labelSet[0] < 0 ? null : dumps.labelSets[dump.labelSet[0]],
  };
}

describe('a goroutine dump', () => {
  it.each(countedDumps())(
    '$name: every goroutine, frame and creator of the text is found',
    ({ bytes, counts, name }) => {
      const dumps = decodeGoroutineDumps(bytes);
      let goroutines = 0;
      let created = 0;
      let frames = 0;
      for (const dump of dumps.dumps) {
        goroutines += dump.count;
        for (let row = 0; row < dump.count; row++) {
          created += dump.createdBy[row] < 0 ? 0 : 1;
          frames += dumps.stacks.start[dump.stack[row] + 1] - dumps.stacks.start[dump.stack[row]];
        }
      }
      expect(goroutines).toBe(counts.hdr);
      expect(created).toBe(counts.created);
      // The frames of "runtime stack:" and of ancestors belong to no goroutine that is listed.
      if (counts.orig === 0 && !name.includes('overflow')) expect(frames).toBe(counts.frame + counts.elided);
      else expect(frames).toBeLessThan(counts.frame + counts.elided);
      expect(dumps.losses).toEqual([]);
      expect(sniffGoroutineDump(Buffer.from(bytes.subarray(0, 4096)).toString('latin1'))).toBe(true);
    },
  );

  it.each(damagedDumps().filter(({ name }) => !/truncated|html|sigquit/.test(name)))(
    'says the same with $name',
    ({ bytes }) => {
      const damaged = decodeGoroutineDumps(bytes);
      const whole = decodeGoroutineDumps(dumpFixture('go1.26/goroutine.debug2.txt'));
      expect(goroutinesAsText(damaged, damaged.dumps[0])).toEqual(goroutinesAsText(whole, whole.dumps[0]));
      expect(damaged.losses).toEqual([]);
    },
  );

  it('holds state, wait, flags, creator and frames of each goroutine', () => {
    const dumps = decodeGoroutineDumps(dumpFixture('go1.27/goroutine-minutes.debug2.txt'));
    const locked = goroutinesAsText(dumps, dumps.dumps[0]).find((text) => text.includes('leakLocked'))!;
    expect(locked).toMatch(
      new RegExp(
        `^\\d+ \\[chan receive\\] 3 ${goroutineFlags.locked} 0 1 \n` +
          'main.leakLocked /home/gopher/go/src/fx/main.go:153\n' +
          'created by main.startBlocked /home/gopher/go/src/fx/main.go:191$',
      ),
    );
  });

  it('finds a dump in the middle of a log, with its crash and its lines', () => {
    const { dumps, losses } = decodeGoroutineDumps(dumpFixture('damaged/sigquit-in-app-log.log'));
    expect(dumps).toHaveLength(1);
    expect(dumps[0]).toMatchObject({ count: 36, startLine: 3, endLine: 582 });
    expect(dumps[0].crash).toEqual({ kind: 'signal', text: 'SIGQUIT: quit\nPC=0x492521 m=0 sigcode=0' });
    expect(losses).toEqual([]);
  });

  it('keeps the message of a panic and of a fatal error', () => {
    const crash = (file: string) => decodeGoroutineDumps(dumpFixture(file)).dumps[0].crash;
    expect(crash('go1.26/panic-nil.txt')?.text).toMatch(/^panic: runtime error: .*\n\[signal SIGSEGV: .*\]$/);
    expect(crash('go1.26/panic-repanic.txt')?.text).toBe('panic: first [recovered, repanicked]');
    expect(crash('go1.15/panic-deadlock.txt')).toEqual({
      kind: 'fatal error',
      text: 'fatal error: all goroutines are asleep - deadlock!',
    });
    expect(crash('go1.26/panic-overflow.txt')).toEqual({
      kind: 'fatal error',
      text: expect.stringMatching(/^runtime: goroutine stack exceeds .*\n.*\nfatal error: stack overflow$/),
    });
  });

  it('marks frames that Go did not print, and stacks that it could not', () => {
    const deep = decodeGoroutineDumps(dumpFixture('go1.26/goroutine.debug2.txt'));
    expect(deep.functions).toContain(elidedFunction);
    const map = decodeGoroutineDumps(dumpFixture('go1.15/panic-map.txt'));
    const { id, flags } = map.dumps[0];
    expect(Array.from(id).filter((_, row) => flags[row] & goroutineFlags.stackUnavailable)).toEqual([53n]);
  });

  it('leaves out the stacks of ancestors', () => {
    const dumps = decodeGoroutineDumps(dumpFixture('go1.26/panic-error-labels.txt'));
    const texts = goroutinesAsText(dumps, dumps.dumps[0]);
    expect(texts.find((text) => text.startsWith('19 '))).toBe(
      '19 [chan receive] -1 0 0 1 \nmain.leakRecv /home/gopher/go/src/fx/main.go:139\n' +
        'created by main.startBlocked /home/gopher/go/src/fx/main.go:158',
    );
  });

  it('has the same labels in the spelling of Go 1.26 and of 1.27', () => {
    for (const version of ['go1.26', 'go1.27']) {
      const dumps = decodeGoroutineDumps(dumpFixture(`${version}/panic-error-labels.txt`));
      expect(dumps.labelSets).toEqual([
        [
          { key: 'endpoint', value: '/v1/items "q"' },
          { key: 'tenant', value: 'acme' },
        ],
      ]);
      expect(Array.from(dumps.dumps[0].labelSet).filter((set) => set === 0)).toHaveLength(4);
    }
  });
});

describe('a goroutine header', () => {
  const plain = { waitMinutes: -1, flags: 0, bubble: 0n, labels: null };

  it.each([
    ['goroutine 7 [chan receive]:', { id: 7n, state: 'chan receive' }],
    [
      'goroutine 9 gp=0xc000003a40 m=nil [select (no cases), 12 minutes]:',
      { state: 'select (no cases)', waitMinutes: 12 },
    ],
    ['goroutine 1 gp=0x1 m=0 mp=0x2 [running, locked to thread]:', { state: 'running', flags: goroutineFlags.locked }],
    [
      'goroutine 5 [chan receive (nil chan) (leaked)]:',
      { state: 'chan receive (nil chan)', flags: goroutineFlags.leaked },
    ],
    ['goroutine 5 [force gc (idle) (scan)]:', { state: 'force gc (idle)', flags: goroutineFlags.scan }],
    [
      'goroutine 5 [sync.WaitGroup.Wait (durable), 2 minutes, synctest bubble 3]:',
      { state: 'sync.WaitGroup.Wait', flags: goroutineFlags.durable, waitMinutes: 2, bubble: 3n },
    ],
    ['goroutine 5 [chan receive (synctest), synctest group 41]:', { state: 'chan receive (synctest)', bubble: 41n }],
    ['goroutine 5 [a state of Go 1.99, with more]:', { state: 'a state of Go 1.99, with more' }],
    ['goroutine 18446744073709551615 [sleep]:', { id: 18446744073709551615n, state: 'sleep' }],
    ['goroutine 9007199254740993 [sleep]:', { id: 9007199254740993n, state: 'sleep' }],
    [
      'goroutine 5 [IO wait labels:{"a]": "b\\n\\"]:", "\\u00e9\\x01": "}]:"}]:',
      {
        state: 'IO wait',
        labels: [
          { key: 'a]', value: 'b\n"]:' },
          { key: 'é\u0001', value: '}]:' },
        ],
      },
    ],
    [
      'goroutine 5 [IO wait, 3 minutes] {__proto__: x/y_1.z, "k ey": "{}, ]", empty: }:',
      {
        state: 'IO wait',
        waitMinutes: 3,
        labels: [
          { key: '__proto__', value: 'x/y_1.z' },
          { key: 'empty', value: '' },
          { key: 'k ey', value: '{}, ]' },
        ],
      },
    ],
  ])('%s', (header, expected) => {
    expect(goroutine(header)).toMatchObject({ ...plain, ...expected });
  });

  it.each([
    'goroutine 5 [sleep]',
    'goroutine x [sleep]:',
    'goroutine 5 [sleep:',
    'goroutine 5 []:',
    'goroutines 5 [a]:',
  ])('is not: %s', (line) => {
    expect(() => decode(`${line}\n${stack}`)).toThrow(FormatError);
  });
});

describe('a text with several dumps', () => {
  const goroutines = (ids: readonly number[]) =>
    ids.map((id) => `goroutine ${id} [sleep]:\n${stack}${creation}`).join('\n');
  const caller = (id: number) => `goroutine ${id} [running]:\n${stack}${creation}`;
  const idsOf = (dumps: readonly GoroutineDump[]) => dumps.map(({ id }) => Array.from(id, Number));

  it('separates two SIGQUITs in one log', () => {
    const quit = new TextDecoder().decode(dumpFixture('go1.26/sigquit-minutes.txt'));
    const { dumps } = decode(`starting\n${quit}\nrestarted\n${quit}`);
    const lines = quit.split('\n').length;
    expect(dumps.map(({ count, startLine }) => ({ count, startLine }))).toEqual([
      { count: 37, startLine: 2 },
      { count: 37, startLine: lines + 3 },
    ]);
    expect(dumps.map(({ crash }) => crash?.kind)).toEqual(['signal', 'signal']);
  });

  it('separates concatenated debug=2 files, though each begins with another caller', () => {
    const text = `${caller(90)}\n${goroutines([1, 2])}\n${caller(91)}\n${goroutines([1, 2, 3])}`;
    expect(idsOf(decode(text).dumps)).toEqual([
      [90, 1, 2],
      [91, 1, 2, 3],
    ]);
  });

  it('keeps a dump whole in which a second goroutine runs: a collection has stopped it', () => {
    const { dumps } = decode(`${caller(90)}\n${goroutines([1, 2])}\n${caller(91)}\n${goroutines([3, 4])}`);
    expect(idsOf(dumps)).toEqual([[90, 1, 2, 91, 3, 4]]);
  });

  it('tells where the second of two dumps began, whichever of its goroutines were there before', () => {
    const first = `${caller(90)}\n${goroutines([1, 2])}\n`;
    const text = `${first}${caller(91)}\n${goroutines([8, 9, 2, 1])}`;
    const { dumps } = decode(text);
    expect(idsOf(dumps)).toEqual([
      [90, 1, 2],
      [91, 8, 9, 2, 1],
    ]);
    expect(dumps.map(({ startLine }) => startLine)).toEqual([1, first.split('\n').length]);
    expect(dumps[0].endLine).toBeLessThan(dumps[1].startLine);
    expect(decode(`${text}\n${first}`).dumps).toHaveLength(3);
  });

  it('separates the stacks that a logger wrote of single goroutines', () => {
    const text = `2026/11/23 15:19:59 http: panic serving: boom\n${caller(7)}next\n2026/11/23 15:20:00 ${caller(8)}`;
    expect(idsOf(decode(text).dumps)).toEqual([[7], [8]]);
  });

  it('begins another where a goroutine comes a second time', () => {
    expect(idsOf(decode(goroutines([1, 2, 1, 2, 3])).dumps)).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
  });

  it('takes the threads of GOTRACEBACK=crash for one dump', () => {
    const thread = `\n-----\n\nSIGQUIT: quit\nPC=0x1 m=3 sigcode=0\n\n`;
    const text = `SIGQUIT: quit\nPC=0x1 m=0 sigcode=0\n\n${goroutines([1, 2])}${thread}${goroutines([0, 2])}rax 0x0\n`;
    const { dumps, losses } = decode(text);
    expect(idsOf(dumps)).toEqual([[1, 2, 0]]);
    expect(losses).toEqual([]);
  });

  it('begins another when time has passed, and knows when each was written', () => {
    const reader = new GoroutineDumpReader();
    const write = (text: string, atNanos: bigint): void => {
      for (const line of text.split('\n')) reader.line(Buffer.from(line), 0, Buffer.byteLength(line), atNanos);
    };
    write(goroutines([1, 2]), 1_000_000_000n);
    write(goroutines([3]), 2_000_000_000n);
    write(goroutines([4]), 90_000_000_000n);
    reader.end(false);
    const { dumps } = reader.result();
    expect(dumps.map(({ atNanos, count }) => [atNanos, count])).toEqual([
      [1_000_000_000n, 3],
      [90_000_000_000n, 1],
    ]);
  });
});

describe('a torn goroutine dump', () => {
  const two = (torn: string) =>
    `goroutine 1 [sleep]:\n${stack}${torn}${creation}\ngoroutine 2 [sleep]:\n${stack}${creation}`;

  it('reads over lines of other output, and says so', () => {
    const { dumps, losses } = decode(two('{"level":"info"}\n2026/11/23 listening (on :8080)\n'));
    expect(dumps[0].count).toBe(2);
    expect(Array.from(dumps[0].flags)).toEqual([goroutineFlags.torn, 0]);
    expect(losses).toMatchObject([{ code: 'lines-torn', count: 2 }]);
  });

  it('keeps the frame whose two lines were parted', () => {
    const torn = decode(two('main.outer(0x1)\nanother line of the log\n\t/src/outer.go:3 +0x5\n'));
    expect(torn.functions).toContain('main.outer');
    expect(torn.losses).toMatchObject([{ code: 'lines-torn', count: 1 }]);
  });

  it('ends a goroutine at the log that goes on behind it', () => {
    const log = Array.from({ length: 500 }, (_, i) => `line ${i}\n`).join('');
    const { dumps, losses } = decode(`goroutine 2 [sleep]:\n${stack}${creation}${log}`);
    expect(dumps[0]).toMatchObject({ count: 1, endLine: 5 });
    expect(losses).toEqual([]);
  });

  it('counts frames whose header was lost', () => {
    const { losses } = decode(two(`\ngorout 2 [slee{"a":1}\n${stack}`));
    expect(losses.map(({ code }) => code)).toContain('frames-orphaned');
  });

  it('reads frames of C code', () => {
    const { functions } = decode(
      `goroutine 1 [syscall]:\nnon-Go function at pc=7f1\nc_read\n\t/src/c.c:9 pc=0x7f1\n${stack}${creation}`,
    );
    expect(functions).toEqual(['non-Go function', 'c_read', 'main.wait', 'main.serve']);
  });
});

describe('the sniffer of goroutine dumps', () => {
  it.each([
    ['goroutine profile: total 31\n7 @ 0x488c0e\n', false],
    ['{"msg":"goroutine 5 [running]"}\n', false],
    ['starting\r\ngoroutine 5 gp=0xc01 m=nil [IO wait, 3 minutes] {a: b}:\r\n', true],
    ['panic: out of cheese\n', true],
    ['SIGQUIT: quit\nPC=0x492521 m=0 sigcode=0\n', true],
    ['', false],
  ])('%j: %s', (head, expected) => {
    expect(sniffGoroutineDump(head)).toBe(expected);
  });
});
