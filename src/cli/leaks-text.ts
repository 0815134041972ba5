import type { EvidenceFrame } from '../analysis/leaks/evidence.js';
import {
  type LeakRanking,
  type LeakSuspect,
  type SuspectInstance,
  type SuspectTier,
  suspectTiers,
} from '../analysis/leaks/suspect.js';
import { bytes, hours, percent, rate } from '../analysis/runtime/words.js';
import { escapeControl } from '../analysis/text-escape.js';
import { table } from './terminal.js';
import { drawn } from './trends.js';

export interface LeaksView {
  /** All that were found, of which the ranking has as many as were asked for. */
  readonly found: readonly LeakSuspect[];
  /** Suspects to watch as fully as the others. */
  readonly all: boolean;
  /** Instances of which growth is told per snapshot, and the milliseconds from one to the next. */
  readonly untimed: ReadonlyMap<string, number>;
}

/** The ranking for the terminal: a verdict in one line, the suspects, the surest first, and what all that rests on. */
export function leaksText({ suspects, notes, judged }: LeakRanking, view: LeaksView): string {
  const isFull = ({ tier }: LeakSuspect): boolean => view.all || tier !== 'watch';
  const blocks = [
    verdict(view.found),
    ...suspects.filter(isFull).map((suspect) => suspectText(suspect, view)),
    ...watchText(
      suspects.filter((suspect) => !isFull(suspect)),
      view,
    ),
  ];
  const left = view.found.length - suspects.length;
  if (left > 0) blocks.push(`${left} more; --limit 0 shows all.`);
  blocks.push([judgedText(judged), ...notes.map((note) => `  ${escapeControl(note)}`)].join('\n'));
  return blocks.join('\n\n');
}

function verdict(found: readonly LeakSuspect[]): string {
  const [confirmed, probable, watch] = suspectTiers.map((tier) => found.filter((each) => each.tier === tier).length);
  if (found.length === 0) return 'Nothing grows the way a leak does.';
  const toWatch = `${watch} to watch`;
  if (confirmed + probable === 0) return `No confirmed or probable leak; ${toWatch}.`;
  const counts = [
    ...(confirmed > 0 ? [`${confirmed} confirmed`] : []),
    ...(probable > 0 ? [`${probable} probable`] : []),
  ];
  const last = probable > 0 ? probable : confirmed;
  return `${counts.join(', ')} ${last === 1 ? 'suspect' : 'suspects'}${watch > 0 ? `; ${toWatch}` : ''}.`;
}

const nameWidth = 9;

/** One suspect with all its reasons. */
export function suspectText(suspect: LeakSuspect, view: LeaksView): string {
  const { rank, tier, kind, pivot, state, createdBy, why, whyNot, advice, related } = suspect;
  const lines = [`#${rank} ${tierNames[tier]} ${kind}  ${placeText(pivot)}`];
  const add = (name: string, texts: readonly string[]): void => {
    texts.forEach((text, i) => lines.push(`   ${(i === 0 ? name : '').padEnd(nameWidth)} ${text}`.trimEnd()));
  };
  const origin = createdBy === null ? [] : [`created by ${escapeControl(createdBy)}`];
  add('state', state === null ? origin : [[escapeControl(state), ...origin].join(', ')]);
  add('growth', [growthText(suspect, view), ...costText(suspect)]);
  add('since', sinceText(suspect, view));
  add('series', seriesTexts(suspect, view));
  add('why', why.map(escapeControl));
  add('why not', whyNot.map(escapeControl));
  for (const { title, meaning, fix, links } of advice)
    add('do', [`${title}: ${meaning}`, fix, ...links].map(escapeControl));
  add('related', relatedTexts(related, view));
  add('stack', stackTexts(suspect));
  return lines.join('\n');
}

function relatedTexts(fingerprints: readonly string[], { found }: LeaksView): string[] {
  return found
    .filter(({ fingerprint }) => fingerprints.includes(fingerprint))
    .map(({ rank, pivot }) => `#${rank} ${escapeControl(pivot.function)}, part of the same leak`);
}

const tierNames: Readonly<Record<SuspectTier, string>> = {
  confirmed: 'CONFIRMED',
  probable: 'PROBABLE',
  watch: 'watch',
};

function growthText({ growth, instances }: LeakSuspect, view: LeaksView): string {
  const { unit, now, share, hoursToLimit } = growth;
  const stepMillis = stepOf(instances, view);
  const facts = [
    rateText(growth.perHour, unit, stepMillis),
    `now ${amount(now, unit)}${unit === 'goroutines' ? ' goroutines' : ''}`,
    `${percent(share)} of what the service grew by`,
  ];
  if (hoursToLimit !== null && stepMillis === null) facts.push(`memory limit in ${hours(hoursToLimit)}`);
  return facts.join(', ');
}

/** From one snapshot to the next where that is all there is to tell growth by; else null. */
function stepOf(instances: readonly SuspectInstance[], { untimed }: LeaksView): number | null {
  const steps = instances.flatMap(({ name }) => untimed.get(name) ?? []);
  return steps.length === 0 ? null : Math.max(...steps);
}

function rateText(perHour: number, unit: LeakSuspect['growth']['unit'], stepMillis: number | null): string {
  const value = stepMillis === null ? perHour : (perHour * stepMillis) / 3_600_000;
  return `${value < 0 ? '-' : '+'}${amount(Math.abs(value), unit)} ${stepMillis === null ? 'per hour' : 'per snapshot'}`;
}

function amount(value: number, unit: LeakSuspect['growth']['unit']): string {
  return unit === 'bytes' ? bytes(value) : Number.isInteger(value) ? String(value) : rate(value);
}

function costText({ memoryCost }: LeakSuspect): string[] {
  if (memoryCost === null) return [];
  return [`they hold ${bytes(memoryCost.bytes)}, ${bytes(memoryCost.bytesPerGoroutine)} each`];
}

function sinceText({ firstSeenMillis, sinceBuild, instances }: LeakSuspect, view: LeaksView): string[] {
  const facts = [
    ...(stepOf(instances, view) === null && Number.isFinite(firstSeenMillis)
      ? [new Date(firstSeenMillis).toISOString()]
      : []),
    ...(sinceBuild === null ? [] : [`build ${escapeControl(sinceBuild)}`]),
  ];
  return facts.length === 0 ? [] : [facts.join(', ')];
}

/** Instances whose series are drawn. */
const seriesShown = 4;

function seriesTexts({ growth: { unit }, instances }: LeakSuspect, view: LeaksView): string[] {
  const drawable = instances.filter(({ values }) => values.length > 0);
  const name = (instance: SuspectInstance): string =>
    `${escapeControl(instance.name)}${instance.affected ? '' : ' (not affected)'}`;
  const width = Math.max(...drawable.slice(0, seriesShown).map((instance) => name(instance).length), 0);
  const texts = drawable.slice(0, seriesShown).map((instance) => {
    const { values, perHour } = instance;
    const ends = `${amount(values[0], unit)} to ${amount(values[values.length - 1], unit)}`;
    const growth = rateText(perHour, unit, view.untimed.get(instance.name) ?? null);
    return drawable.length === 1
      ? `${drawn(values)}  ${ends}`
      : `${name(instance).padEnd(width)}  ${drawn(values)}  ${ends}, ${growth}`;
  });
  const more = drawable.length - texts.length;
  return more > 0 ? [...texts, `and ${more} more`] : texts;
}

/** Frames of a stack that are shown; the rest is counted. */
const framesShown = 10;
const functionWidth = 60;

/** The frames from the leaf on; those between them and the pivot are left out if it is farther. */
function stackTexts({ stack, pivot }: LeakSuspect): string[] {
  const isPivot = (frame: EvidenceFrame): boolean =>
    frame.function === pivot.function && frame.file === pivot.file && frame.line === pivot.line;
  const place = stack.findIndex(isPivot);
  const near = stack.slice(0, framesShown);
  const isFar = place >= framesShown;
  const shown = isFar ? [...near, stack[place]] : near;
  const width = Math.min(functionWidth, Math.max(0, ...shown.map((frame) => escapeControl(frame.function).length)));
  const texts = shown.map((frame) => {
    const mark = isPivot(frame) ? '>' : ' ';
    return `${mark} ${escapeControl(frame.function).padEnd(width)}${fileText(frame, '  ')}`.trimEnd();
  });
  if (isFar && place > framesShown) texts.splice(framesShown, 0, `  … ${place - framesShown} frames`);
  const rest = stack.length - (isFar ? place + 1 : near.length);
  return rest > 0 ? [...texts, `  … ${rest} more frames`] : texts;
}

/** Suspects to watch that are told of in a line each. */
const watchShown = 10;

function watchText(suspects: readonly LeakSuspect[], view: LeaksView): string[] {
  if (suspects.length === 0) return [];
  const rows = suspects.slice(0, watchShown).map((suspect) => {
    const { rank, kind, growth, pivot, state, instances } = suspect;
    return [
      `#${rank}`,
      kind,
      rateText(growth.perHour, growth.unit, stepOf(instances, view)),
      amount(growth.now, growth.unit),
      escapeControl(state ?? ''),
      placeText(pivot),
    ];
  });
  const more = suspects.length - rows.length;
  return [
    [
      'To watch (--all says why):',
      table(['', 'KIND', 'GROWTH', 'NOW', 'STATE', 'PLACE'], rows, [2, 3]),
      ...(more > 0 ? [`and ${more} more`] : []),
    ].join('\n'),
  ];
}

function placeText(frame: EvidenceFrame): string {
  return `${escapeControl(frame.function)}${fileText(frame, '  ')}`;
}

function fileText({ file, line }: EvidenceFrame, before: string): string {
  return file === '' ? '' : `${before}${escapeControl(file)}${line > 0 ? `:${line}` : ''}`;
}

function judgedText({ instances, lifetimes, goroutineSnapshots, heapSnapshots }: LeakRanking['judged']): string {
  const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`;
  return [
    `Judged: ${count(instances, 'instance', 'instances')}, ${count(lifetimes, 'process', 'processes')}`,
    `${count(goroutineSnapshots, 'snapshot', 'snapshots')} of goroutines, ${heapSnapshots} of the heap.`,
  ].join('; ');
}
