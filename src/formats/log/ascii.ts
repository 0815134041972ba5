/** Reading ASCII out of bytes without making strings. */

export function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** The bytes of an ASCII text. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Whether `text` stands at `at`, before `end`. */
export function startsWith(bytes: Uint8Array, at: number, end: number, text: Uint8Array): boolean {
  if (end - at < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** The number that these bytes spell in decimal, or -1 if one of them is no digit or there are none or more than 15. */
export function digits(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start || end - start > 15) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at] - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Where `text` first begins in `bytes[start, end)`, or -1. The text is short. */
export function indexOf(bytes: Uint8Array, start: number, end: number, text: Uint8Array): number {
  const first = text[0];
  for (let at = start; at + text.length <= end; at++) {
    if (bytes[at] === first && startsWith(bytes, at, end, text)) return at;
  }
  return -1;
}
