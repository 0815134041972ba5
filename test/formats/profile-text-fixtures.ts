import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

export interface TextFixture {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const here = path.dirname(fileURLToPath(import.meta.url));
const ours = path.join(here, '../fixtures/profile-text');
/** More artefacts lie beside a checkout where there are any. */
const beside = path.join(here, '../../../shared/fixtures/text');

/** Texts that Go has written with debug=1, and broken ones, as they lie in this repository. */
export function ownTextFixtures(): TextFixture[] {
  return collect(ours);
}

/** These and more. */
export function textFixtures(): TextFixture[] {
  const own = ownTextFixtures();
  const known = new Set(own.map(({ name }) => name));
  return [...own, ...collect(beside).filter(({ name }) => !known.has(name))];
}

/** The protobuf of the same moment as `same-moment/<kind>.txt`. */
export function sameMoment(kind: string): { text: Uint8Array; proto: Uint8Array } {
  const file = (suffix: string): Uint8Array => readFileSync(path.join(ours, 'same-moment', kind + suffix));
  return { text: file('.txt'), proto: file('.pb.gz') };
}

function collect(folder: string): TextFixture[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /debug1|^same-moment.*\.txt$/.test(name))
    .sort()
    .map((name) => {
      const bytes = readFileSync(path.join(folder, name));
      // A plain array: `slice` of a Buffer shares its memory.
      return { name, bytes: new Uint8Array(name.endsWith('.gz') ? gunzipSync(bytes) : bytes) };
    });
}
