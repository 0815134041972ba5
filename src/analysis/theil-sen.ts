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
  let count = 0;
  for (let i = 0; i < x.length; i++) {
    for (let j = i + 1; j < x.length; j++) {
      if (x[j] > x[i]) slopes[count++] = (y[j] - y[i]) / (x[j] - x[i]);
    }
  }
  return count === 0 ? null : medianOf(slopes.subarray(0, count));
}

/** Of one call at a time: tens of thousands of series are judged one after the other. */
const slopes = new Float64Array((theilSenPoints * (theilSenPoints - 1)) / 2);

function inRuns(values: readonly number[]): number[] {
  return Array.from({ length: theilSenPoints }, (_, run) => {
    const begin = Math.floor((run * values.length) / theilSenPoints);
    const end = Math.floor(((run + 1) * values.length) / theilSenPoints);
    return medianOf(Float64Array.from(values.slice(begin, end)));
  });
}

/** @param values not empty; their order is lost */
function medianOf(values: Float64Array): number {
  const middle = values.length >> 1;
  const upper = selected(values, middle);
  if (values.length % 2 === 1) return upper;
  // All that are less stand before it.
  let lower = values[0];
  for (let i = 1; i < middle; i++) if (values[i] > lower) lower = values[i];
  return (lower + upper) / 2;
}

/**
 * The value that would stand at `place` if they were sorted; those before it are then no greater, those after it no less
 * (Hoare's selection; sorting all pairs would be most of the cost of a slope).
 */
function selected(values: Float64Array, place: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = medianOfThree(values[low], values[(low + high) >> 1], values[high]);
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      const swapped = values[i];
      values[i++] = values[j];
      values[j--] = swapped;
    }
    if (place <= j) high = j;
    else if (place >= i) low = i;
    else break;
  }
  return values[place];
}

function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
