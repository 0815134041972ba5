import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** What google/pprof reads in a fixture: the functions that are largest by cum, with exact values. */
export interface Summary {
  readonly SampleTypes: readonly string[];
  readonly AbsTotals: readonly number[];
  readonly TopByCum:
    readonly { readonly Name: string; readonly Flat: readonly number[]; readonly Cum: readonly number[] }[] | null;
}

export interface PprofFixture {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly summary: Summary;
}

const here = path.dirname(fileURLToPath(import.meta.url));
const ours = path.join(here, '../fixtures/pprof');
/** More artefacts, some of third parties, which lie beside a checkout where there are any. */
const beside = path.join(here, '../../../shared/fixtures');

/** Profiles with a summary of what google/pprof makes of them. */
export function pprofFixtures(): PprofFixture[] {
  const own = collect(ours, ours);
  const known = new Set(own.map(({ name }) => name));
  const more = collect(path.join(beside, 'pprof'), path.join(beside, 'golden/pprof'));
  return [...own, ...more.filter(({ name }) => !known.has(name))];
}

function collect(profiles: string, summaries: string): PprofFixture[] {
  if (!existsSync(summaries)) return [];
  const suffix = '.summary.json';
  return readdirSync(summaries, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .sort()
    .map((name) => ({
      name,
      bytes: readFileSync(path.join(profiles, name)),
      summary: JSON.parse(exactNumbers(readFileSync(path.join(summaries, name + suffix), 'utf8'))) as Summary,
    }));
}

/** JSON numbers beyond 2^53 as strings, which BigInt reads as well. */
function exactNumbers(json: string): string {
  return json.replace(/(?<=[[,:\s])-?\d{16,}(?=[\],}\s])/g, '"$&"');
}
