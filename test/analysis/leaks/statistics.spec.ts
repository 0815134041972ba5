import {
  correlation,
  gamma,
  growthShape,
  kendallChance,
  kendallTau,
  median,
  nearestTo,
  neverFalls,
  normalCdf,
  normalQuantile,
  sinceItBegan,
  stouffer,
  wilsonLower,
} from '../../../src/analysis/leaks/statistics.js';

const hour = 3_600_000;
const hours = (n: number): number[] => Array.from({ length: n }, (_, i) => 1.7e12 + i * hour);

/** All orders of 1 to n. */
function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) =>
    Array.from({ length: n }, (_, at) => [...rest.slice(0, at), n, ...rest.slice(at)]),
  );
}

/** How many permutations of n have each number of inversions, as whole numbers (Mahonian numbers, OEIS A008302). */
function mahonian(n: number): bigint[] {
  if (n === 1) return [1n];
  const before = mahonian(n - 1);
  return Array.from({ length: (n * (n - 1)) / 2 + 1 }, (_, inversions) =>
    before.slice(Math.max(0, inversions - n + 1), inversions + 1).reduce((sum, count) => sum + count, 0n),
  );
}

describe("Kendall's τ", () => {
  it('is pairs that rise less pairs that fall, of all pairs: a tie is no growth', () => {
    expect(kendallTau([1, 2, 3, 4])).toBe(1);
    expect(kendallTau([4, 3, 2, 1])).toBe(-1);
    expect(kendallTau([1, 3, 2, 4])).toBeCloseTo(4 / 6);
    expect(kendallTau([1, 1, 1, 2])).toBeCloseTo(3 / 6);
    expect(kendallTau([5, 5, 5])).toBe(0);
    expect([kendallTau([]), kendallTau([7])]).toEqual([0, 0]);
  });

  // Kendall, Rank Correlation Methods, appendix table 1: the probability of S and more.
  it.each([
    [4, 6, 0.042],
    [4, 4, 0.167],
    [4, 2, 0.375],
    [4, 0, 0.625],
    [5, 10, 0.0083],
    [5, 8, 0.042],
    [5, 6, 0.117],
    [5, 4, 0.242],
    [8, 16, 0.031],
    [8, 18, 0.016],
    [9, 20, 0.022],
    [10, 19, 0.054],
    [10, 21, 0.036],
    [10, 29, 0.0046],
  ])('of %i points has S ≥ %i by chance as often as the printed tables say', (n, s, chance) => {
    expect(kendallChance(s / ((n * (n - 1)) / 2), n)).toBeCloseTo(chance, chance < 0.01 ? 4 : 3);
  });

  it('has the exact probability, against every order of up to seven numbers', () => {
    for (let n = 2; n <= 7; n++) {
      const taus = permutations(n).map(kendallTau);
      for (const tau of new Set(taus)) {
        const share = taus.filter((other) => other >= tau - 1e-9).length / taus.length;
        expect(kendallChance(tau, n)).toBeCloseTo(share, 10);
      }
    }
  });

  it('with ties is told to be about as likely as it is', () => {
    for (const values of [
      [0, 0, 1, 1, 1],
      [0, 1, 1, 1, 1],
      [0, 0, 1, 1, 2],
      [0, 1, 2, 2, 3],
    ]) {
      const taus = permutations(5).map((order) => kendallTau(order.map((rank) => values[rank - 1])));
      for (const tau of new Set(taus)) {
        const share = taus.filter((other) => other >= tau - 1e-9).length / taus.length;
        if (tau > 0) expect(Math.abs(kendallChance(tau, 5) - share)).toBeLessThan(0.12);
      }
    }
  });

  it('is nearly as likely by the normal distribution as it is, from eleven points on', () => {
    for (const n of [11, 12, 15]) {
      const counts = mahonian(n);
      const all = counts.reduce((sum, count) => sum + count, 0n);
      let upTo = 0n;
      counts.forEach((count, inversions) => {
        upTo += count;
        const exact = Number((upTo * 1_000_000_000n) / all) / 1e9;
        const tau = 1 - (2 * inversions) / (counts.length - 1);
        expect(Math.abs(kendallChance(tau, n) - exact)).toBeLessThan(0.005);
      });
    }
  });

  it('says nothing for one point, and never more than certainty', () => {
    expect([kendallChance(0, 0), kendallChance(0, 1)]).toEqual([1, 1]);
    for (let n = 2; n <= 40; n++) expect(kendallChance(-1, n)).toBeLessThanOrEqual(1);
  });
});

it("Goodman and Kruskal's γ leaves ties out", () => {
  expect(gamma([1, 1, 1, 2])).toBe(1);
  expect(gamma([1, 1, 3, 2])).toBeCloseTo(3 / 5);
  expect(gamma([2, 2, 2])).toBe(0);
});

describe('the normal distribution', () => {
  it.each([
    [0, 0.5],
    [1, 0.8413447],
    [1.959964, 0.975],
    [-1.281552, 0.1],
    [3, 0.9986501],
    [40, 1],
    [-40, 0],
  ])('has Φ(%d) = %d', (z, share) => {
    expect(normalCdf(z)).toBeCloseTo(share, 6);
  });

  it('has the quantile as its inverse, and a finite one for what is impossible or certain', () => {
    for (const share of [0.001, 0.1, 0.5, 0.9, 0.975]) expect(normalCdf(normalQuantile(share))).toBeCloseTo(share, 6);
    expect(normalQuantile(0.975)).toBeCloseTo(1.96, 3);
    expect([normalQuantile(0), normalQuantile(1)].every(Number.isFinite)).toBe(true);
  });
});

describe('chances as one (Stouffer)', () => {
  it('are the chance itself for one, certainty for none, and rarer for several that agree', () => {
    expect(stouffer([])).toBe(1);
    expect(stouffer([0.03])).toBeCloseTo(0.03, 6);
    // z = 1.644854 · √2 = 2.326174
    expect(stouffer([0.05, 0.05])).toBeCloseTo(0.01, 4);
    expect(stouffer([0.5, 0.5, 0.5])).toBeCloseTo(0.5, 6);
    expect(stouffer([0.1, 0.9])).toBeCloseTo(0.5, 6);
  });
});

describe("the lower end of a share's 80 % interval (Wilson)", () => {
  it.each([
    [1, 1, 0.3784],
    [5, 10, 0.3122],
    [10, 10, 0.8589],
    [0, 10, 0],
    [0, 0, 0],
  ])('of %i in %i is %d', (hits, of, lower) => {
    expect(wilsonLower(hits, of)).toBeCloseTo(lower, 4);
  });
});

it('the median of an even number is the middle of the two', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5]);
  expect(median([])).toBeNaN();
});

it("Pearson's correlation is 0 where one stands still", () => {
  expect(correlation([1, 2, 3], [2, 4, 6])).toBeCloseTo(1);
  expect(correlation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1);
  expect(correlation([1, 2, 3], [5, 5, 5])).toBe(0);
});

it('the nearest moment is found, the earlier one of two that are as near', () => {
  expect(nearestTo([0, 4, 5, 6, 100], [0, 10, 20])).toEqual([0, 0, 0, 1, 2]);
  expect(nearestTo([3, 7], [5])).toEqual([0, 0]);
});

it('a series never falls if no value is below the one before', () => {
  expect([neverFalls([1, 1, 2]), neverFalls([1, 3, 2, 5]), neverFalls([])]).toEqual([true, false, true]);
});

describe('the shape of growth', () => {
  it('of a straight line is its slope, and it goes on', () => {
    const shape = growthShape(
      hours(12),
      Array.from({ length: 12 }, (_, i) => 10 + 3 * i),
    );
    expect(shape).toEqual({
      points: 12,
      perHour: 3,
      grown: 33,
      tau: 1,
      goesOn: 1,
      drawdown: 0,
      floorRises: true,
    });
  });

  it('of what reaches a level does not go on', () => {
    const shape = growthShape(hours(12), [0, 20, 40, 60, 80, 100, 100, 100, 100, 100, 100, 100]);
    expect(shape.goesOn).toBe(0);
    expect(shape.perHour).toBeGreaterThan(0);
  });

  it('of a sawtooth falls by all of its range, and what it comes down to does not rise', () => {
    const shape = growthShape(hours(12), [0, 10, 20, 30, 0, 10, 20, 30, 0, 10, 20, 30]);
    expect(shape.drawdown).toBeGreaterThan(0.6);
    expect(shape.floorRises).toBe(false);
  });

  it('is not moved by one wild value', () => {
    const values = Array.from({ length: 12 }, (_, i) => 10 * i);
    values[5] = 10_000;
    expect(growthShape(hours(12), values)).toMatchObject({ perHour: 10, drawdown: 0, floorRises: true });
  });

  it('does not depend on how far apart the snapshots are, only on time', () => {
    const at = [0, 1, 2, 5, 6, 11].map((i) => 1.7e12 + i * hour);
    expect(
      growthShape(
        at,
        [0, 1, 2, 5, 6, 11].map((i) => 7 * i),
      ).perHour,
    ).toBeCloseTo(7);
  });

  it('of few points says what they cannot tell', () => {
    expect(growthShape(hours(2), [1, 5])).toMatchObject({ goesOn: 1, drawdown: 0, floorRises: null, tau: 1 });
    expect(growthShape(hours(3), [1, 5, 3])).toMatchObject({ goesOn: 1, drawdown: 0.5 });
  });

  it('begins where growth began, if five points and more remain', () => {
    const values = [5, 5, 5, 5, 6, 7, 8, 9];
    const [at, since] = sinceItBegan(hours(8), values);
    expect([since, at.length]).toEqual([[5, 6, 7, 8, 9], 5]);
    expect(sinceItBegan(hours(4), [5, 5, 6, 7])[1]).toEqual([5, 5, 6, 7]);
  });
});
