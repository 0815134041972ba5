import type { GroupChangeAnswer } from '../analysis/goroutine-answers.js';
import { escapeControl } from '../analysis/text-escape.js';

/** The goroutines of one process at one moment as the terminal shows them, from a file or from the server. */
export interface ShownCapture {
  /** `Dump 1 of 2`, `Profile`. */
  readonly title: string;
  readonly kind: string;
  readonly goroutines: number;
  /** How many are as asked for, if that was not all. */
  readonly matched: number | null;
  readonly lines: readonly [first: number, last: number] | null;
  /** When it was captured. */
  readonly at: string | null;
  readonly crash: { readonly text: string } | null;
  readonly states: readonly StateCount[];
  /** Goroutines beyond a limit, by state. */
  readonly folded: readonly StateCount[];
  readonly groupCount: number;
  readonly groups: readonly GroupChangeAnswer[];
}

interface StateCount {
  readonly state: string;
  readonly count: number;
}

export function captureText(capture: ShownCapture): string {
  const { title, kind, goroutines, matched, lines: place, at, crash, states, folded, groups, groupCount } = capture;
  const facts = [title, `${goroutines} ${kind === 'goroutineleak' ? 'leaked goroutines' : 'goroutines'}`];
  if (place !== null) facts.push(`lines ${place[0]} to ${place[1]}`);
  if (at !== null) facts.push(at);
  const lines = [facts.join(', ')];
  if (crash !== null) lines.push(...crash.text.split('\n').map((line) => `  ${escapeControl(line)}`));
  lines.push(`  ${states.map(({ state, count }) => `${count} ${escapeControl(state)}`).join(', ')}`);
  for (const { state, count } of folded) lines.push(`  ${count} ${escapeControl(state)}, beyond the limit`);
  if (matched !== null) lines.push(`  ${matched} as asked for`);
  for (const group of groups) lines.push('', ...groupText(group));
  if (groups.length < groupCount) lines.push('', `${groupCount - groups.length} more groups; --limit 0 shows all.`);
  return lines.join('\n');
}

/** Frames of a group that are shown; the rest is counted. */
const framesShown = 12;

function groupText(group: GroupChangeAnswer): string[] {
  const facts = [`${group.count} ${escapeControl(group.state)}`];
  if (group.change !== null) facts.push(changeText(group));
  if (group.leaked > 0) facts.push(`${group.leaked} leaked`);
  if (group.forever) facts.push('for ever');
  if (group.oldest_wait_minutes !== null) {
    const ages = group.ages.flatMap(({ minutes, count }) => (count > 0 ? [`${count} ${minutes}`] : []));
    facts.push(`up to ${group.oldest_wait_minutes} minutes (${ages.join(', ')})`);
  }
  if (group.created_by !== null) facts.push(`created by ${escapeControl(group.created_by)}`);
  if (group.sample_ids.length > 0) {
    const more = group.count > group.sample_ids.length ? ', …' : '';
    facts.push(`${group.count === 1 ? 'goroutine' : 'goroutines'} ${group.sample_ids.join(', ')}${more}`);
  }
  const shown = group.stack.slice(0, framesShown);
  const width = Math.min(60, Math.max(...shown.map((frame) => escapeControl(frame.function).length)));
  const frames = shown.map((frame) => {
    const place = frame.file === '' ? '' : `  ${escapeControl(frame.file)}:${frame.line}`;
    return `    ${escapeControl(frame.function).padEnd(width)}${place}`.trimEnd();
  });
  const rest = group.stack_depth - shown.length;
  return [facts.join('; '), ...frames, ...(rest > 0 ? [`    … ${rest} more frames`] : [])];
}

function changeText({ change, delta, base_count: before }: GroupChangeAnswer): string {
  if (change === 'same') return 'as before';
  return `${(delta ?? 0) > 0 ? '+' : ''}${delta} (${change}, ${before} before)`;
}
