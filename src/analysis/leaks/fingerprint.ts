const offset = 0x6c62272e07bb014262b821756295c58dn;
const prime = (1n << 88n) + 0x13bn;
const mask = (1n << 128n) - 1n;

/** FNV-1a of 128 bits over UTF-8 as 32 hexadecimal digits: names of places, not secrets. */
export function fingerprint(...parts: readonly string[]): string {
  let hash = offset;
  for (const byte of new TextEncoder().encode(parts.map((part) => `${part.length}:${part}`).join('\n'))) {
    hash = ((hash ^ BigInt(byte)) * prime) & mask;
  }
  return hash.toString(16).padStart(32, '0');
}
