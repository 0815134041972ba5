/* What the lines of a dump have in common: ASCII words, blanks and decimal numbers, as bytes. */

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function isBlank(byte: number): boolean {
  return byte === 9 || byte === 0x20;
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

export function startsWith(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start < wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
  return true;
}

/** At most 20 decimal digits; a number as long as that is exact. Beyond 64 bits: the largest uint64. */
export function decimalAt(bytes: Uint8Array, start: number, end: number): number | bigint {
  if (end - start <= 15) {
    let value = 0;
    for (let i = start; i < end; i++) value = value * 10 + bytes[i] - 0x30;
    return value;
  }
  let value = 0n;
  for (let i = start; i < end; i++) value = value * 10n + BigInt(bytes[i] - 0x30);
  if (value > maxUint64) return maxUint64;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

const maxUint64 = (1n << 64n) - 1n;
