import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export interface ProfileFixture {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What google/pprof reads in a fixture. Integers of more than 15 digits are strings. */
export interface GoldenSummary {
  readonly SampleTypes: readonly string[];
  readonly DefaultSampleType: string;
  readonly PeriodType: string;
  readonly Period: number | string;
  readonly TimeNanos: number | string;
  readonly DurationNanos: number | string;
  readonly DropFrames: string;
  readonly KeepFrames: string;
  readonly Comments: readonly string[] | null;
  readonly DocURL: string;
  readonly Samples: number;
  readonly Locations: number;
  readonly Functions: number;
  readonly Mappings: number;
  readonly Totals: readonly (number | string)[];
  readonly MaxDepthLocations: number;
  readonly MaxDepthFrames: number;
  readonly LabelKeys: Readonly<Record<string, number>>;
  readonly NumLabelKeys: Readonly<Record<string, number>>;
  readonly InlinedLocations: number;
  readonly LocationsWithoutLines: number;
  readonly LocationsWithoutMapping: number;
}

const own = fileURLToPath(new URL('../fixtures/pprof/', import.meta.url));
// A larger collection that lies beside the repository where there is one; it holds files of others, too.
const shared = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));

/** Valid profiles with what google/pprof says about them: the repository's own, and the collection's if it is there. */
export function goldenProfiles(): { name: string; bytes: Uint8Array; summary: GoldenSummary }[] {
  const found = goldensIn(own, own);
  if (!existsSync(shared)) return found;
  const names = new Set(found.map(({ name }) => name));
  const more = goldensIn(join(shared, 'pprof'), join(shared, 'golden/pprof')).filter(({ name }) => !names.has(name));
  return [...found, ...more];
}

export function malformedProfiles(): ProfileFixture[] {
  const folder = join(own, 'malformed');
  return readdirSync(folder).map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

/** One fixture by its path, such as `go1.26/heap.pb.gz`. */
export function profileFixture(path: string): Uint8Array {
  return readFileSync(join(own, path));
}

/** The bytes without their gzip layer, if they have one. */
export function plain(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
}

function goldensIn(profiles: string, goldens: string) {
  const suffix = '.summary.json';
  return readdirSync(goldens, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(suffix))
    .map((path) => ({ path, file: path.slice(0, -suffix.length) }))
    .map(({ path, file }) => ({
      name: file,
      bytes: readFileSync(join(profiles, file)),
      summary: parseExact(readFileSync(join(goldens, path), 'utf8')),
    }));
}

/** JSON.parse rounds integers beyond 2^53, so those are quoted first. */
function parseExact(json: string): GoldenSummary {
  return JSON.parse(json.replace(/([[:,]\s*)(-?\d{16,})/g, '$1"$2"')) as GoldenSummary;
}
