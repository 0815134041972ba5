// Weighted means, and how far they would move with other programs and other services.

/** mulberry32: the same numbers in every run. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Mean of `value` over the rows, with the middle 95 % of the means of resampled clusters: windows of one program, or of
 * one service, are one observation. With several names of clusters each is resampled by itself (programs × hosts), and a
 * row counts as often as all of its clusters were drawn.
 *
 * @param {object[]} rows
 * @param {(row: object) => number} value
 * @param {string[]} clusters names of properties of the rows
 * @returns {{ mean: number, low: number, high: number, count: number }} NaN without rows
 */
export function meanOf(rows, value, clusters, rounds = 400) {
  const levels = clusters.map((name) => levelsOf(rows, name));
  // Rows of the same clusters are drawn together: their sums are enough.
  const cells = new Map();
  let total = 0;
  rows.forEach((row, i) => {
    const key = levels.reduce((number, { of, size }) => number * size + of[i], 0);
    let cell = cells.get(key);
    if (cell === undefined) cells.set(key, (cell = { at: levels.map(({ of }) => of[i]), sum: 0, count: 0 }));
    const one = value(row);
    cell.sum += one;
    cell.count++;
    total += one;
  });
  const means = [];
  const random = randomOf(20_260_105);
  for (let round = 0; round < rounds && rows.length > 0; round++) {
    const drawn = levels.map(({ size }) => {
      const times = new Float64Array(size);
      for (let i = 0; i < size; i++) times[Math.floor(random() * size)]++;
      return times;
    });
    let sum = 0;
    let count = 0;
    for (const cell of cells.values()) {
      let times = 1;
      for (let level = 0; level < drawn.length; level++) times *= drawn[level][cell.at[level]];
      sum += times * cell.sum;
      count += times * cell.count;
    }
    if (count > 0) means.push(sum / count);
  }
  means.sort((a, b) => a - b);
  const at = (share) => means[Math.round(share * (means.length - 1))] ?? NaN;
  return { mean: total / rows.length, low: at(0.025), high: at(0.975), count: rows.length };
}

function levelsOf(rows, name) {
  const numbers = new Map();
  const of = Int32Array.from(rows, (row) => {
    const key = row[name];
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    return numbers.get(key);
  });
  return { of, size: numbers.size };
}

/** How often a positive stands above a negative; ties count half. (Mann–Whitney) */
export function areaUnderCurve(positives, negatives) {
  const sorted = Float64Array.from(negatives).sort();
  let above = 0;
  for (const value of positives) {
    above += (countBelow(sorted, value, false) + countBelow(sorted, value, true)) / 2;
  }
  return above / (positives.length * negatives.length);
}

function countBelow(sorted, value, orEqual) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value || (orEqual && sorted[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The smallest value that at most `share` of the values are above. */
export function thresholdFor(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((1 - share) * sorted.length) - 1)];
}

/** @returns {Map<string, T[]>} */
export function grouped(list, keyOf) {
  const groups = new Map();
  for (const one of list) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return groups;
}
