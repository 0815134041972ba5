import { decimalOf } from '../decimal.js';

/** One line of a page: a name with its labels, a value, and when it was taken if that is there. */
export interface SampleLine {
  readonly name: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: bigint | number;
  /** As written: milliseconds in the text format, seconds with a fraction in OpenMetrics. */
  readonly timestamp: string | null;
}

/**
 * Reads one sample of the text format 0.0.4 or of OpenMetrics; a name in quotes inside the braces too (the form for
 * names in UTF-8). An exemplar is passed over. Null if the line is none.
 *
 * Sources: prometheus/common expfmt/text_parse.go; the OpenMetrics specification, 1.0.
 */
export function parseSampleLine(line: string, labelsPerSample: number): SampleLine | null {
  let at = skipBlanks(line, 0);
  const nameStart = at;
  while (at < line.length && isNameUnit(line.charCodeAt(at))) at++;
  let name = line.slice(nameStart, at);
  at = skipBlanks(line, at);
  const labels: [string, string][] = [];
  if (line[at] === '{') {
    at = skipBlanks(line, at + 1);
    while (line[at] !== '}') {
      const key = line[at] === '"' ? quoted(line, at) : labelName(line, at);
      if (key === null) return null;
      at = skipBlanks(line, key.end);
      if (line[at] === '=') {
        const value = quoted(line, skipBlanks(line, at + 1));
        if (value === null || labels.length >= labelsPerSample) return null;
        labels.push([key.text, value.text]);
        at = skipBlanks(line, value.end);
      } else {
        if (name !== '' || labels.length > 0 || line[key.end - 1] !== '"') return null;
        name = key.text;
      }
      if (line[at] === ',') at = skipBlanks(line, at + 1);
      else if (line[at] !== '}') return null;
    }
    at++;
  }
  if (name === '') return null;
  const exemplar = line.indexOf(' # ', at);
  const words = line
    .slice(at, exemplar === -1 ? line.length : exemplar)
    .split(/[ \t]/)
    .filter((word) => word !== '');
  if (words.length < 1 || words.length > 2) return null;
  const value = decimalOf(words[0]);
  if (value === null) return null;
  if (words.length === 2 && typeof finite(words[1]) === 'undefined') return null;
  return { name, labels, value, timestamp: words[1] ?? null };
}

function finite(text: string): bigint | number | undefined {
  const value = decimalOf(text);
  return value === null || (typeof value === 'number' && !Number.isFinite(value)) ? undefined : value;
}

interface Piece {
  readonly text: string;
  readonly end: number;
}

function labelName(line: string, start: number): Piece | null {
  let end = start;
  while (end < line.length && isNameUnit(line.charCodeAt(end))) end++;
  return end === start ? null : { text: line.slice(start, end), end };
}

/** A text in quotes, in which `\\`, `\"` and `\n` are escapes; before another character a backslash stands for itself. */
function quoted(line: string, start: number): Piece | null {
  if (line[start] !== '"') return null;
  let text = '';
  let pieceStart = start + 1;
  for (let at = start + 1; at < line.length; at++) {
    const unit = line[at];
    if (unit === '"') return { text: text + line.slice(pieceStart, at), end: at + 1 };
    if (unit !== '\\') continue;
    const next = line[at + 1];
    if (next === 'n' || next === '"' || next === '\\') {
      text += line.slice(pieceStart, at) + (next === 'n' ? '\n' : next);
      pieceStart = at + 2;
    }
    at++;
  }
  return null;
}

function skipBlanks(line: string, at: number): number {
  while (line[at] === ' ' || line[at] === '\t') at++;
  return at;
}

/** Letters, digits, `_` and `:`. */
export function isNameUnit(unit: number): boolean {
  const lower = unit | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (unit >= 0x30 && unit <= 0x3a) || unit === 0x5f;
}

/** The labels as a page writes them, with its escapes; empty for none. */
export function labelText(labels: readonly (readonly [string, string])[]): string {
  if (labels.length === 0) return '';
  const escaped = (value: string): string => value.replace(/[\\"\n]/g, (unit) => (unit === '\n' ? '\\n' : `\\${unit}`));
  return `{${labels.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`;
}
