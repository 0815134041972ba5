import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GoroutineDump, GoroutineDumps } from '../../src/formats/goroutine-dump/dump.js';

/** Lines of a dump by kind, counted with regular expressions. */
export interface LineCounts {
  readonly hdr: number;
  readonly frame: number;
  readonly loc: number;
  readonly created: number;
  readonly elided: number;
  readonly orig: number;
  readonly blank: number;
  readonly other: number;
}

const own = fileURLToPath(new URL('../fixtures/goroutine-dumps/', import.meta.url));
const shared = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));

export function dumpFixture(path: string): Uint8Array {
  return readFileSync(join(own, path));
}

/** Every dump of the repository that is whole, and the collection's beside it if it is there. */
export function countedDumps(): { name: string; bytes: Uint8Array; counts: LineCounts }[] {
  const found = counted(join(own, 'line-counts.txt'), own);
  const golden = join(shared, 'golden/goroutine-dumps.txt');
  return existsSync(golden) ? [...found, ...counted(golden, shared)] : found;
}

export function damagedDumps(): { name: string; bytes: Uint8Array }[] {
  const folder = join(own, 'damaged');
  return readdirSync(folder).map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

function counted(list: string, folder: string) {
  return readFileSync(list, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name] = line.split(' ');
      const counts = JSON.parse(line.slice(line.indexOf('{'), line.indexOf('}') + 1)) as LineCounts;
      return { name, bytes: readFileSync(join(folder, name)), counts };
    });
}

/** Goroutines as they can be read, one string each, without what differs between two runs of one program. */
export function goroutinesAsText(dumps: GoroutineDumps, dump: GoroutineDump): string[] {
  const frame = (number: number): string => {
    const { function: name, file, line } = dumps.frames;
    return `${dumps.functions[name[number]]} ${dumps.files[file[number]]}:${line[number]}`;
  };
  return Array.from({ length: dump.count }, (_, row) => {
    const stack = dump.stack[row];
    const frames = Array.from(dumps.stacks.frame.subarray(dumps.stacks.start[stack], dumps.stacks.start[stack + 1]));
    const labels = dump.labelSet[row] < 0 ? '' : JSON.stringify(dumps.labelSets[dump.labelSet[row]]);
    const said = [dump.waitMinutes[row], dump.flags[row], dump.bubble[row], dump.creator[row]].join(' ');
    const by = dump.createdBy[row] < 0 ? '' : `created by ${frame(dump.createdBy[row])}`;
    return [`${dump.id[row]} [${dumps.states[dump.state[row]]}] ${said} ${labels}`, ...frames.map(frame), by].join(
      '\n',
    );
  });
}
