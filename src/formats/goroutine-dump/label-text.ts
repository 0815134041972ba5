import type { LabelSet } from './dump.js';

/**
 * The labels of a goroutine header, sorted by key. Go 1.26 quotes everything, `"endpoint": "/v1/items \"q\""`; Go 1.27
 * quotes where it must, `endpoint: "/v1/items \"q\"", tenant: acme`. Null if the text is neither.
 *
 * Source: Go runtime/traceback.go, goroutineheader.
 */
export function readLabels(text: string): LabelSet | null {
  const labels: { key: string; value: string }[] = [];
  let at = 0;
  const word = (end: string): string | null => {
    if (text[at] === '"') {
      const close = closingQuote(text, at);
      if (close < 0) return null;
      const quoted = text.slice(at + 1, close);
      at = close + 1;
      return unquote(quoted);
    }
    const stop = text.indexOf(end, at);
    const plain = text.slice(at, stop < 0 ? text.length : stop);
    at += plain.length;
    return plain;
  };
  while (at < text.length) {
    const key = word(':');
    if (key === null || !text.startsWith(': ', at)) return null;
    at += 2;
    const value = word(',');
    if (value === null) return null;
    labels.push({ key, value });
    if (at === text.length) break;
    if (!text.startsWith(', ', at)) return null;
    at += 2;
  }
  return labels.sort((a, b) => compare(a.key, b.key) || compare(a.value, b.value));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Index of the quote that closes the one at `open`; -1 if there is none. */
export function closingQuote(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i;
  }
  return -1;
}

/**
 * What the inside of a Go string literal stands for, as Go's runtime writes it: `\n \r \t \\ \"`, `\x07`, `\u00e9`,
 * `\U0001f600`. A byte of `\x80` and above was no UTF-8, and becomes U+FFFD. Null for any other escape.
 *
 * Source: Go runtime/print.go, printquoted.
 */
function unquote(quoted: string): string | null {
  if (!quoted.includes('\\')) return quoted;
  let out = '';
  for (let i = 0; i < quoted.length; i++) {
    if (quoted[i] !== '\\') {
      out += quoted[i];
      continue;
    }
    const escape = quoted[++i];
    const simple = simpleEscapes.get(escape);
    if (simple !== undefined) {
      out += simple;
      continue;
    }
    const digits = hexDigits.get(escape);
    if (digits === undefined) return null;
    const hex = quoted.slice(i + 1, i + 1 + digits);
    const code = Number.parseInt(hex, 16);
    if (!/^[0-9a-f]+$/i.test(hex) || hex.length < digits || code > 0x10ffff) return null;
    out += escape === 'x' && code > 127 ? '\ufffd' : String.fromCodePoint(code);
    i += digits;
  }
  return out;
}

const simpleEscapes = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['\\', '\\'],
  ['"', '"'],
]);

const hexDigits = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
]);
