import { fingerprint, fnv1a128 } from '../../../src/analysis/leaks/fingerprint.js';
import { rankLeaks } from '../../../src/analysis/leaks/rank.js';
import { allocation, EvidenceOf, goroutine } from '../../builders/leak-evidence.js';

describe('FNV-1a of 128 bits', () => {
  // The offset basis is the hash of nothing; the others are of the authors' test vectors (isthe.com/chongo/tech/comp/fnv).
  it.each([
    ['', '6c62272e07bb014262b821756295c58d'],
    ['a', 'd228cb696f1a8caf78912b704e4a8964'],
    ['foobar', '343e1662793c64bf6f0d3597ba446f18'],
  ])('of %p is %s', (text, hash) => {
    expect(fnv1a128(text)).toBe(hash);
  });

  it('is that of whole numbers of 128 bits', () => {
    const byDefinition = (text: string): string => {
      let hash = 0x6c62272e07bb014262b821756295c58dn;
      for (const byte of new TextEncoder().encode(text)) {
        hash = ((hash ^ BigInt(byte)) * ((1n << 88n) + 0x13bn)) % (1n << 128n);
      }
      return hash.toString(16).padStart(32, '0');
    };
    for (const text of ['', 'x', 'grün', 'net/http.(*conn).serve', '\u{1f4a7}'.repeat(99), 'main.'.repeat(400)]) {
      expect(fnv1a128(text)).toBe(byDefinition(text));
    }
  });
});

describe('the fingerprint of parts', () => {
  it('differs where the same text is cut at another place', () => {
    const prints = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['a\n1:b', 'c']].map((parts) =>
      fingerprint(...parts),
    );
    expect(new Set(prints).size).toBe(prints.length);
  });
});

describe('the fingerprint of a suspect', () => {
  const at = (i: number): number => 1.7e12 + i * 3_600_000;
  const ofGoroutines = (stack: ReturnType<typeof goroutine>, build: string): string => {
    const evidence = new EvidenceOf();
    for (let i = 0; i < 6; i++) evidence.goroutines('pod-1', at(i), [{ stack, count: 10 + 10 * i }], { build });
    return rankLeaks(evidence.build()).suspects[0].fingerprint;
  };
  const leak = goroutine('chan receive', 'shop.wait shop/a.go:3 < shop.work shop/a.go:9', 'shop.Start');

  it('stays when lines move, files are renamed, and builds change', () => {
    const moved = goroutine('chan receive', 'shop.wait shop/b.go:44 < shop.work shop/b.go:70', 'shop.Start');
    expect(ofGoroutines(moved, 'v2')).toBe(ofGoroutines(leak, 'v1'));
  });

  it('is the same in a dump and in a profile, which does not tell the creator', () => {
    expect(ofGoroutines({ ...leak, createdBy: null }, 'v1')).toBe(ofGoroutines(leak, 'v1'));
  });

  it('differs by what they wait for and by the function', () => {
    const others = [
      leak,
      { ...leak, state: 'chan send' },
      goroutine('chan receive', 'shop.wait < shop.other', 'shop.Start'),
      goroutine('chan receive', 'shop.wait2 < shop.work', 'shop.Start'),
    ];
    expect(new Set(others.map((one) => ofGoroutines(one, ''))).size).toBe(4);
  });

  it('of memory is that of the function to open, whatever the library allocates in', () => {
    const ofHeap = (frames: string): string => {
      const evidence = new EvidenceOf();
      const stack = allocation(frames);
      for (let i = 0; i < 8; i++) evidence.heap('pod-1', at(i), [{ stack, bytes: (10 + 50 * i) * 2 ** 20 }]);
      return rankLeaks(evidence.build()).suspects[0].fingerprint;
    };
    expect(ofHeap('bytes.growSlice < shop.Cache.Add shop/c.go:4 < main.main')).toBe(
      ofHeap('strings.(*Builder).grow < shop.Cache.Add shop/c.go:5 < main.main'),
    );
    expect(ofHeap('bytes.growSlice < shop.Cache.Add')).not.toBe(ofHeap('bytes.growSlice < shop.Cache.Get'));
  });
});
