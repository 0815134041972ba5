import { stackProfileOf } from '../analysis/from-pprof.js';
import type { Budget } from '../formats/budget.js';
import { FormatError } from '../formats/format-error.js';
import { type Inflate, inflateHead, isGzip } from '../formats/inflate.js';
import { decodePprof } from '../formats/pprof/decode.js';
import { isDelta, kindOf } from '../formats/pprof/kind.js';
import type { Profile } from '../formats/pprof/profile.js';
import type { Kind } from '../formats/kind.js';
import type { ContentEncoding, ParsedPart } from './parsed-part.js';

export interface Declared {
  /** How the bytes are wrapped, apart from the compression that belongs to the artefact. */
  readonly contentEncoding: ContentEncoding;
  readonly declaredKind: Kind | null;
  /** Whether the values are deltas; null: the artefact tells. */
  readonly declaredDelta: boolean | null;
}

export interface ParseMeans {
  readonly budget: Budget;
  readonly inflate: Inflate;
}

/** The artefact is sound, but not of the kind that the sender declared. */
export class KindMismatch extends FormatError {}

/**
 * All snapshots in the bytes of an upload: the whole way from bytes to values, the same for the service and the command
 * line.
 *
 * @throws FormatError, its message fit for the sender; KindMismatch
 */
export function parse(bytes: Uint8Array, declared: Declared, { budget, inflate }: ParseMeans): ParsedPart[] {
  const artefact = declared.contentEncoding === 'gzip' ? unwrap(bytes, budget, inflate) : bytes;
  let profile: Profile;
  try {
    profile = decodePprof(artefact, budget, inflate);
  } catch (error) {
    if (!(error instanceof FormatError) || error.fault !== 'unrecognized') throw error;
    const line = firstLine(artefact);
    throw new FormatError(
      'unrecognized',
      line === null ? error.message : `${error.message}; it begins with ${line}`,
      error.at,
      {
        cause: error,
      },
    );
  }
  return [partOf(profile, declared, budget)];
}

/** Takes off what `Content-Encoding: gzip` has put around the artefact, which may be gzip itself. */
function unwrap(bytes: Uint8Array, budget: Budget, inflate: Inflate): Uint8Array {
  if (!isGzip(bytes)) throw new FormatError('malformed', 'sent with Content-Encoding: gzip, but the body is not gzip');
  const byRatio = Math.max(budget.inflateRatioFromBytes, budget.inflateRatio * bytes.length);
  return inflate(bytes, Math.min(budget.inflatedBytes, byRatio));
}

function partOf(profile: Profile, { declaredKind, declaredDelta }: Declared, budget: Budget): ParsedPart {
  const kind = readKind(profile, declaredKind);
  const { stacks, notes, totals } = stackProfileOf(profile, budget);
  const losses = notes.filter((note) => note.loss).map(({ code, count, detail }) => ({ code, count, detail }));
  const remarks = notes.filter((note) => !note.loss).map(({ code, count, detail }) => ({ code, count, detail }));
  return {
    kind,
    capturedAtNanos: profile.timeNanos === 0n ? null : profile.timeNanos,
    delta: declaredDelta ?? isDelta(profile, kind),
    durationNanos: profile.durationNanos,
    stacks,
    totals,
    details: {
      ...(profile.period === 0n ? {} : { period: profile.period.toString() }),
      ...(profile.periodType.type === '' ? {} : { periodType: { ...profile.periodType } }),
      ...(profile.defaultSampleType === '' ? {} : { defaultSampleType: profile.defaultSampleType }),
      counts: {
        samples: profile.samples.count,
        stacks: stacks.nodes.length,
        locations: profile.locations.count,
        functions: profile.functions.count,
        mappings: profile.mappings.count,
      },
      warnings: [...profile.warnings, ...remarks],
      losses,
    },
  };
}

function readKind(profile: Profile, declared: Kind | null): Kind {
  if (declared === null) return kindOf(profile);
  try {
    return kindOf(profile, declared);
  } catch (error) {
    if (error instanceof FormatError) throw new KindMismatch(error.fault, error.message, error.at, { cause: error });
    throw error;
  }
}

const quotedCharacters = 120;

/** The first line of something that reads like text, quoted so that it is harmless wherever it is shown; else null. */
function firstLine(bytes: Uint8Array): string | null {
  const head = isGzip(bytes) ? inflateHead(bytes.subarray(0, 4096), 1024) : bytes.subarray(0, 1024);
  const [line] = new TextDecoder().decode(head).split(/[\r\n]/, 1);
  const shown = [...line].slice(0, quotedCharacters);
  const odd = shown.filter((character) => /[\p{C}\ufffd]/u.test(character)).length;
  if (shown.length === 0 || odd * 4 > shown.length) return null;
  const text = shown
    .map((character) => (/\p{C}/u.test(character) ? `\\u{${character.codePointAt(0)!.toString(16)}}` : character))
    .join('');
  return `"${text}${line.length > text.length ? '…' : ''}"`;
}
