import { stacksOfText } from '../../src/analysis/from-profile-text.js';
import { stackProfileOf } from '../../src/analysis/from-pprof.js';
import type { StackProfile } from '../../src/analysis/stack-profile.js';
import { top } from '../../src/analysis/top.js';
import { defaultBudget } from '../../src/formats/budget.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { decodeProfileText } from '../../src/formats/profile-text/decode.js';
import type { ProfileText } from '../../src/formats/profile-text/profile-text.js';
import { describeWithPprof, exactFlags, parseTop, runPprof } from '../oracle/pprof.js';
import { sameMoment, textFixtures } from '../formats/profile-text-fixtures.js';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Flat and cum of every function, as text: equal tables give equal text. */
function table(stacks: StackProfile, sampleType: number, leaveOut: RegExp): string {
  return top(stacks, { sampleType })
    .rows.filter((row) => !leaveOut.test(row.function ?? ''))
    .map((row) => `${row.function} ${row.flat} ${row.cum}`)
    .sort()
    .join('\n');
}

describe('the text of a profile says what the protobuf of the same moment says', () => {
  const kinds = ['heap', 'allocs', 'block', 'mutex', 'goroutine', 'threadcreate', 'pool.conns'];

  test.each(kinds)('totals of every sample type: %s', (kind) => {
    const moment = sameMoment(kind);
    const fromText = stacksOfText(decodeProfileText(moment.text));
    const fromProto = stackProfileOf(decodePprof(moment.proto));
    expect(fromText.stacks.sampleTypes).toEqual(fromProto.stacks.sampleTypes);
    expect(fromText.totals).toEqual(fromProto.totals);
    expect(fromText.absoluteTotals).toEqual(fromProto.absoluteTotals);
    expect(fromText.totals.some((total) => total > 0n)).toBe(true);
  });

  test.each(kinds)('flat and cum of every function that the text shows: %s', (kind) => {
    const moment = sameMoment(kind);
    const fromText = stacksOfText(decodeProfileText(moment.text)).stacks;
    const fromProto = stackProfileOf(decodePprof(moment.proto)).stacks;
    // A text of counts hides the innermost frames of the runtime: who called them has their flat values then.
    const hides = !['heap', 'allocs', 'block', 'mutex'].includes(kind);
    fromText.sampleTypes.forEach((_, sampleType) => {
      if (!hides) {
        expect(table(fromText, sampleType, /^$/)).toBe(table(fromProto, sampleType, /^$/));
        return;
      }
      const proto = new Map(top(fromProto, { sampleType }).rows.map((row) => [row.function, row.cum]));
      for (const row of top(fromText, { sampleType }).rows) {
        if (/^runtime\./.test(row.function ?? '')) continue;
        expect(`${row.function} ${row.cum}`).toBe(`${row.function} ${proto.get(row.function)}`);
      }
    });
  });

  test('period and its type', () => {
    for (const kind of ['heap', 'block', 'mutex', 'goroutine', 'pool.conns']) {
      const moment = sameMoment(kind);
      const { periodType, period } = decodeProfileText(moment.text).profile;
      const proto = decodePprof(moment.proto);
      expect({ kind, periodType, period }).toEqual({ kind, periodType: proto.periodType, period: proto.period });
    }
  });

  test('labels, however they are quoted', () => {
    const moment = sameMoment('goroutine');
    expect(labelled(decodeProfileText(moment.text).profile)).toEqual(labelled(decodePprof(moment.proto)));
    const heap = sameMoment('heap');
    expect(labelled(decodeProfileText(heap.text).profile)).toEqual(labelled(decodePprof(heap.proto)));
  });

  /** Values and labels of each sample, sorted. */
  function labelled({ samples, labels, strings }: ProfileText['profile']): string[] {
    const rows: string[] = [];
    for (let row = 0; row < samples.count; row++) {
      const own: string[] = [];
      for (let l = labels.start[row]; l < labels.start[row + 1]; l++) {
        own.push(`${strings.at(labels.key[l])}=${strings.at(labels.str[l])}${labels.num[l]}`);
      }
      // Go makes records of nothing, and more of them whenever it looks.
      if (samples.values.every((column) => !column[row])) continue;
      rows.push(`${samples.values.map((column) => column[row]).join(' ')} ${own.sort().join(',')}`);
    }
    return rows.sort();
  }
});

/**
 * Texts that the tool refuses, and sampled mutex events, which it multiplies twice: here they equal the protobuf. Two
 * columns are four where nothing was freed yet.
 */
const notAsTheTool = /negative|no-header|1\.15\/threadcreate|same-moment\/mutex/;
const fixtures = textFixtures().filter(({ name }) => !notAsTheTool.test(name));

function typeForTool(name: string, type: string): string {
  return name.includes('two-column') ? type.replace(/^\w+_/, '') : type;
}

describeWithPprof('go tool pprof reads the same text', () => {
  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
    'with the same total of every sample type: %s',
    (name, { bytes }) => {
      const { stacks, absoluteTotals } = stacksOfText(decodeProfileText(bytes));
      stacks.sampleTypes.forEach(({ type, unit }, sampleType) => {
        const flags = exactFlags(typeForTool(name, type), unit);
        expect(`${type} ${parseTop(runPprof(flags, [bytes])).total}`).toBe(`${type} ${absoluteTotals[sampleType]}`);
      });
    },
  );

  test.each(fixtures.filter(({ bytes }) => bytes.length < 2 ** 20).map((fixture) => [fixture.name, fixture] as const))(
    'with the same flat and cum of every address: %s',
    (name, { bytes }) => {
      const bare = text(
        new TextDecoder()
          .decode(bytes)
          .split('\n')
          .filter((line) => !line.startsWith('#'))
          .join('\n'),
      );
      const { stacks } = stacksOfText(decodeProfileText(bare));
      stacks.sampleTypes.forEach(({ type, unit }, sampleType) => {
        const printed = parseTop(runPprof(['-addresses', ...exactFlags(typeForTool(name, type), unit)], [bare])).rows;
        const theirs = [...printed]
          .map(([site, { flat, cum }]) => [BigInt(`0x${site.split(' ')[0]}`), flat, cum] as const)
          // The padding of threads, at the address before 0.
          .filter(([address]) => address !== 2n ** 64n - 1n)
          .map(([address, flat, cum]) => `0x${address.toString(16)} ${flat} ${cum}`);
        expect(table(stacks, sampleType, /^\(/)).toBe(theirs.sort().join('\n'));
      });
    },
  );
});

describe('stacks of a text', () => {
  const frames = (from: number, count: number): string =>
    Array.from({ length: count }, (_, i) => `#\t0x${(from + i).toString(16)}\tmain.f${from + i}+0x1\t/a.go:1\n`).join(
      '',
    );
  const addresses = (from: number, count: number): string =>
    Array.from({ length: count }, (_, i) => ` 0x${(from + i + 1).toString(16)}`).join('');

  test('those that reach the depth limit in program counters are marked, though fewer frames are shown', () => {
    const cut = `1 @${addresses(256, 128)}\n${frames(258, 126)}\n`;
    const whole = `1 @${addresses(4096, 3)}\n#\t0x1\truntime.main+0x1\t/p.go:2\n\n`;
    const { stacks, notes } = stacksOfText(decodeProfileText(text(`goroutine profile: total 2\n${cut}${whole}`)));
    expect(notes.map(({ code, count }) => `${code} ${count}`)).toEqual(['stacks-truncated 1']);
    expect(top(stacks, { sampleType: 0 }).rows.find((row) => row.function === '(truncated)')?.cum).toBe(1n);
  });

  test('a record whose frames are cut off keeps its value under a root that says so', () => {
    const begun = `7 @${addresses(256, 3)}\n${frames(256, 2)}`;
    for (const end of ['#\t0x103\tmain.ma', `\n3 @${addresses(256, 2)}`, `\n3 @${addresses(256, 2)}\n`]) {
      const { stacks } = stacksOfText(decodeProfileText(text(`goroutine profile: total 10\n${begun}${end}`)));
      const count = end.includes('3 @') ? 3n : 7n;
      expect(top(stacks, { sampleType: 0 }).rows.find((row) => row.function === '(truncated)')?.cum).toBe(count);
    }
  });

  test('names are canonical, as those of a protobuf', () => {
    const source = 'goroutine profile: total 3\n3 @ 0x3\n#\t0x2\tmain.F[go.shape.int]+0x1\t/a.go:7\n\n';
    const [row] = top(stacksOfText(decodeProfileText(text(source))).stacks, { sampleType: 0, by: 'line' }).rows;
    expect(row).toMatchObject({ function: 'main.F[...]', file: '/a.go', line: 7, flat: 3n });
  });

  test('the smallest ones beyond the budget are folded, and every total stays', () => {
    const record = (i: number): string => `${i} @ 0x${i}\n#\t0x${i}\tmain.F${i}+0x1\t/a.go:${i}\n\n`;
    const source = `goroutine profile: total 6\n${[1, 2, 3].map(record).join('')}`;
    const budget = { ...defaultBudget, indexedSamples: 2 };
    const { stacks, totals, notes } = stacksOfText(decodeProfileText(text(source)), budget);
    expect(top(stacks, { sampleType: 0 }).rows.map((row) => `${row.function} ${row.flat}`)).toEqual(
      expect.arrayContaining(['main.F3 3', 'other 3']),
    );
    expect(totals).toEqual([6n]);
    expect(notes).toEqual([expect.objectContaining({ code: 'stacks-folded', count: 2, loss: true })]);
  });
});
