import type { Budget } from '../budget.js';
import { overBudget } from '../format-error.js';
import { StringTable } from '../pprof/string-table.js';

const cutMark = '…';
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Collects the strings of a profile, each once; number 0 is `""`. */
export class StringPool {
  cutStrings = 0;
  invalidStrings = 0;
  private readonly values: string[] = [''];
  private readonly numbers = new Map<string, number>([['', 0]]);
  private bytesMet = 0;

  constructor(private readonly budget: Budget) {}

  /** Number of the UTF-8 string `bytes[start, end)`; what is too long to be kept is cut, what is wrong is replaced. */
  ofBytes(bytes: Uint8Array, start: number, end: number): number {
    const { stringBytes, keptStringBytes } = this.budget;
    if (end - start > stringBytes) throw overBudget('stringBytes', end - start, stringBytes, start);
    const cut = end - start > keptStringBytes;
    const kept = bytes.subarray(start, cut ? start + keptStringBytes : end);
    const text = utf8.decode(kept) + (cut ? cutMark : '');
    const known = this.numbers.get(text);
    if (known !== undefined) return known;
    if (cut) this.cutStrings++;
    else if (text.includes('\ufffd') && !isUtf8(kept)) this.invalidStrings++;
    return this.add(text, kept.length);
  }

  of(text: string): number {
    return this.numbers.get(text) ?? this.add(text, text.length);
  }

  at(number: number): string {
    return this.values[number];
  }

  build(): StringTable {
    return StringTable.of(this.values);
  }

  private add(text: string, byteLength: number): number {
    const { strings, stringTableBytes } = this.budget;
    this.bytesMet += byteLength;
    if (this.values.length >= strings) throw overBudget('strings', this.values.length + 1, strings);
    if (this.bytesMet > stringTableBytes) throw overBudget('stringTableBytes', this.bytesMet, stringTableBytes);
    const number = this.values.push(text) - 1;
    this.numbers.set(text, number);
    return number;
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strictUtf8.decode(bytes);
    return true;
  } catch {
    // The decoder has no other way to say no.
    return false;
  }
}
