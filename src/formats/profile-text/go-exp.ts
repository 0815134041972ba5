/**
 * e^x as Go computes it on amd64, bit for bit (math/exp_amd64.s, the way with fused multiply-add that every processor
 * of the last decade takes). A heap profile is scaled with it and then cut to integers: another last bit of the
 * exponential is another number of bytes. Math.exp may differ in that bit.
 *
 * Exact for |x| < 700; beyond it 0 or Infinity, where Go's result is so close to them that the scale is the same.
 */
export function goExp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 700) return Infinity;
  if (x < -700) return 0;
  const exponent = roundHalfEven(x * log2e);
  let r = fma(-exponent, ln2Upper, x);
  r = fma(-exponent, ln2Lower, r) * 0.0625;
  let sum = taylor[0];
  for (let i = 1; i < taylor.length; i++) sum = fma(r, sum, taylor[i]);
  // e^r - 1, then four times (y + 2) * y: e^2r - 1, e^4r - 1, …
  let y = r * sum;
  for (let i = 0; i < 3; i++) y *= y + 2;
  return fma(y + 2, y, 1) * 2 ** exponent;
}

const log2e = 1.4426950408889634;
const ln2Upper = 0.693147180559663;
const ln2Lower = 2.8235290563031577e-13;
/** 1/8! to 1/1!, as Go's table has them. */
const taylor = [
  2.48015873015873e-5, 1.984126984126984e-4, 1.388888888888889e-3, 8.333333333333333e-3, 4.1666666666666664e-2,
  1.6666666666666666e-1, 0.5, 1,
];

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * a * b + c, rounded once, for results far from the ends of the exponents. Product and sum are split into a double and
 * its exact error; the errors are added with rounding to odd, which keeps the last rounding honest.
 *
 * Source: S. Boldo, G. Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to
 * odd", IEEE Transactions on Computers 57(4), 2008.
 */
export function fma(a: number, b: number, c: number): number {
  const product = a * b;
  const productError = errorOfProduct(a, b, product);
  const low = c + productError;
  const lowError = errorOfSum(c, productError, low);
  const high = product + low;
  const highError = errorOfSum(product, low, high);
  return high + oddSum(lowError, highError);
}

/** The exact error of `sum`, the rounded a + b (Knuth). */
function errorOfSum(a: number, b: number, sum: number): number {
  const bPart = sum - a;
  return a - (sum - bPart) + (b - bPart);
}

/** The exact error of `product`, the rounded a * b (Dekker, with Veltkamp's halves). */
function errorOfProduct(a: number, b: number, product: number): number {
  const aHigh = highHalf(a);
  const bHigh = highHalf(b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

function highHalf(a: number): number {
  const spread = a * 0x8000001;
  return spread - (spread - a);
}

const double = new Float64Array(1);
const bits = new BigInt64Array(double.buffer);

/** a + b; where that is not exact, the neighbour of the sum whose last bit is 1. */
function oddSum(a: number, b: number): number {
  const sum = a + b;
  const error = errorOfSum(a, b, sum);
  if (error === 0) return sum;
  double[0] = sum;
  if ((bits[0] & 1n) === 0n) bits[0] += sum > 0 === error > 0 ? 1n : -1n;
  return double[0];
}
