import pc from 'picocolors';

/** What a command writes: answers to stdout, everything else to stderr, so that a pipe carries only answers. */
export interface Terminal {
  /** The answer. */
  print(text: string): void;
  /** A remark for the person at the terminal. */
  remark(text: string): void;
  /** Progress of long work; drawn over itself, and only where a person looks. */
  progress(text: string | null): void;
}

export const terminal: Terminal = {
  print(text) {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  },
  remark(text) {
    process.stderr.write(`${pc.dim(text)}\n`);
  },
  progress(text) {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text ?? ''}`);
  },
};

/** Columns aligned by their widest cell; numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], rightAligned: readonly number[] = []): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (rightAligned.includes(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)].join('\n');
}

/** Names come from uploaded files: a control character in one must not reach the terminal as a command. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
