import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

/** The real `go tool pprof`, or null where Go is not installed. Building it once may take Go a while. */
export const pprofBinary: string | null = findPprof();

export const goAvailable = pprofBinary !== null;

/** `describe` where Go is installed; elsewhere the tests are skipped, and one line says so. */
export const describeWithPprof = goAvailable ? describe : describe.skip;

if (!goAvailable)
  process.stderr.write('Tests against go tool pprof are skipped: they need Go (apt-get install golang-go)\n');

function findPprof(): string | null {
  try {
    return execFileSync('go', ['tool', '-n', 'pprof'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Runs pprof on profiles that are not compressed, given by option (`{ '-diff_base': bytes }`) or as the sources, and
 * returns what it prints. Times are in UTC. It finds no binary to look names up in.
 */
export function runPprof(
  args: readonly string[],
  sources: readonly Uint8Array[],
  named: Readonly<Record<string, Uint8Array>> = {},
): string {
  if (pprofBinary === null) throw new Error('Go is not installed');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-pprof-'));
  try {
    const write = (name: string, bytes: Uint8Array): string => {
      const file = path.join(folder, name);
      writeFileSync(file, bytes[0] === 0x1f ? bytes : gzipSync(bytes));
      return file;
    };
    const options = Object.entries(named).flatMap(([option, bytes], i) => [option, write(`named-${i}.pb.gz`, bytes)]);
    const files = sources.map((bytes, i) => write(`source-${i}.pb.gz`, bytes));
    return execFileSync(pprofBinary, ['-symbolize=none', ...args, ...options, ...files], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env.PATH, TZ: 'UTC', HOME: folder, PPROF_TMPDIR: folder, PPROF_BINARY_PATH: folder },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Rows of a top table by name; the mark of inlined functions is left out. */
export interface PrintedTop {
  /** What pprof calls 100 %. */
  readonly total: bigint;
  readonly rows: ReadonlyMap<string, { readonly flat: bigint; readonly cum: bigint }>;
}

/** Flags that make `-top` print all rows in exact integers. Values are in the base unit that `unit` names. */
export function exactFlags(sampleType: string, unit: string): string[] {
  return [
    '-top',
    '-nodefraction=0',
    '-edgefraction=0',
    '-nodecount=1000000',
    `-sample_index=${sampleType}`,
    `-unit=${unit}`,
  ];
}

/** Reads a top table that was printed with `exactFlags`. */
export function parseTop(text: string): PrintedTop {
  const lines = text.split('\n');
  const totalLine = lines.find((line) => line.startsWith('Showing nodes accounting for'));
  const total = / of (-?\d+)\S* total$/.exec(totalLine ?? '');
  const head = lines.findIndex((line) => /^ +flat +flat% +sum%/.test(line));
  if (total === null || head < 0) throw new Error(`not a top table: ${text.slice(0, 500)}`);
  const rows = new Map<string, { flat: bigint; cum: bigint }>();
  for (const line of lines.slice(head + 1)) {
    if (line === '') continue;
    const cells = /^ *(-?\d+)\S* +\S+% +\S+% +(-?\d+)\S* +\S+% {2}(.*?)(?: \((?:partial-)?inline\))?$/.exec(line);
    if (cells === null) throw new Error(`not a row of a top table: ${line}`);
    rows.set(cells[3], { flat: BigInt(cells[1]), cum: BigInt(cells[2]) });
  }
  return { total: BigInt(total[1]), rows };
}
