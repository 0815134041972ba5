import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { defaultBudget } from '../../src/formats/budget.js';
import type { FormatFault } from '../../src/formats/format-error.js';
import { isGzip } from '../../src/formats/inflate.js';
import type { Kind } from '../../src/formats/kind.js';
import { inflateNatively } from '../../src/ingest/native-inflate.js';
import { parse } from '../../src/ingest/parse.js';
import type { ParsedPart } from '../../src/ingest/parsed-part.js';
import type { Declared } from '../../src/ingest/parts/declared.js';

/** A file of the fixtures, and what is in it. */
export interface Artefact {
  /** `logs/go1.26/mixed.log` */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The kinds of its parts, in their order; or why it is refused; or nothing is said of it, as it is broken. */
  readonly holds: readonly Kind[] | FormatFault | 'broken';
}

const own = fileURLToPath(new URL('../fixtures/', import.meta.url));
// A larger collection that lies beside the repository where there is one; it names its folders in its own way.
const shared = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));

/** What a file is, by its path: the first that fits. */
const table: readonly (readonly [RegExp, Artefact['holds']])[] = [
  // Lists and goldens that lie among the fixtures, and files that say nothing of a Go process.
  [/\.md$|SUMS$|THIRD-PARTY\.txt$|(?:line-counts|logs-gctrace|logs-sched|profile-text\/scale)\.txt$/, 'unrecognized'],
  [/http-(?:cmdline|headers|unknown)\.txt$|\.html$/, 'unrecognized'],
  [
    /linux\/(?:cgroup1-cpu|cgroup2-unified|proc-meminfo|proc-pressure|proc-pid-(?!smaps_rollup|status))/,
    'unrecognized',
  ],
  // The binary format of gperftools, without symbols.
  [/google-pprof\/(?:gobench\.cpu|go\.crc32\.cpu|java\.cpu\.pb)$/, 'unrecognized'],

  [/pprof\/malformed\//, 'broken'],
  [/heap-debug1-no-header\.txt$/, 'unrecognized'],
  [/google-pprof\/(?:large|sample)\.cpu$|go-src\//, ['cpu']],
  [/google-pprof\/.*heap$|nomappings\.crash$|synthetic\/go-function-names|heap-from-text/, ['heap']],
  [/cppbench\.contention$/, ['block']],
  [/go\.godoc\.thread$/, ['threadcreate']],
  [/synthetic\/no-samples|pool\.conns\./, ['custom']],
  [/pprof\/synthetic\//, ['cpu']],
  [/\.mem\.pb\.gz$/, ['allocs']],
  ...(['allocs', 'heap', 'cpu', 'block', 'mutex', 'threadcreate', 'goroutineleak', 'goroutine'] as const).map(
    (kind) => [new RegExp(`[/.-]${kind}[^/]*\\.pb(?:\\.gz)?$`), [kind]] as const,
  ),

  [/heap-debug1-/, ['heap']],
  [/(?:heap|allocs)(?:\.debug1)?\.txt(?:\.gz)?$/, ['heap', 'memstats']],
  ...(['block', 'mutex', 'threadcreate', 'goroutineleak', 'goroutine'] as const).map(
    (kind) => [new RegExp(`/${kind}(?:-10k)?(?:\\.debug1)?\\.txt$`), [kind]] as const,
  ),

  [/sigquit-twice|go1\.15\/panic-map\.txt$/, ['goroutine-dump', 'goroutine-dump']],
  [/goroutine-dumps\/|dumps\/|debug2|sigquit|synctest/, ['goroutine-dump']],

  [/mixed\.log$/, ['gctrace', 'schedtrace']],
  [/gostop\.log$/, ['gctrace', 'goroutine-dump']],
  [/gctrace[^/]*\.log$/, ['gctrace']],
  [/sched[^/]*\.log$/, ['schedtrace']],

  [/expvar\.json$|memstats\.json$|\.ndjson$/, ['memstats']],
  [/gcstats\.json$/, ['gcstats']],
  [/buildinfo\.json$/, ['build-info']],
  [/metrics\.json$|prometheus\//, ['runtime-metrics']],
  // Files of one number are told by their name alone, and these have others.
  [
    /memory\.(?:failcnt|kmem\.usage_in_bytes|limit_in_bytes|max_usage_in_bytes|usage_in_bytes|current|max)(?:-\w+)*\.txt$/,
    'unrecognized',
  ],
  [/process-memory\/|linux\//, ['process-memory']],
];

/** All fixtures but execution traces, and the collection's beside them if it is there. */
export function artefacts(): Artefact[] {
  const found = new Map<string, Artefact>();
  for (const root of [own, shared]) {
    if (!existsSync(root)) continue;
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const name = path.slice(root.length);
      if (!entry.isFile() || /^(?:trace|golden)\/|\.summary\.json$/.test(name) || found.has(name)) continue;
      const holds = table.find(([pattern]) => pattern.test(`/${name}`))?.[1];
      if (holds === undefined) throw new Error(`nothing is said of what ${name} holds`);
      found.set(name, { name, bytes: new Uint8Array(readFileSync(path)), holds });
    }
  }
  return [...found.values()];
}

/** One file of the project's own fixtures. */
export function artefact(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(own, name)));
}

/** The bytes without their gzip layer, if they have one. */
export function bare(bytes: Uint8Array): Uint8Array {
  return isGzip(bytes) ? new Uint8Array(gunzipSync(bytes)) : bytes;
}

export const undeclared: Declared = {
  contentEncoding: 'identity',
  declaredKind: null,
  declaredDelta: null,
  name: null,
  aroundNanos: BigInt(Date.UTC(2026, 10, 24)) * 1_000_000n,
};

export const means = { budget: defaultBudget, inflate: inflateNatively };

export function read(bytes: Uint8Array, declared: Partial<Declared> = {}): ParsedPart[] {
  return parse(bytes, { ...undeclared, ...declared }, means);
}
