/** Pairs grow with the square; beyond so many points neighbours are taken together first. */
export const theilSenPoints = 200;

/**
 * The median of the slopes between all pairs of points (Theil 1950, Sen 1968): a trend that up to 29 % of the points may
 * contradict. Of more than `theilSenPoints` points, runs of neighbours count as one each, with their median x and y.
 *
 * @param xs ascending, as long as `ys`
 * @returns y per x; null where there are no two points with different x
 */
export function theilSenSlope(xs: readonly number[], ys: readonly number[]): number | null {
  const [x, y] = xs.length > theilSenPoints ? [inRuns(xs), inRuns(ys)] : [xs, ys];
  const slopes = new Float64Array((x.length * (x.length - 1)) / 2);
  let count = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = i + 1; j < x.length; j++) {
      if (x[j] > x[i]) slopes[count++] = (y[j] - y[i]) / (x[j] - x[i]);
    }
  }
  return count === 0 ? null : medianOf(slopes.subarray(0, count).sort());
}

function inRuns(values: readonly number[]): number[] {
  return Array.from({ length: theilSenPoints }, (_, run) => {
    const begin = Math.floor((run * values.length) / theilSenPoints);
    const end = Math.floor(((run + 1) * values.length) / theilSenPoints);
    return medianOf(Float64Array.from(values.slice(begin, end)).sort());
  });
}

/** @param sorted ascending, not empty */
function medianOf(sorted: Float64Array): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
