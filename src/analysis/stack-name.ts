/** UTF-16 units of a stack's name. Go's own stacks of 100 frames stay below. */
export const longestStackName = 16 * 1024;

/**
 * Names stacks by their functions, root first, joined with `;`. A longer name than `longestStackName` keeps its beginning
 * and ends with a 64-bit hash of all functions: equal stacks have equal names in every capture, and a hostile one, whose
 * thousand frames have names of 16 KiB each, is not multiplied.
 */
export class StackNames {
  readonly #hashes = new Map<string, readonly [number, number]>();

  of(leafFirst: readonly string[]): string {
    const length = leafFirst.reduce((sum, name) => sum + name.length + 1, 0);
    const rootFirst = leafFirst.toReversed();
    if (length <= longestStackName) return rootFirst.join(';');
    let [a, b] = [fnvBasis, otherBasis];
    for (const name of leafFirst) {
      const [ofA, ofB] = this.#hashOf(name);
      a = mixed(a, ofA);
      b = mixed(b, ofB);
    }
    const kept: string[] = [];
    let room = longestStackName - 32;
    for (const name of rootFirst) {
      if (room <= 0) break;
      kept.push(name.slice(0, room));
      room -= name.length + 1;
    }
    return `${kept.join(';')}… #${hex(a)}${hex(b)}`;
  }

  #hashOf(name: string): readonly [number, number] {
    let hash = this.#hashes.get(name);
    if (hash === undefined) {
      let [a, b] = [fnvBasis, otherBasis];
      for (let i = 0; i < name.length; i++) {
        a = mixed(a, name.charCodeAt(i));
        b = mixed(b, name.charCodeAt(i));
      }
      this.#hashes.set(name, (hash = [a, b]));
    }
    return hash;
  }
}

const fnvBasis = 0x811c9dc5;
const otherBasis = 0x9747b28c;

/** A step of FNV-1a, with the finisher of MurmurHash3 so that whole hashes can be mixed in, too. */
function mixed(hash: number, value: number): number {
  const h = Math.imul(hash ^ value, 0x01000193);
  return Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) ^ (h >>> 13);
}

function hex(hash: number): string {
  return (hash >>> 0).toString(16).padStart(8, '0');
}
