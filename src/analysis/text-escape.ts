/**
 * A name as it may appear in a terminal or a text file: control characters (C0, DEL, C1), line and paragraph
 * separators, the marks that reverse the reading direction and lone surrogates become `\u001b`-like escapes. A profile
 * is written by someone else, who may have put anything into the name of a function.
 */
export function escapeControl(text: string): string {
  return text.replace(unsafe, escapeCharacter);
}

const unsafe =
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** `\u001b` for ESC. */
export function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
