/** Bytes, the lowest first, of 0x6c62272e07bb014262b821756295c58d. */
const offset = [0x8d, 0xc5, 0x95, 0x62, 0x75, 0x21, 0xb8, 0x62, 0x42, 0x01, 0xbb, 0x07, 0x2e, 0x27, 0x62, 0x6c];
/** The prime is 2^88 + 0x13b. */
const low = 0x13b;
const highByte = 11;

/** FNV-1a of 128 bits over UTF-8 as 32 hexadecimal digits: names of places, not secrets. */
export function fnv1a128(text: string): string {
  const hash = Uint8Array.from(offset);
  const before = new Uint8Array(hash.length);
  for (const byte of new TextEncoder().encode(text)) {
    hash[0] ^= byte;
    before.set(hash);
    let carry = 0;
    for (let at = 0; at < hash.length; at++) {
      carry += before[at] * low + (at < highByte ? 0 : before[at - highByte]);
      hash[at] = carry & 0xff;
      carry >>>= 8;
    }
  }
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0'))
    .reverse()
    .join('');
}

/** Of parts, none of which can pass for another by what it holds. */
export function fingerprint(...parts: readonly string[]): string {
  return fnv1a128(parts.map((part) => `${part.length}:${part}`).join('\n'));
}
