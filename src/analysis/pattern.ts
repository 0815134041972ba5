import { RE2JS } from 're2js';

/** Longest pattern that a caller may send. */
export const maxPatternLength = 256;

/** A regular expression that cannot be used. The message is fit to be shown to whoever sent it. */
export class PatternError extends Error {
  override readonly name = 'PatternError';

  constructor(
    /** Which pattern: `focus`, `ignore`, `hide`, `show`. */
    readonly option: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`${option}: ${reason}`, options);
  }
}

/** A regular expression of RE2's syntax, found anywhere in a text, in time linear in the text. */
export interface Pattern {
  found(text: string): boolean;
}

/** @throws PatternError if the pattern is longer than `maxLength` or not of RE2's syntax */
export function compilePattern(option: string, source: string, maxLength = maxPatternLength): Pattern {
  if (source.length > maxLength) {
    throw new PatternError(option, `the pattern has ${source.length} characters; at most ${maxLength} are allowed`);
  }
  let expression: RE2JS;
  try {
    expression = RE2JS.compile(source);
  } catch (error) {
    throw new PatternError(option, error instanceof Error ? error.message : String(error), { cause: error });
  }
  return { found: (text) => expression.test(text) };
}
