import { gzipSync } from 'node:zlib';
import { CliFailure } from '../../src/cli/failure.js';
import { type GoroutinesOptions, type NamedBytes, printGoroutines } from '../../src/cli/goroutines.js';
import { dumpFixture } from '../formats/goroutine-dump-fixtures.js';
import { profileFixture } from '../formats/profile-fixtures.js';

function run(bytes: Uint8Array, options: GoroutinesOptions = {}, base?: NamedBytes) {
  const printed: string[] = [];
  const remarks: string[] = [];
  printGoroutines(
    bytes,
    'FILE',
    options,
    {
      print: (text) => printed.push(text),
      remark: (text) => remarks.push(text),
      progress: () => undefined,
    },
    base,
  );
  return { text: printed.join('\n'), remarks };
}

interface Answer {
  captures: {
    kind: string;
    goroutines: number;
    crash: { text: string } | null;
    group_count: number;
    states: { state: string; count: number }[];
    groups: { state: string; category: string; count: number; name: string; sample_ids: string[] }[];
  }[];
  losses: { code: string }[];
}
const json = (bytes: Uint8Array, options: GoroutinesOptions = {}) =>
  JSON.parse(run(bytes, { ...options, json: true }).text) as Answer;

const minutes = dumpFixture('go1.26/goroutine-minutes.debug2.txt');

describe('tidemark goroutines', () => {
  it('prints the groups of a dump, the largest first, with wait, creator, ids and frames', () => {
    const { text, remarks } = run(minutes);
    expect(text).toMatch(/^Dump, 30 goroutines\n {2}12 chan receive, /);
    expect(text).toMatch(
      /\n11 chan receive; up to 3 minutes \(11 1-5\); created by main\.startBlocked; goroutines (?:\d+, ){10}…\n {4}main\.leakRecv {2}\/home\/gopher\/go\/src\/fx\/main\.go:139\n/,
    );
    expect(text).toMatch(/\n1 select \(no cases\); for ever; /);
    expect(remarks).toEqual([]);
  });

  it('groups by site, creator and label, and shows as many groups as asked', () => {
    const bySite = json(minutes, { by: 'site', limit: '2' }).captures[0];
    expect(bySite.groups.map(({ count, state, name }) => [count, state, name])).toEqual([
      [11, 'chan receive', 'main.leakRecv'],
      [3, 'chan send', 'main.leakSend'],
    ]);
    expect(bySite.group_count).toBeGreaterThan(10);
    expect(run(minutes, { limit: '2' }).text).toMatch(/\d+ more groups; --limit 0 shows all\.$/);
    const labelled = json(dumpFixture('go1.26/panic-error-labels.txt'), { label: 'tenant' }).captures[0];
    expect(labelled.groups).toContainEqual(
      expect.objectContaining({ name: 'acme', count: 4, state: 'chan receive', category: 'channel' }),
    );
  });

  it('shows each dump of a log with what happened', () => {
    const quit = dumpFixture('go1.26/sigquit-minutes.txt');
    const log = Buffer.concat([Buffer.from('starting\n'), quit, Buffer.from('\nrestarted\n'), quit]);
    expect(run(log).text).toMatch(/^Dump 1 of 2, 37 goroutines, lines 2 to \d+\n {2}SIGQUIT: quit\n {2}PC=/);
    expect(json(log).captures.map(({ goroutines, crash }) => [goroutines, crash?.text.slice(0, 13)])).toEqual([
      [37, 'SIGQUIT: quit'],
      [37, 'SIGQUIT: quit'],
    ]);
  });

  it('reads a dump that is gzip, and a goroutine profile, of whose states it shows what the frames tell', () => {
    expect(json(gzipSync(minutes))).toEqual(json(minutes));
    const { captures } = json(profileFixture('go1.26/goroutine.pb.gz'));
    expect(captures[0]).toMatchObject({ kind: 'goroutine', goroutines: 31 });
    expect(captures[0].states[0]).toMatchObject({ state: 'chan receive', count: 13 });
    expect(run(profileFixture('go1.27/goroutineleak.pb.gz')).text).toMatch(/^Profile, 8 leaked goroutines, 2026-/);
  });

  it('says what was lost', () => {
    const { remarks } = run(dumpFixture('damaged/truncated-midline.txt'));
    expect(remarks).toEqual(['Lost: the text ends within a goroutine (1)']);
  });

  it('shows only what is asked for, and says what matched nothing', () => {
    const { text } = run(minutes, { by: 'site', state: 'chan send' });
    expect(text).toMatch(/\n {2}3 as asked for\n\n3 chan send; /);
    expect(json(minutes, { by: 'state', category: 'channel' }).captures[0].groups.map(({ name }) => name)).toEqual([
      'chan receive',
      'chan send',
      'chan receive (nil chan)',
      'chan send (nil chan)',
    ]);
    expect(json(minutes, { minWait: '4' }).captures[0].groups).toEqual([]);
    expect(run(minutes, { focus: 'nothing like it' }).remarks).toEqual(['--focus matched nothing']);
  });

  it('shows what changed since a base, most first', () => {
    const base = { bytes: profileFixture('go1.27/goroutineleak.pb.gz'), origin: 'BASE' };
    const { text } = run(minutes, { by: 'site' }, base);
    expect(text).toMatch(/\n\n11 chan receive; \+11 \(new, 0 before\); /);
    expect(text).toMatch(/\n\n3 chan send; as before; /);
  });

  it('lets no name reach the terminal that is not shown as it is', () => {
    const hostile = 'goroutine 1 [a\u001b[2J]:\nmain.\u001b]0;x\u0007(0x1)\n\t/c\u001b.go:1 +0x1\n';
    // eslint-disable-next-line no-control-regex -- that there is none is the point
    expect(run(Buffer.from(hostile)).text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it.each<[string, Uint8Array, GoroutinesOptions, RegExp]>([
    ['another kind of profile', profileFixture('go1.26/heap.pb.gz'), {}, /of kind heap, not of goroutines/],
    ['a crash without goroutines', Buffer.from('panic: boom\n'), {}, /unrecognized: this is no goroutine dump/],
    ['something else', Buffer.from('hello\n'), {}, /FILE: unrecognized/],
    ['an unknown grouping', minutes, { by: 'colour' }, /--by is one of stack, site, created-by, state, label/],
    ['an unknown category', minutes, { category: 'colour' }, /--category is one of channel, /],
    ['a label without its grouping', minutes, { by: 'site', label: 'x' }, /--label goes with --by label/],
    ['a pattern of another syntax', minutes, { focus: '(?=x)' }, /focus: /],
    ['waits of a profile', profileFixture('go1.26/goroutine.pb.gz'), { minWait: '1' }, /tells no waits/],
    ['labels of a profile', profileFixture('go1.26/goroutine.pb.gz'), { by: 'label' }, /tells no labels/],
    ['a limit that is no number', minutes, { limit: 'x' }, /not a number of groups/],
  ])('refuses %s', (_, bytes, options, message) => {
    expect(() => run(bytes, options)).toThrow(CliFailure);
    expect(() => run(bytes, options)).toThrow(message);
  });
});
