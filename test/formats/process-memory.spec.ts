import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { FormatError } from '../../src/formats/format-error.js';
import { decodeProcessMemory, sniffProcessMemory } from '../../src/formats/process-memory/decode.js';
import { processMemoryLimits } from '../../src/formats/process-memory/limits.js';
import type { MemoryOfProcess, ProcessMemory } from '../../src/formats/process-memory/process-memory.js';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), '../fixtures/process-memory');
const fixtures = readdirSync(folder).sort();
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(path.join(folder, name)));
const text = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
const decode = (source: string, name = ''): ProcessMemory =>
  decodeProcessMemory(new TextEncoder().encode(source), name);
const sniffs = (source: string): boolean =>
  sniffProcessMemory(new Uint8Array(0), Buffer.from(source).toString('latin1'));

/** `cgroup2-memory.max-unlimited-synthetic.txt` is of `memory.max`. */
const originalName = (name: string): string =>
  name.replace(/^cgroup\d-(memory\.[a-z_.]+?)(?:-[a-z-]+)?\.txt$/, '$1').replace(/\.txt$/, '');

function values({ readings }: MemoryOfProcess): Record<string, bigint | number> {
  return Object.fromEntries(readings.map(({ name, value }) => [name, value]));
}

describe('real files', () => {
  test('there are some', () => expect(fixtures.length).toBeGreaterThan(10));

  test('of /proc/PID/status: memory in bytes, threads, and who it is', () => {
    const { source, processes, warnings } = decodeProcessMemory(read('proc-pid-status.txt'));
    expect({ source, warnings }).toEqual({ source: 'proc-status', warnings: [] });
    expect(processes).toHaveLength(1);
    expect(processes[0]).toMatchObject({ pid: 29722, name: 'bin-1.26', unlimited: [], derived: [] });
    expect(values(processes[0])).toMatchObject({
      VmRSS: 22900n * 1024n,
      VmHWM: 28072n * 1024n,
      RssAnon: 17184n * 1024n,
      VmSwap: 0n,
      Threads: 7n,
    });
    const switches = processes[0].readings.find(({ name }) => name === 'voluntary_ctxt_switches');
    expect(switches).toMatchObject({ unit: 'count', type: 'counter' });
  });

  test('of smaps_rollup: every line, and the RSS without what may be taken back', () => {
    const source = text('proc-pid-smaps_rollup.txt').replace(
      'LazyFree:              0 kB',
      'LazyFree:           4000 kB',
    );
    const { source: kind, processes } = decode(source);
    expect(kind).toBe('smaps-rollup');
    expect(processes[0].readings).toHaveLength(source.trim().split('\n').length - 1);
    expect(values(processes[0])).toMatchObject({ Rss: 19972n * 1024n, LazyFree: 4000n * 1024n });
    expect(processes[0].derived).toEqual([
      { name: 'RssWithoutLazyFree', unit: 'bytes', type: 'gauge', value: 15972n * 1024n },
    ]);
  });

  test('of ps: every row, commands of several words too', () => {
    const one = decodeProcessMemory(read('ps-pid-rss-vsize-comm.txt'));
    expect(one.source).toBe('ps');
    expect(one.processes[0]).toMatchObject({ pid: 29722, name: 'bin-1.26' });
    expect(values(one.processes[0])).toEqual({ RSS: 16056n * 1024n, VSZ: 1332760n * 1024n });
    const many = decodeProcessMemory(read('ps-e-pid-rss-vsize-comm.txt'));
    expect(many.processes.map(({ pid }) => pid)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13]);
    const wide = decodeProcessMemory(read('ps-wide.txt')).processes[0];
    expect(wide.name).toBe('./bin-1.26 serve /tmp/x 6s');
    expect(values(wide)).toEqual({ NLWP: 7n, RSS: 18664n * 1024n, VSZ: 1332760n * 1024n, '%CPU': 149, '%MEM': 0 });
  });

  test.each(['cgroup1-memory.stat.txt', 'cgroup2-memory.stat-synthetic.txt'])(
    'of memory.stat, every line: %s',
    (name) => {
      const { source, processes, warnings } = decodeProcessMemory(read(name));
      expect({ source, warnings }).toEqual({ source: name.includes('1-') ? 'cgroup-v1' : 'cgroup-v2', warnings: [] });
      const [group] = processes;
      const lines = text(name).trim().split('\n');
      expect(group.readings.length + group.unlimited.length).toBe(lines.length);
      for (const line of lines) {
        const [key, value] = line.split(' ');
        const reading = group.readings.find((candidate) => candidate.name === key);
        if (value === '9223372036854771712') expect(group.unlimited).toContain(key);
        else expect(`${key} ${reading?.value}`).toBe(line);
      }
      expect(group.readings.find((r) => r.name === 'pgfault')).toMatchObject({ unit: 'count', type: 'counter' });
      expect(group.readings.find((r) => r.name === 'inactive_file')).toMatchObject({ unit: 'bytes', type: 'gauge' });
    },
  );

  test.each([
    ['cgroup2-memory.current-synthetic.txt', 'memory.current', 338421248n],
    ['cgroup2-memory.max-synthetic.txt', 'memory.max', 367001600n],
    ['cgroup1-memory.usage_in_bytes.txt', 'memory.usage_in_bytes', 1890643968n],
    ['cgroup1-memory.max_usage_in_bytes.txt', 'memory.max_usage_in_bytes', 3977293824n],
    ['cgroup1-memory.kmem.usage_in_bytes.txt', 'memory.kmem.usage_in_bytes', 324415488n],
    ['cgroup1-memory.failcnt.txt', 'memory.failcnt', 0n],
  ])('of one number, by its name: %s', (file, name, value) => {
    expect(values(decodeProcessMemory(read(file), `/sys/fs/cgroup/x/${name}`).processes[0])).toEqual({ [name]: value });
    expect(() => decodeProcessMemory(read(file))).toThrow(expect.objectContaining({ fault: 'unrecognized' }));
  });

  test.each([
    ['cgroup2-memory.max-unlimited-synthetic.txt', 'memory.max'],
    ['cgroup1-memory.limit_in_bytes.txt', 'memory.limit_in_bytes'],
  ])('a limit of no limit is no reading: %s', (file, name) => {
    expect(decodeProcessMemory(read(file), name).processes[0]).toMatchObject({ readings: [], unlimited: [name] });
  });

  test('of events: how often each came', () => {
    const [group] = decodeProcessMemory(read('cgroup2-memory.events-synthetic.txt')).processes;
    expect(values(group)).toMatchObject({ 'memory.events:high': 12n, 'memory.events:oom_kill': 1n });
    expect(group.readings.every(({ type, unit }) => type === 'counter' && unit === 'count')).toBe(true);
  });
});

describe('several files in one text', () => {
  const v2 = [
    'cgroup2-memory.current-synthetic.txt',
    'cgroup2-memory.max-unlimited-synthetic.txt',
    'cgroup2-memory.stat-synthetic.txt',
    'cgroup2-memory.events-synthetic.txt',
  ];
  const v1 = [
    'cgroup1-memory.usage_in_bytes.txt',
    'cgroup1-memory.limit_in_bytes.txt',
    'cgroup1-memory.stat.txt',
    'cgroup1-memory.oom_control.txt',
  ];
  const tail = (names: string[], dir: string): string =>
    names.map((name) => `==> ${dir}${originalName(name)} <==\n${text(name)}`).join('\n');
  const grep = (names: string[], dir: string): string =>
    names.map((name) => text(name).replace(/^(?=.)/gm, `${dir}${originalName(name)}:`)).join('');

  test.each([
    ['v2', v2, 338421248n - 507904n],
    ['v1', v1, 1890643968n - 781307904n],
  ])('tail and grep say the same, and give the working set: %s', (_, names, workingSet) => {
    const dir = '/sys/fs/cgroup/memory/app/';
    const [fromTail, fromGrep] = [tail(names, dir), grep(names, dir)].map((source) => {
      expect(sniffs(source)).toBe(true);
      return decode(source);
    });
    expect(fromGrep).toEqual(fromTail);
    expect(fromTail).toMatchObject({ source: 'files', warnings: [] });
    expect(fromTail.processes).toHaveLength(1);
    expect(fromTail.processes[0].name).toBe('/sys/fs/cgroup/memory/app');
    expect(fromTail.processes[0].derived).toEqual([
      { name: 'WorkingSet', unit: 'bytes', type: 'gauge', value: workingSet },
    ]);
  });

  test('files of one process are put together, and others kept apart', () => {
    const source = [1, 2]
      .map(
        (pid) =>
          `==> /proc/${pid}/status <==\n${text('proc-pid-status.txt').replace('Pid:\t29722', `Pid:\t${pid}`)}\n` +
          `==> /proc/${pid}/smaps_rollup <==\n${text('proc-pid-smaps_rollup.txt')}\n`,
      )
      .join('');
    const { processes } = decode(`${source}==> memory.pressure <==\nsome avg10=0.00\n`);
    expect(processes.map(({ pid, name }) => [pid, name])).toEqual([
      [1, 'bin-1.26'],
      [2, 'bin-1.26'],
    ]);
    for (const process of processes) expect(values(process)).toMatchObject({ VmRSS: 23449600n, Rss: 20451328n });
  });

  test('a file that is not known is left out and counted', () => {
    const { warnings } = decode('==> memory.current <==\n12\n\n==> memory.pressure <==\nsome avg10=0.00\n');
    expect(warnings).toEqual([expect.objectContaining({ code: 'unknown-files', count: 1 })]);
  });

  test('chosen lines of a status are enough if the path is there', () => {
    const { processes } = decode('/proc/17/status:VmRSS:\t     512 kB\n/proc/18/status:VmRSS:\t 1 kB\n');
    expect(processes.map(({ pid, readings }) => [pid, readings[0].value])).toEqual([
      [17, 524288n],
      [18, 1024n],
    ]);
  });
});

describe('what people and other tools make of it', () => {
  test.each([
    ['16056', 16056n * 1024n],
    ['1.2m', BigInt(Math.round(1.2 * 1024 ** 2))],
    ['16m', 16n * 1024n ** 2n],
    ['2g', 2n * 1024n ** 3n],
    ['3k', 3072n],
  ])('busybox writes a size of %s', (size, bytes) => {
    const [process] = decode(
      `PID   USER     VSZ  STAT COMMAND\n    7 root     ${size} S    /bin/server -v 2\n`,
    ).processes;
    expect(process).toMatchObject({ pid: 7, name: '/bin/server -v 2' });
    expect(values(process)).toEqual({ VSZ: bytes });
  });

  test('rows that do not fit their titles are left out and counted', () => {
    const { processes, warnings } = decode('  PID   RSS    VSZ COMMAND\n 1 2 3 a b\nx 2 3 a\n 4 y 3 a\n 5\n');
    expect(processes.map(({ pid }) => pid)).toEqual([1]);
    expect(warnings).toEqual([expect.objectContaining({ code: 'unreadable-lines', count: 3 })]);
  });

  test('a last line without an end may be cut, and is said to be', () => {
    expect(decode('anon 1\nfile 2\nkernel 3').warnings.map(({ code }) => code)).toEqual(['open-last-line']);
  });

  test('a kernel thread has no memory, and is no error', () => {
    const { processes } = decode('Name:\tkthreadd\nState:\tS (sleeping)\nPid:\t2\nThreads:\t1\n');
    expect(processes[0]).toMatchObject({ pid: 2, name: 'kthreadd', readings: [{ name: 'Threads', value: 1n }] });
  });

  test('names may hold anything', () => {
    const { processes } = decode('Name:\ta\\nb\\\\c\u001b[31m__proto__\nState:\tR\nVmRSS:\t1 kB\n');
    expect(processes[0].name).toBe('a\nb\\c\u001b[31m__proto__');
    const long = decode(`Name:\t${'x'.repeat(100_000)}\nState:\tR\nVmRSS:\t1 kB\n`).processes[0].name;
    expect(long).toHaveLength(processMemoryLimits.keptNameCharacters);
  });

  test('numbers beyond 64 bits are no numbers', () => {
    const { processes, warnings } = decode('anon 18446744073709551615\nfile 18446744073709551616\nkernel 3\n');
    expect(values(processes[0])).toEqual({ anon: 2n ** 64n - 1n, kernel: 3n });
    expect(warnings).toEqual([expect.objectContaining({ code: 'unreadable-lines', count: 1 })]);
  });
});

describe('any text', () => {
  const outcome = (bytes: Uint8Array, name: string): ProcessMemory | string => {
    sniffProcessMemory(bytes, Buffer.from(bytes.subarray(0, 4096)).toString('latin1'));
    try {
      return decodeProcessMemory(bytes, name);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return error.fault;
    }
  };

  test.each(fixtures.filter((name) => !/_in_bytes|memory\.(?:current|max|failcnt)/.test(name)))(
    'is recognised by its head: %s',
    (name) => expect(sniffs(text(name))).toBe(true),
  );

  test.each(fixtures)('says the same with CR LF and a byte order mark: %s', (name) => {
    const file = originalName(name);
    expect(decode(`\ufeff${text(name).replaceAll('\n', '\r\n')}`, file)).toEqual(decodeProcessMemory(read(name), file));
  });

  test.each(fixtures)('cut anywhere is a value or a FormatError: %s', (name) => {
    const bytes = read(name);
    for (let end = 0; end <= bytes.length; end++) outcome(bytes.subarray(0, end), originalName(name));
  });

  test('with any bit flipped, or made of anything, is a value or a FormatError', () => {
    fc.assert(
      fc.property(fc.constantFrom(...fixtures), fc.nat(2 ** 16), fc.nat(7), fc.string(), (name, place, bit, noise) => {
        const bytes = read(name);
        bytes[place % bytes.length] ^= 1 << bit;
        outcome(bytes, originalName(name));
        outcome(new TextEncoder().encode(noise), noise);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['textBytes', { textBytes: 10 }],
    ['processes', { processes: 3 }],
    ['readings', { readings: 3 }],
  ])('%s: what is over the limit is refused by its name', (limit, less) => {
    const limits = { ...processMemoryLimits, ...less };
    expect(() => decodeProcessMemory(read('ps-e-pid-rss-vsize-comm.txt'), '', limits)).toThrow(
      expect.objectContaining({ fault: 'over-budget', at: expect.objectContaining({ limit }) }),
    );
  });

  test.each([
    ['', 'truncated'],
    ['\n\n', 'truncated'],
    ['hello\n', 'unrecognized'],
    ['338421248\n', 'unrecognized'],
    ['  PID   RSS    VSZ COMMAND\n', 'malformed'],
    ['==> memory.pressure <==\nsome\n', 'malformed'],
  ])('%j is refused for what it is', (source, fault) => {
    expect(outcome(new TextEncoder().encode(source), '')).toBe(fault);
  });
});
