import type { FormatError } from './format-error.js';

/** What was left out of an input of several pieces (documents, lines) whose others could be read. */
export interface Damage {
  /** How many pieces. */
  readonly lost: number;
  /** What is wrong with the first of them. */
  readonly first: FormatError;
}
