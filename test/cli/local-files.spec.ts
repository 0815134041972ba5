import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tidemark } from './command-line.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/pprof/${name}`, import.meta.url));
const heap = fixture('go1.26/heap.pb.gz');
const later = fixture('go1.26/heap2.pb.gz');

describe('the command line on local files, without a server', () => {
  it('prints the table of a heap profile as go tool pprof -top does', async () => {
    const { code, stdout } = await tidemark(['top', heap]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Type: inuse_space\nTime: .* UTC\nShowing nodes accounting for /m);
    expect(stdout).toMatch(/^ +flat +flat% +sum% +cum +cum%$/m);
    expect(stdout).toMatch(/ main\.cmdAll$/m);
  });

  it('gives the same numbers as exact integers in JSON', async () => {
    const { stdout } = await tidemark(['top', heap, '--json', '--sort', 'cum']);
    const answer = JSON.parse(stdout) as {
      unit: string;
      total: string;
      rows: { function: string; flat: string; cum: string }[];
    };
    expect(answer).toMatchObject({ unit: 'bytes', total: '5266029' });
    expect(answer.rows.find((row) => row.function === 'main.cmdAll')).toMatchObject({
      flat: '3167285',
      cum: '4741685',
    });
  });

  it('reads standard input', async () => {
    const piped = await tidemark(['top', '-'], { stdin: readFileSync(heap) });
    expect(piped.stdout).toBe((await tidemark(['top', heap])).stdout);
  });

  it('shows the stacks as a tree and as folded lines', async () => {
    expect((await tidemark(['flame', heap])).stdout).toMatch(/100% .* all$/m);
    const folded = await tidemark(['folded', heap, '--sample-type', 'inuse_space']);
    const sum = folded.stdout
      .trim()
      .split('\n')
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    expect(sum).toBe(5266029);
  });

  it('compares two files, and finds no difference between a file and itself', async () => {
    expect((await tidemark(['diff', heap, heap])).stdout).toBe('No difference.\n');
    const { stdout } = await tidemark(['diff', heap, later, '--json']);
    const answer = JSON.parse(stdout) as { base_total: string; rows: { delta: { flat: string } }[] };
    expect(answer.base_total).toBe('5266029');
    expect(answer.rows[0].delta.flat).not.toBe('0');
  });

  it('says what a file holds', async () => {
    const { stdout } = await tidemark(['inspect', heap]);
    expect(stdout).toMatch(/^Kind: +heap$/m);
    expect(stdout).toMatch(/inuse_space .*\(5266029 bytes\)/);
  });

  it.each([
    ['a file that is not there', ['top', './nowhere.pb.gz'], 66],
    ['a file that is broken', ['top', fixture('malformed/truncated-gzip-50pct.pb.gz')], 1],
    ['an option that does not exist', ['top', heap, '--colour'], 64],
    ['a pattern that is none', ['top', heap, '--focus', '('], 64],
    ['a sample type that is not there', ['top', heap, '--sample-type', 'cpu'], 64],
    ['a command that does not exist', ['topp', heap], 64],
    ['a server that is not there', ['services', '--url', 'http://127.0.0.1:9', '--key', 'none'], 69],
  ])('ends with a code of its own for %s', async (_, args, code) => {
    const outcome = await tidemark(args);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).not.toBe('');
    expect(outcome.stderr).not.toContain('this is a bug');
  });

  it('does not let a name in a profile write to the terminal', async () => {
    const { stdout } = await tidemark(['top', fixture('malformed/nul-and-control-chars.pb.gz')]);
    // eslint-disable-next-line no-control-regex -- control characters are what this is about
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
  });

  it('loads neither Nest, TypeORM, BullMQ nor a database driver', async () => {
    const hooks = `
      export async function resolve(specifier, context, next) {
        const found = await next(specifier, context);
        if (/node_modules[/](@nestjs|typeorm|bullmq|ioredis|pg)[/]/.test(found.url)) process._rawDebug('LOADED ' + found.url);
        return found;
      }`;
    const register = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});`;
    const { code, stderr } = await tidemark(['top', heap], {
      node: ['--import', `data:text/javascript,${encodeURIComponent(register)}`],
    });
    expect(code).toBe(0);
    expect(stderr).not.toContain('LOADED');
  });

  it('says the same whether a table comes straight from the samples or from filtered stacks', async () => {
    for (const options of [
      ['--by', 'line'],
      ['--by', 'package', '--sort', 'cum'],
      ['--sample-type', 'alloc_objects'],
    ]) {
      const args = ['top', later, '--json', ...options];
      const [direct, filtered] = await Promise.all([tidemark(args), tidemark([...args, '--focus', '.'])]);
      expect(direct.code).toBe(0);
      expect(direct.stdout).toBe(filtered.stdout);
    }
  });

  it('tells the failures of commands that are not in the bundle apart', async () => {
    const { code, stderr } = await tidemark(['migrate'], { env: { DATABASE_URL: 'postgres://a@127.0.0.1:9/a' } });
    expect(stderr).toMatch(/^tidemark: MIGRATION_DATABASE_URL is not set/);
    expect(code).toBe(78);
  });

  it('is no failure when the reader goes away', async () => {
    const { code, stderr } = await tidemark(['folded', fixture('go1.26/heap-rate1-exact.pb.gz')], {
      closedStdout: true,
    });
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });
});

describe('the bytecode beside the bundled command line', () => {
  const bundle = fileURLToPath(new URL('../../dist/command-line/', import.meta.url));

  it('is taken by the Node that it was built with', () => {
    const check = `
      const { readFileSync } = require('node:fs');
      const source = readFileSync('tidemark.cjs', 'latin1');
      const cachedData = readFileSync('tidemark.cjs.bytecode');
      process.exitCode = new (require('node:vm').Script)(source, { cachedData }).cachedDataRejected ? 1 : 0;`;
    expect(spawnSync(process.execPath, ['-e', check], { cwd: bundle }).status).toBe(0);
  });

  it('is not needed: that of another version of Node changes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-bytecode-'));
    try {
      cpSync(bundle, join(folder, 'dist/command-line'), { recursive: true });
      cpSync(fileURLToPath(new URL('../../bin/', import.meta.url)), join(folder, 'bin'), { recursive: true });
      const file = join(folder, 'dist/command-line/tidemark.cjs.bytecode');
      const bytecode = readFileSync(file);
      // V8's hash of its version comes second, after the magic number.
      bytecode.writeUInt32LE((bytecode.readUInt32LE(4) ^ 1) >>> 0, 4);
      writeFileSync(file, bytecode);
      const strange = await tidemark(['top', heap], { program: join(folder, 'bin/tidemark.js') });
      expect(strange.stderr).toBe('');
      expect(strange.stdout).toBe((await tidemark(['top', heap])).stdout);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
