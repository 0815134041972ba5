import fc from 'fast-check';
import type { SymbolTable } from '../../src/analysis/stack-profile.js';
import { DamagedBlockError, sealBlock } from '../../src/catalog/block.js';
import { IntTable, GrowingColumn } from '../../src/catalog/int-table.js';
import { MonthTree, ServiceSymbols } from '../../src/catalog/service-symbols.js';
import { decodeStackBlock, encodeStackBlock } from '../../src/catalog/stack-block.js';
import { decodeSymbolBlock, encodeSymbolBlock } from '../../src/catalog/symbol-block.js';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const names = fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 20 });
const symbols: fc.Arbitrary<SymbolTable> = fc
  .tuple(names, names, fc.array(fc.tuple(int32, int32, int32), { maxLength: 30 }))
  .map(([functions, files, frames]) => ({
    functions,
    files,
    frameFunction: Int32Array.from(frames, ([number]) => number),
    frameFile: Int32Array.from(frames, ([, number]) => number),
    frameLine: Int32Array.from(frames, ([, , line]) => line),
  }));

describe('a block of symbols', () => {
  it('comes back as it was', async () => {
    await fc.assert(
      fc.asyncProperty(symbols, async (table) => {
        expect(decodeSymbolBlock(await encodeSymbolBlock(table))).toEqual(table);
      }),
    );
  });

  it('keeps names that share half a character of UTF-8', async () => {
    const table = { ...emptyTable(), functions: ['main.é', 'main.è', 'main.\0', 'main.'] };
    expect(decodeSymbolBlock(await encodeSymbolBlock(table))).toEqual(table);
  });
});

describe('a block of stacks', () => {
  it('comes back as it was, wherever in the tree it begins', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 ** 30 }),
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(2 ** 31 - 1)), {
          maxLength: 40,
        }),
        async (first, rows) => {
          const parent = Int32Array.from(rows, ([share], index) => Math.floor(share * (first + index)));
          const frame = Int32Array.from(rows, ([, number]) => number);
          expect(decodeStackBlock(first, await encodeStackBlock(first, parent, frame))).toEqual({ parent, frame });
        },
      ),
    );
  });

  it('is not made of a child before its parent', async () => {
    await expect(encodeStackBlock(5, Int32Array.of(5), Int32Array.of(0))).rejects.toThrow(RangeError);
  });

  it('is refused at a place where it was not written', async () => {
    const data = await encodeStackBlock(1000, Int32Array.of(0), Int32Array.of(1));
    expect(() => decodeStackBlock(10, data)).toThrow(DamagedBlockError);
  });
});

describe('a sealed block whose content was never written by us', () => {
  it('ends in a DamagedBlockError or in a value, nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (content) => {
        const data = await sealBlock(1, content);
        for (const decode of [decodeSymbolBlock, (bytes: Buffer) => decodeStackBlock(1, bytes)]) {
          try {
            decode(data);
          } catch (error) {
            expect(error).toBeInstanceOf(DamagedBlockError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('symbols and stacks in memory', () => {
  const block = {
    functions: ['a', 'b'],
    files: ['a.go'],
    frameFunction: Int32Array.of(0, 1),
    frameFile: Int32Array.of(0, 0),
    frameLine: Int32Array.of(10, 20),
  };
  const start = { functions: 0, files: 0, frames: 0 };

  it('take a block twice, or again as part of a larger one, as one', () => {
    const known = new ServiceSymbols();
    known.append(start, block);
    known.append(start, block);
    known.append(start, {
      ...block,
      functions: ['a', 'b', 'c'],
      frameFunction: Int32Array.of(0, 1, 2),
      frameFile: Int32Array.of(0, 0, 0),
      frameLine: Int32Array.of(10, 20, 30),
    });
    expect(known.counts).toEqual({ functions: 3, files: 1, frames: 3 });
    expect(known.findFrame(known.findFunction('c'), known.findFile('a.go'), 30)).toBe(2);
    expect(known.findFrame(0, 0, 11)).toBe(-1);
    expect(known.findFunction('d')).toBe(-1);
  });

  it('refuse a block after a gap, and frames of functions that are not there', () => {
    const known = new ServiceSymbols();
    expect(() => known.append({ functions: 1, files: 0, frames: 0 }, block)).toThrow(DamagedBlockError);
    expect(() => known.append(start, { ...block, frameFunction: Int32Array.of(0, 2) })).toThrow(DamagedBlockError);
    expect(() => new MonthTree().append(2, { parent: Int32Array.of(0), frame: Int32Array.of(0) })).toThrow(
      DamagedBlockError,
    );
  });

  it('leave a reader the stacks that he has seen while they grow', () => {
    const tree = new MonthTree();
    tree.append(1, { parent: Int32Array.of(0, 1), frame: Int32Array.of(5, 6) });
    const seen = tree.view();
    for (let first = 3; first < 5000; first++)
      tree.append(first, { parent: Int32Array.of(first - 1), frame: Int32Array.of(7) });
    expect(seen).toEqual({ parent: Int32Array.of(-1, 0, 1), frame: Int32Array.of(-1, 5, 6) });
    expect(tree.view().parent).toHaveLength(5000);
    expect(tree.find(4000, 7)).toBe(4001);
    expect(tree.find(-1, -1)).toBe(-1);
    expect(tree.framesNeeded).toBe(8);
  });

  it('find every row among many, and no other', () => {
    const [a, b] = [new GrowingColumn(), new GrowingColumn()];
    const table = new IntTable(a, b);
    for (let row = 0; row < 3000; row++) {
      a.push(row % 50);
      b.push(Math.floor(row / 50) - 30);
      if (row % 700 === 0) expect(table.find(row % 50, Math.floor(row / 50) - 30)).toBe(row);
    }
    for (let row = 0; row < 3000; row++) expect(table.find(row % 50, Math.floor(row / 50) - 30)).toBe(row);
    expect(table.find(50, 0)).toBe(-1);
  });
});

function emptyTable(): SymbolTable {
  const none = new Int32Array();
  return { functions: [], files: [], frameFunction: none, frameFile: none, frameLine: none };
}
