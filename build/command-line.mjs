// Makes dist/command-line/tidemark.cjs out of what the compiler left in dist, for bin/tidemark.js: the command line with
// all that it needs in one file, and beside it the bytecode of what `tidemark top FILE` runs. Loading some sixty
// modules one by one, and compiling them, takes Node twice as long as it takes to start.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const file = join(dist, 'command-line/tidemark.cjs');

/** What the command line consists of, apart from its own code; everything else that it loads, it loads when asked to. */
const packages = ['commander', 'pako', 're2js'];

/** A script that has bytecode cannot import by itself (Node 20): it asks whoever started it. */
const outside = {
  contents: `export const loadUp = () => load('up.js');
             export const loadMaintenance = () => load('cli/maintenance.js');`,
};

async function bundle() {
  const { metafile } = await build({
    entryPoints: [join(dist, 'cli.js')],
    outfile: file,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    plugins: [{ name: 'outside', setup: ({ onLoad }) => onLoad({ filter: /cli[\\/]outside\.js$/ }, () => outside) }],
    // bin/tidemark.js reads one byte per character.
    charset: 'ascii',
    banner: { js: '(function(require,load){' },
    footer: { js: '})' },
    logLevel: 'warning',
    metafile: true,
  });
  const bundled = Object.keys(metafile.inputs).map((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1]);
  const strange = [...new Set(bundled)].filter((name) => name !== undefined && !packages.includes(name));
  if (strange.length > 0) throw new Error(`the command line would hold ${strange.join(', ')}: import it when needed`);
}

/** V8 compiles a function when it is first called: so the bytecode is that of a process that has answered. */
async function compile() {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-build-'));
  try {
    const profile = join(folder, 'heap.pb.gz');
    writeFileSync(profile, await someProfile());
    const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '--run', profile]);
    if (status !== 0) throw new Error(`the bundled command line does not run: ${stderr}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runOnce(profile) {
  const script = new Script(readFileSync(file, 'latin1'), { filename: file });
  process.argv = [process.argv[0], 'tidemark', 'top', profile];
  process.once('exit', (code) => {
    if (code === 0) writeFileSync(`${file}.bytecode`, script.createCachedData());
  });
  script.runInThisContext()(createRequire(import.meta.url));
}

/** A heap profile such as Go writes: what it says does not matter, but every common kind of field has to occur. */
async function someProfile() {
  const { SymbolTableBuilder, StackTreeBuilder } = await import('../dist/analysis/stack-builder.js');
  const { profileOf } = await import('../dist/analysis/to-pprof.js');
  const { encodePprof } = await import('../dist/formats/pprof/encode.js');
  const symbols = new SymbolTableBuilder();
  const tree = new StackTreeBuilder();
  const nodes = [];
  for (let stack = 0; stack < 400; stack++) {
    let node = tree.child(0, symbols.frame('runtime.main', '/go/src/runtime/proc.go', 290));
    for (let depth = 1; depth < 20; depth++) {
      const number = (stack * depth) % 300;
      node = tree.child(
        node,
        symbols.frame(`example.com/app.(*Type).call${number}[...]`, `/src/${number % 40}.go`, number),
      );
    }
    nodes.push(node);
  }
  const rows = Int32Array.from(new Set(nodes)).sort();
  const sampleTypes = ['alloc_objects', 'alloc_space', 'inuse_objects', 'inuse_space'].map((type) => ({
    type,
    unit: type.endsWith('space') ? 'bytes' : 'count',
  }));
  const values = sampleTypes.map((_, column) => Float64Array.from(rows, (row) => (row % 7) * 10 ** (column * 2)));
  const stacks = { symbols: symbols.build(), tree: tree.build(), sampleTypes, nodes: rows, values };
  return gzipSync(encodePprof(profileOf(stacks, { timeNanos: 1_700_000_000_000_000_000n })));
}

if (process.argv[2] === '--run') runOnce(process.argv[3]);
else {
  await bundle();
  await compile();
}
