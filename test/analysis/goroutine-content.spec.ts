import { goroutineContent, rowsOfContent } from '../../src/analysis/goroutine-content.js';
import { type GoroutineRows, rowsOfDump } from '../../src/analysis/goroutine-rows.js';
import { decodeGoroutineDumps } from '../../src/formats/goroutine-dump/decode.js';
import { countedDumps, damagedDumps } from '../formats/goroutine-dump-fixtures.js';

// What wraps the lines of a log is not taken off here.
const dumps = [...countedDumps(), ...damagedDumps()].filter(
  ({ name, bytes }) => bytes.length < 200_000 && !name.includes('docker-json'),
);

/** As it is kept in the database and read again: JSON, in which 64-bit integers are decimal strings. */
const throughJson = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? each.toString() : each))) as T;

/** With the labels of each goroutine in place of their number, which is another in every dump. */
function withLabels({ labelSets, labelSet, ...rows }: GoroutineRows): object {
  return { ...rows, labels: Array.from(labelSet, (set) => (set < 0 ? null : labelSets[set])) };
}

describe('the content of a dump', () => {
  it.each(dumps)('$name: gives the rows of the dump again, through JSON', ({ bytes }) => {
    const found = decodeGoroutineDumps(bytes);
    for (const dump of found.dumps) {
      const rows = rowsOfDump(found, dump);
      const again = rowsOfContent(throughJson(goroutineContent(rows, { crash: dump.crash, folded: [] })));
      expect(withLabels(again)).toEqual(withLabels(rows));
    }
  });

  it('holds what repeats once, and only the labels of its own goroutines', () => {
    const stack = 'main.wait()\n\t/srv/main.go:7 +0x1\n\n';
    const one = `goroutine 18446744073709551615 [select, 3 minutes]:\n${stack}goroutine 5 [select]:\n${stack}`;
    const other = `goroutine 5 [running]:\nlabels: {"k":"v"}\n${stack}`;
    const found = decodeGoroutineDumps(new TextEncoder().encode(`${one}SIGQUIT: quit\n\n${other}`));
    const contents = found.dumps.map((dump) =>
      goroutineContent(rowsOfDump(found, dump), { crash: dump.crash, folded: [] }),
    );
    expect(contents[0]).toMatchObject({
      functions: ['main.wait'],
      files: ['/srv/main.go'],
      frames: [[0, 0, 7]],
      stacks: [[0]],
      states: ['select'],
      labelSets: [],
      rows: {
        stack: [0, 0],
        state: [0, 0],
        creator: [-1, -1],
        labelSet: [-1, -1],
        waitMinutes: [3, -1],
        id: ['18446744073709551615', '-18446744073709551610'],
      },
    });
  });
});
