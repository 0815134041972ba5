import { snapshotTimes, type TimeClues, unitMillis } from '../../src/cli/snapshot-times.js';

const noon = Date.UTC(2026, 0, 31, 12);
const minute = 60_000;

/** Files that were all written at one time, as a copy leaves them. */
function clues(moment: string, known: Partial<TimeClues> = {}): TimeClues {
  return {
    instance: 'local',
    moment,
    later: 0,
    ownMillis: null,
    namedMillis: null,
    modifiedMillis: noon + 86_400_000,
    ...known,
  };
}

/** Minutes after noon, and where each is from. */
const times = (all: readonly TimeClues[]) =>
  snapshotTimes(all).map(({ atMillis, from }) => [(atMillis - noon) / minute, from]);

const written = (moment: string, minutes: number): TimeClues =>
  clues(moment, { modifiedMillis: noon + minutes * minute });
const clocked = (moment: string, minutes: number, modified = minutes): TimeClues =>
  clues(moment, { ownMillis: noon + minutes * minute, modifiedMillis: noon + modified * minute });
const named = (moment: string, minutes: number): TimeClues => clues(moment, { namedMillis: noon + minutes * minute });

describe('the time of a snapshot', () => {
  it("is the artefact's own, whatever else there is", () => {
    const own = clues('1', { ownMillis: noon, namedMillis: noon + 99, modifiedMillis: noon + 98 });
    expect(times([own])).toEqual([[0, 'artefact']]);
  });

  it('is that of what was taken together with it, just after it', () => {
    const all = [clocked('0', 0), clues('0'), clocked('1', 7), clues('1'), clocked('1', 7.5)];
    expect(times(all)).toEqual([
      [0, 'artefact'],
      [1 / minute, 'companion'],
      [7, 'artefact'],
      [7.5 + 1 / minute, 'companion'],
      [7.5, 'artefact'],
    ]);
  });

  it('is not from a clock that stands still', () => {
    const stuck = ['1', '2', '3'].map((moment) => clues(moment, { ownMillis: noon }));
    expect(times([...stuck, clues('3')]).map(([, from]) => from)).toEqual(['order', 'order', 'order', 'order']);
    expect(times(stuck.slice(1)).map(([, from]) => from)).toEqual(['artefact', 'artefact']);
  });

  it('is not that of another instance', () => {
    const all = [clocked('0', 3, 1440), clues('0', { instance: 'pod-2' })];
    expect(times(all)[1]).toEqual([3, 'order']);
    expect(times([...all, clues('1', { instance: 'pod-2' })]).slice(1)).toEqual([
      [2, 'order'],
      [3, 'order'],
    ]);
  });

  describe('in the name', () => {
    it('counts before that of the file', () => {
      const all = [named('a', 0), named('b', 5)];
      expect(times(all)).toEqual([
        [0, 'name'],
        [5, 'name'],
      ]);
    });

    it('is of the zone that other names show, which know their time', () => {
      const known = clues('a', { ownMillis: noon, namedMillis: noon + 120 * minute + 400 });
      expect(times([known, named('b', 130)])).toEqual([
        [0, 'artefact'],
        [10, 'name'],
      ]);
    });

    it('means something else if two moments have the same, or it is not as far from every clock', () => {
      expect(times([named('1', 0), named('2', 0)]).map(([, from]) => from)).toEqual(['order', 'order']);
      const strange = [0, 40].map((away) =>
        clues(`k${away}`, { ownMillis: noon + away * minute, namedMillis: noon, modifiedMillis: noon + away * minute }),
      );
      expect(times([...strange, named('z', 99)])[2][1]).not.toBe('name');
    });
  });

  describe('of the last change of the file', () => {
    it('counts where files lie as they were written', () => {
      expect(times([written('1', 0), written('2', 5), written('10', 17)])).toEqual([
        [0, 'file'],
        [5, 'file'],
        [17, 'file'],
      ]);
    });

    it('is the first of what was taken together', () => {
      expect(times([written('1', 0), written('1', 0.05), written('2', 5)])).toEqual([
        [0, 'file'],
        [0, 'file'],
        [5, 'file'],
      ]);
    });

    it('does not count if files were copied: then they follow each other in less than a second', () => {
      const copied = ['1', '2', '10'].map((moment, i) => clues(moment, { modifiedMillis: noon + i * 300 }));
      expect(snapshotTimes(copied).map(({ from }) => from)).toEqual(['order', 'order', 'order']);
      expect(times([clues('1'), clues('2')]).map(([, from]) => from)).toEqual(['order', 'order']);
    });

    it('does not count if it contradicts the numbers in the names, of any length', () => {
      const backwards = [written('2', 9), written('10', 4)];
      expect(times(backwards)).toEqual([
        [8, 'order'],
        [9, 'order'],
      ]);
      expect(times([written('2', 4), written('10', 9)]).map(([, from]) => from)).toEqual(['file', 'file']);
    });

    it('counts in whatever order if names have none', () => {
      expect(times([written('after', 9), written('before', 0)])).toEqual([
        [9, 'file'],
        [0, 'file'],
      ]);
    });

    it('does not count where files with a clock changed long after what that says', () => {
      const copied = [clocked('a', 0, 600), clocked('b', 10, 600), written('c', 601)];
      expect(times(copied)[2]).toEqual([20, 'between']);
      const original = [clocked('a', 0), clocked('b', 10, 11), written('c', 30)];
      expect(times(original)[2]).toEqual([30, 'file']);
    });
  });

  describe('by the order of names', () => {
    it('takes numbers by their value, and is one unit after the other up to the last time that is known', () => {
      const all = [clues('10'), clues('9'), clues('1')];
      const end = noon + 86_400_000;
      expect(snapshotTimes(all).map(({ atMillis }) => (atMillis - end) / unitMillis)).toEqual([0, -1, -2]);
    });

    it('is between those whose times are known, and as far apart before and after them', () => {
      const all = [clues('0'), clocked('1', 10), clues('2'), clues('3'), clocked('4', 40), clues('5')];
      expect(times(all)).toEqual([
        [0, 'between'],
        [10, 'artefact'],
        [20, 'between'],
        [30, 'between'],
        [40, 'artefact'],
        [50, 'between'],
      ]);
    });

    it('is around the only one that is known', () => {
      expect(times([clues('1'), clocked('2', 10), clues('3')])).toEqual([
        [9, 'order'],
        [10, 'artefact'],
        [11, 'order'],
      ]);
    });

    it('leads up to the last that is known where those are not in order', () => {
      expect(times([clocked('1', 50), clocked('2', 10), clues('3'), clues('4')]).slice(2)).toEqual([
        [49, 'order'],
        [50, 'order'],
      ]);
    });

    it('goes by how much longer goroutines wait, if dumps say that', () => {
      const dump = (moment: string, ...waits: [id: number, minutes: number][]): TimeClues =>
        clues(moment, {
          modifiedMillis: noon,
          waits: {
            ids: BigUint64Array.from(waits, ([id]) => BigInt(id)),
            minutes: Int32Array.from(waits, ([, minutes]) => minutes),
          },
        });
      // Goroutine 1 blocks all the while, 7 is woken in between, 9 is another one each time.
      expect(times([dump('0', [1, 3], [7, 2]), dump('1', [1, 13], [7, 1], [8, 9]), dump('2', [1, 63])])).toEqual([
        [-60, 'waits'],
        [-50, 'waits'],
        [0, 'waits'],
      ]);
      // To the minute they would be 0, 1, 1 and 2.
      const close = ['0', '1', '2', '3'].map((moment, i) => dump(moment, [1, Math.floor(i * 0.7) || -1]));
      expect(times(close)).toEqual([-2, -4 / 3, -2 / 3, 0].map((minutes) => [expect.closeTo(minutes, 3), 'waits']));
      // All within two minutes.
      expect(times([dump('0', [1, 5]), dump('1', [1, 5]), dump('2', [1, 5])])).toEqual([
        [-1, 'order'],
        [-0.5, 'order'],
        [0, 'order'],
      ]);
      // A dump that cannot tell, and one that knows its time.
      expect(times([dump('0', [1, 3]), clues('1'), dump('2', [1, 63])]).map(([, from]) => from)).toEqual([
        'order',
        'order',
        'order',
      ]);
      const known = { ...dump('1', [1, 13]), ownMillis: noon + 5 * minute };
      expect(times([dump('0', [1, 3]), known, dump('2', [1, 63])])).toEqual([
        [-5, 'waits'],
        [5, 'artefact'],
        [55, 'waits'],
      ]);
    });

    it('takes the snapshots of one file in their order; the last is of the time of the file', () => {
      const log = (later: number): TimeClues => clues('app', { later, modifiedMillis: noon });
      expect(times([log(2), log(1), log(0)])).toEqual([
        [-2, 'order'],
        [-1, 'order'],
        [0, 'file'],
      ]);
    });
  });

  it('does not depend on the order of the clues', () => {
    const all = [
      clocked('0', 0),
      clues('0'),
      clues('1'),
      clocked('2', 20),
      named('3', 31),
      clues('12', { instance: 'pod-2' }),
      clues('3', { instance: 'pod-2' }),
      clues('a', { instance: 'pod-3', later: 1 }),
      clues('a', { instance: 'pod-3' }),
    ];
    const expected = new Map(all.map((each, i) => [each, snapshotTimes(all)[i]]));
    for (let shift = 1; shift < all.length; shift++) {
      const turned = [...all.slice(shift), ...all.slice(0, shift)].reverse();
      expect(snapshotTimes(turned)).toEqual(turned.map((each) => expected.get(each)));
    }
  });
});
