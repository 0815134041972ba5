import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface MetricsFixture {
  /** `json/go1.26/memstats.json` */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly text: string;
}

const own = fileURLToPath(new URL('../fixtures/', import.meta.url));
// A larger collection that lies beside the repository where there is one.
const shared = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));

/** Files of `folder` (json, prometheus) whose path ends with `ending`, from both collections. */
export function metricsFixtures(folder: string, ending: string): MetricsFixture[] {
  const found = new Map<string, MetricsFixture>();
  for (const root of [own, shared]) {
    if (!existsSync(join(root, folder))) continue;
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const name = path.slice(root.length);
      if (!entry.isFile() || !name.endsWith(ending) || found.has(name)) continue;
      const bytes = new Uint8Array(readFileSync(path));
      found.set(name, { name, bytes, text: new TextDecoder().decode(bytes) });
    }
  }
  return [...found.values()];
}

export function metricsFixture(name: string): MetricsFixture {
  const bytes = new Uint8Array(readFileSync(join(own, name)));
  return { name, bytes, text: new TextDecoder().decode(bytes) };
}

/**
 * A JSON text read another way: every number outside of strings becomes a string of its own digits, then JSON.parse
 * reads it. Slow, and exact.
 */
export function parseWithTextNumbers(text: string): unknown {
  const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  return JSON.parse(text.replace(tokens, (token) => (token.startsWith('"') ? token : `"${token}"`)));
}
