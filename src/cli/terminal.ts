import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { styleText } from 'node:util';

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
    writeAnswer(text.endsWith('\n') ? text : `${text}\n`);
  },
  remark(text) {
    process.stderr.write(`${styleText('dim', text, { stream: process.stderr })}\n`);
  },
  progress(text) {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text ?? ''}`);
  },
};

const standardOutput = 1;
/** Set once the stream is needed: from then on everything goes through it, in order. */
let stream: NodeJS.WriteStream | null = null;

/** To a file or a pipe without the stream that Node makes of it: making it takes longer than most answers do. */
function writeAnswer(text: string): void {
  if (stream === null && !isatty(standardOutput)) {
    const bytes = Buffer.from(text);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(standardOutput, bytes, written);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') leave();
      // A pipe that somebody made non-blocking is full: the stream knows how to wait.
      if (code !== 'EAGAIN') throw error;
      answerStream().write(bytes.subarray(written));
      return;
    }
  }
  answerStream().write(text);
}

function answerStream(): NodeJS.WriteStream {
  if (stream === null) {
    stream = process.stdout;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      leave();
    });
  }
  return stream;
}

/** A reader that goes away (`tidemark folded … | head`) is no failure. */
function leave(): never {
  process.exit(0);
}

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
