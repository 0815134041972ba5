import { escapeControl } from '../analysis/text-escape.js';
import { absoluteSumOf } from '../analysis/exact.js';
import { compileFilter, type FilterOption, filterStacks } from '../analysis/filter.js';
import { isGoroutines, withoutGoroutineMarkers } from '../analysis/goroutine-markers.js';
import { PatternError } from '../analysis/pattern.js';
import { sampleTypeIndex, SampleTypeError } from '../analysis/sample-type.js';
import type { StackProfile } from '../analysis/stack-profile.js';
import { top, type TopTable } from '../analysis/top.js';
import { defaultBudget } from '../formats/budget.js';
import { FormatError } from '../formats/format-error.js';
import { inflateNatively } from '../ingest/native-inflate.js';
import { parse } from '../ingest/parse.js';
import type { ParsedPart } from '../ingest/parsed-part.js';
import { CliFailure } from './failure.js';
import { readBytes } from './local-file.js';
import type { StackOptions, TableOptions } from './options.js';
import type { Terminal } from './terminal.js';

/** Reads a file ("-" is standard input) and decodes it; nothing is sent anywhere. */
export function readParts(path: string): readonly ParsedPart[] {
  return parseBytes(readBytes(path), path);
}

/**
 * Decodes bytes that came from somewhere; `origin` is what an error calls them.
 *
 * @param aroundMillis about when they were captured, Unix milliseconds
 */
export function parseBytes(bytes: Uint8Array, origin: string, aroundMillis = Date.now()): readonly ParsedPart[] {
  const request = {
    contentEncoding: 'identity',
    declaredKind: null,
    declaredDelta: null,
    name: origin,
    aroundNanos: BigInt(Math.round(aroundMillis)) * 1_000_000n,
  } as const;
  try {
    return parse(bytes, request, { budget: defaultBudget, inflate: inflateNatively });
  } catch (error) {
    if (error instanceof FormatError) {
      const offset = error.at.offset === undefined ? '' : ` at byte ${error.at.offset}`;
      throw new CliFailure(
        'failed',
        `${escapeControl(origin)}: ${error.fault}${offset}: ${escapeControl(error.message)}`,
        { cause: error },
      );
    }
    throw error;
  }
}

/** The stacks of a local file with the options of a command applied, as the server would. */
export interface ChosenStacks {
  readonly stacks: StackProfile;
  readonly sampleType: number;
  /** What shares refer to: everything, before any pattern. */
  readonly total: bigint;
  readonly unmatched: readonly FilterOption[];
}

export function chooseStacks(part: Pick<PartWithStacks, 'stacks' | 'details'>, options: StackOptions): ChosenStacks {
  return refusing(() => {
    const filter = compileFilter(options);
    const sampleType = sampleTypeIndex(part.stacks.sampleTypes, options.sampleType, part.details.defaultSampleType);
    return {
      ...filterStacks(part.stacks, filter),
      sampleType,
      total: absoluteSumOf(part.stacks.values[sampleType]),
    };
  });
}

/** A table of a local file, and what is said about it. */
export interface LocalTop {
  readonly kind: ParsedPart['kind'];
  readonly unmatched: readonly FilterOption[];
  readonly table: TopTable;
  /** 0 or undefined: unknown. */
  readonly timeNanos: bigint | undefined;
  readonly durationNanos: bigint;
}

/** The table of whatever holds stacks, filtered as the options say. */
export function topOfStacks(
  bytes: Uint8Array,
  origin: string,
  options: TableOptions,
  limit: number | undefined,
  out: Terminal,
): LocalTop {
  const { kind, capturedAtNanos, durationNanos, ...part } = stacksPart(parseBytes(bytes, origin), origin);
  const chosen = chooseStacks(part, options);
  warnUnmatched(chosen, out);
  const table = top(chosen.stacks, { ...chosen, by: options.by, sort: options.sort, limit });
  return { kind, unmatched: chosen.unmatched, table, timeNanos: capturedAtNanos ?? undefined, durationNanos };
}

export function warnUnmatched({ unmatched }: Pick<ChosenStacks, 'unmatched'>, out: Terminal): void {
  for (const option of unmatched) out.remark(`--${option} matched nothing`);
}

/** Runs pure analysis; what it refuses is a mistake on the command line. */
export function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof PatternError || error instanceof SampleTypeError) {
      throw new CliFailure('usage', error.message, { cause: error });
    }
    throw error;
  }
}

export type PartWithStacks = ParsedPart & { readonly stacks: StackProfile };

/** The stacks of a file as `go tool pprof` shows them. A profile has one part with stacks; a file without any is none. */
export function stacksPart(parts: readonly ParsedPart[], origin: string): PartWithStacks {
  const part = parts.find((each): each is PartWithStacks => each.stacks !== null);
  if (part === undefined) throw new CliFailure('failed', `${escapeControl(origin)} holds no stacks.`);
  return isGoroutines(part.kind) ? { ...part, stacks: withoutGoroutineMarkers(part.stacks) } : part;
}
