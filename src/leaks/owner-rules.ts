import { RE2JS } from 're2js';

/** A pattern that cannot be used; the message is fit to be shown to whoever sent it. */
export class OwnerPatternError extends Error {
  override readonly name = 'OwnerPatternError';
}

export const maxOwnerRules = 500;
export const maxOwnerPatternLength = 256;

export interface OwnerRule {
  /** A glob over the path of a function (`github.com/acme/pay/**`) or of its file. */
  readonly pattern: string;
  readonly teamId: string;
}

/** Compiled rules, in their order. */
export interface OwnerRules {
  /** The team of the last rule that matches the function or its file; null: none does. */
  teamOf(place: { readonly function: string; readonly file: string }): string | null;
}

interface CompiledRule {
  readonly teamId: string;
  /** What every match begins with: nearly all texts are told by it, and the expression is not asked. */
  readonly prefix: string;
  readonly expression: RE2JS;
}

/**
 * Compiles ordered rules, as of a CODEOWNERS file: the last one that matches counts. A pattern must match the whole path
 * of a function or of a file: `*` is any text without a slash, `**` any text, `?` one character but a slash, and a
 * pattern that ends in a slash means all below it. Everything else stands for itself. Matching takes time linear in the
 * text (RE2), whatever the pattern.
 *
 * @throws OwnerPatternError
 */
export function compileOwnerRules(rules: readonly OwnerRule[]): OwnerRules {
  const compiled = rules.map(({ pattern, teamId }): CompiledRule => ({ teamId, ...compileGlob(pattern) })).reverse();
  const matches = ({ prefix, expression }: CompiledRule, text: string) =>
    text.startsWith(prefix) && expression.matcher(text).matches();
  return {
    teamOf: (place) =>
      compiled.find((rule) => matches(rule, place.function) || matches(rule, place.file))?.teamId ?? null,
  };
}

function compileGlob(pattern: string): Omit<CompiledRule, 'teamId'> {
  if (pattern === '' || pattern.length > maxOwnerPatternLength || pattern.trim() !== pattern) {
    throw new OwnerPatternError(`a pattern has 1 to ${maxOwnerPatternLength} characters and no space at either end`);
  }
  const glob = pattern.endsWith('/') ? `${pattern}**` : pattern;
  const source = glob.replace(/\*\*|[*?]|[^*?]+/g, (part) => {
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    return part === '?' ? '[^/]' : RE2JS.quote(part);
  });
  return { prefix: /^[^*?]*/.exec(glob)![0], expression: RE2JS.compile(source, RE2JS.DOTALL) };
}
