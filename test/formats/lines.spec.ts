import fc from 'fast-check';
import { LineSplitter } from '../../src/formats/lines.js';

describe('lines', () => {
  it('are the same wherever the text is cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'bc', '\n', '\r\n', '\r', 'longer than it may be')),
        fc.infiniteStream(fc.nat(5)),
        (pieces, sizes) => {
          const text = Buffer.from(pieces.join(''));
          const whole = linesOf([text]);
          const chunks: Buffer[] = [];
          for (let at = 0; at < text.length;) {
            const size = 1 + (sizes.next().value as number);
            chunks.push(text.subarray(at, at + size));
            at += size;
          }
          expect(linesOf(chunks)).toEqual(whole);
        },
      ),
    );
  });

  it('end at LF or CR LF; the last may lack its end, which is told', () => {
    expect(linesOf([Buffer.from('one\r\n\ntwo\rthree\nfour')])).toEqual({
      lines: ['one', '', 'two\rthree', 'four'],
      cut: true,
      long: 0,
    });
    expect(linesOf([Buffer.from('one\n')])).toEqual({ lines: ['one'], cut: false, long: 0 });
    expect(linesOf([])).toEqual({ lines: [], cut: false, long: 0 });
  });

  it('beyond the limit keep their beginning and are counted', () => {
    expect(linesOf([Buffer.from('12345678901234567890\n1234567890\n')])).toEqual({
      lines: ['1234567890', '1234567890'],
      cut: false,
      long: 1,
    });
  });
});

function linesOf(chunks: readonly Uint8Array[]): { lines: string[]; cut: boolean; long: number } {
  const lines: string[] = [];
  let wasCut = false;
  const splitter = new LineSplitter(
    {
      line: (bytes, start, end) => void lines.push(Buffer.from(bytes.subarray(start, end)).toString()),
      end: (cut) => void (wasCut = cut),
    },
    10,
  );
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return { lines, cut: wasCut, long: splitter.longLines };
}
