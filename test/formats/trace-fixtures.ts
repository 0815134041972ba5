import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const own = fileURLToPath(new URL('../fixtures/trace/', import.meta.url));
// A larger collection that lies beside the repository where there is one; it holds files of others, too.
const shared = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));

/** What Go's internal/trace Reader and Summarizer make of a trace; of goroutines the first 200. */
export interface TraceGolden {
  readonly File: string;
  readonly Events: number;
  readonly ByKind: Readonly<Record<string, number>>;
  readonly TransitionsByKind: Readonly<Record<string, number>>;
  readonly Syncs: number;
  readonly FirstTime: number;
  readonly LastTime: number;
  readonly ClockSnapshots?: readonly string[];
  readonly Metrics?: Readonly<Record<string, number>>;
  readonly Tasks: number;
  readonly StackSamples?: number;
  readonly BlockReasons?: Readonly<Record<string, number>>;
  readonly Goroutines: readonly GoroutineGolden[] | null;
}

export interface GoroutineGolden {
  readonly ID: number;
  readonly Name: string;
  readonly Start: number;
  readonly End: number;
  readonly Exec: number;
  readonly SchedWait: number;
  readonly Syscall: number;
  readonly SyscallBlock: number;
  readonly BlockByReason?: Readonly<Record<string, number>>;
  readonly RangeNs?: Readonly<Record<string, number>>;
}

export interface TraceFixture {
  readonly name: string;
  readonly path: string;
  readonly golden: TraceGolden;
}

/** Traces of Go 1.11 and later: the repository's own, and those of the collection if it is there. */
export function goldenTraces(): TraceFixture[] {
  const found = tracesIn(own, own);
  if (!existsSync(shared)) return found;
  const names = new Set(found.map(({ name }) => name));
  for (const folder of ['v1', 'v2', 'v2/conformance']) {
    const more = tracesIn(join(shared, 'trace', folder), join(shared, 'golden/trace', folder));
    found.push(...more.filter(({ name }) => !names.has(name)));
  }
  return found;
}

/** One of the repository's own traces. */
export function traceBytes(name: string): Uint8Array {
  return readFileSync(join(own, name));
}

export function tracePath(name: string): string {
  return join(own, name);
}

export interface ReaderGolden {
  readonly name: string;
  readonly path: string;
  readonly events: number;
  readonly syncs: number;
  /** What Go's reader says is wrong; empty if nothing is. */
  readonly error: string;
}

/** Events, syncs and error of Go's reader for every trace of the collection, broken ones included. Empty without it. */
export function readerGoldens(): ReaderGolden[] {
  const file = join(shared, 'golden/trace/READER.tsv');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(1);
  return lines.map((line) => {
    const [name, events, syncs, error = ''] = line.split('\t');
    return { name, path: join(shared, name), events: Number(events), syncs: Number(syncs), error };
  });
}

function tracesIn(folder: string, goldens: string): TraceFixture[] {
  return readdirSync(goldens)
    .filter((name) => name.endsWith('.trace.summary.json'))
    .map((name) => {
      const golden = JSON.parse(readFileSync(join(goldens, name), 'utf8')) as TraceGolden;
      return { name: golden.File, path: join(folder, golden.File), golden };
    });
}
