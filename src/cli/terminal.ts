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
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  rightAligned: readonly number[] = [],
): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        rightAligned.includes(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)].join('\n');
}
