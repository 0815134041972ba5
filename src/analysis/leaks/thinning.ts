/**
 * Which of the ascending times to keep, as indices: at most `most`, always the first and the last. Times that are `marked`
 * come before others, the latest first, up to half of the room. What else there is room for lies as evenly in time as
 * the given times allow: where a stretch has none, the widest other gaps are filled instead.
 */
export function thinned(times: readonly number[], marked: ReadonlySet<number>, most: number): number[] {
  if (times.length <= most) return Array.from(times.keys());
  const last = times.length - 1;
  const kept = new Set(most < 2 ? [last] : [0, last]);
  const markedLatestFirst = [...marked].sort((a, b) => b - a);
  for (const index of markedLatestFirst) if (kept.size < most >> 1) kept.add(index);
  const wanted = most - kept.size;
  const chosen = new Set(kept);
  for (let step = 1; step <= wanted; step++) {
    chosen.add(nearest(times, times[0] + ((times[last] - times[0]) * step) / (wanted + 1)));
  }
  while (chosen.size < most) chosen.add(middleOfWidestGap(times, chosen));
  return [...chosen].sort((a, b) => a - b);
}

/** Of two that are as near, the earlier. */
function nearest(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - times[low - 1] <= times[low] - at ? low - 1 : low;
}

/** The one not chosen that is farthest from those that are, the earliest such. */
function middleOfWidestGap(times: readonly number[], chosen: ReadonlySet<number>): number {
  const before = new Float64Array(times.length);
  for (let index = 0, distance = Infinity; index < times.length; index++) {
    distance = chosen.has(index) ? 0 : distance + times[index] - (times[index - 1] ?? times[index]);
    before[index] = distance;
  }
  let widest = -1;
  let best = -1;
  for (let index = times.length - 1, distance = Infinity; index >= 0; index--) {
    distance = chosen.has(index) ? 0 : distance + (times[index + 1] ?? times[index]) - times[index];
    if (chosen.has(index)) continue;
    const free = Math.min(before[index], distance);
    if (free >= widest) {
      widest = free;
      best = index;
    }
  }
  return best;
}
