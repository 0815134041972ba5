/** Statistics of values that stand for several observations each. */

/**
 * The nearest-rank percentile: the smallest value such that at least `share` of the observations are not larger. Sorts
 * the array. `share` is from 0 to 1; there is at least one value.
 */
export function nearestRank(values: { readonly value: number; readonly weight: number }[], share: number): number {
  values.sort((a, b) => a.value - b.value);
  let total = 0;
  for (const { weight } of values) total += weight;
  const rank = Math.max(1, Math.ceil(share * total));
  let seen = 0;
  for (const { value, weight } of values) {
    seen += weight;
    if (seen >= rank) return value;
  }
  return values[values.length - 1].value;
}

/** The slope of the weighted least squares line through `count` points, or null if they have no extent in x. */
export function weightedSlope(
  count: number,
  point: (index: number) => { readonly x: number; readonly y: number; readonly weight: number },
): number | null {
  let weights = 0;
  let meanX = 0;
  let meanY = 0;
  let squares = 0;
  let products = 0;
  // Updated point by point, so that large times do not eat up the digits of small differences.
  for (let i = 0; i < count; i++) {
    const { x, y, weight } = point(i);
    weights += weight;
    const dx = x - meanX;
    meanX += (dx * weight) / weights;
    meanY += ((y - meanY) * weight) / weights;
    squares += weight * dx * (x - meanX);
    products += weight * dx * (y - meanY);
  }
  return squares > 0 ? products / squares : null;
}
