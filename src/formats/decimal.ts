/** Longer texts are no numbers that anything prints. */
const longestNumber = 400;
/** Digits of an integer that is kept exact; every 64-bit and 128-bit one has fewer. */
const longestInteger = 40;

/**
 * A number as Go prints it (`%d`, `%v`, `%g`, `%f`): a bigint where the text is an integer, else the nearest double;
 * `NaN` and infinities in Go's spellings, in any case. Null for anything else.
 */
export function decimalOf(text: string): bigint | number | null {
  if (text.length > longestNumber) return null;
  if (text.length <= longestInteger && /^[+-]?\d+$/.test(text))
    return BigInt(text.startsWith('+') ? text.slice(1) : text);
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    const number = Number(text);
    return Number.isFinite(number) ? number : null;
  }
  const special = /^([+-]?)(nan|inf|infinity)$/i.exec(text);
  if (special === null) return null;
  if (special[2].toLowerCase() === 'nan') return special[1] === '' ? NaN : null;
  return special[1] === '-' ? -Infinity : Infinity;
}
