import { stacksOfText } from '../../analysis/from-profile-text.js';
import type { Budget } from '../../formats/budget.js';
import { decodeProfileText } from '../../formats/profile-text/decode.js';
import { kindOfText, type ProfileText } from '../../formats/profile-text/profile-text.js';
import type { Kind } from '../../formats/kind.js';
import type { ProfileKind } from '../../formats/pprof/kind.js';
import type { ParsedPart } from '../parsed-part.js';
import { type Declared, refusingKind } from './declared.js';
import { goroutineFacts } from './goroutines.js';
import { numbersPart } from './numbers.js';
import { stackFacts } from './stacks.js';

/** Kinds that the same file may hold besides the profile; parse() sees to it that they are there. */
const kindsBeside: readonly (Kind | null)[] = ['memstats', 'goroutine-dump', 'gctrace', 'schedtrace', null];

/** The text of a profile is one part; with the MemStats that end a heap text, two. @throws FormatError, KindMismatch */
export function profileTextParts(text: Uint8Array, declared: Declared, budget: Budget): ParsedPart[] {
  const decoded = decodeProfileText(text, budget);
  const { declaredKind } = declared;
  const kindOfProfile = kindsBeside.includes(declaredKind) ? undefined : declaredKind!;
  const kind = refusingKind(() => kindOfText(decoded, kindOfProfile));
  const parts = [partOf(decoded, kind, declared, budget)];
  if (decoded.memStats !== null && decoded.memStats.length > 0) {
    const moments = [{ atUnixNanos: null, readings: decoded.memStats }];
    parts.push(numbersPart({ kind: 'memstats', format: 'profile-text', source: 'memstats', moments }));
  }
  return parts;
}

function partOf(decoded: ProfileText, kind: ProfileKind, { declaredDelta }: Declared, budget: Budget): ParsedPart {
  const { profile } = decoded;
  const { totals, losses, remarks, ...whole } = stackFacts(stacksOfText(decoded, budget));
  const delta = declaredDelta ?? false;
  const { stacks, series } = goroutineFacts(kind, whole.stacks, delta);
  return {
    kind,
    capturedAtNanos: null,
    delta,
    durationNanos: profile.durationNanos,
    stacks,
    totals,
    series,
    content: null,
    details: {
      format: 'profile-text',
      period: profile.period.toString(),
      periodType: { ...profile.periodType },
      counts: { samples: profile.samples.count, stacks: stacks.nodes.length, functions: profile.functions.count },
      warnings: [...decoded.warnings, ...remarks],
      losses,
    },
  };
}
