import { relative } from 'node:path';
import { decimal } from '../analysis/exact.js';
import { escapeControl } from '../analysis/text-escape.js';
import { label } from '../analysis/units.js';
import type { ParsedPart, PartNote } from '../ingest/parsed-part.js';
import type { Connect } from './connection.js';
import { contentText, lastValue, seriesText } from './content-text.js';
import { CliFailure } from './failure.js';
import { filesIn, isFolder } from './local-files.js';
import { readParts } from './local-profile.js';
import { targetOf } from './target.js';
import type { Terminal } from './terminal.js';

interface Snapshot {
  readonly id: string;
  readonly service: string;
  readonly instance: string;
  readonly kind: string | null;
  readonly state: string;
  readonly captured_at: string;
  readonly delta: boolean;
  readonly sample_types: readonly { readonly type: string; readonly unit: string; readonly total: string }[];
  readonly details: {
    readonly counts?: Readonly<Record<string, number>>;
    readonly warnings?: readonly PartNote[];
    readonly losses?: readonly PartNote[];
  };
  readonly problem: { readonly title: string; readonly detail?: string } | null;
}

/**
 * `inspect FILE|FOLDER|ID`: what it is, what it holds, what is odd about it. Of a folder every file in it, a line each;
 * all are shown, and then the command fails if any could not be read.
 */
export async function inspect(
  connect: Connect,
  argument: string,
  options: { json?: boolean },
  out: Terminal,
): Promise<void> {
  const target = targetOf(argument);
  if (target.is === 'service') throw new CliFailure('usage', 'inspect wants a file, a folder or the id of a snapshot.');
  if (target.is === 'file') {
    if (isFolder(target.path)) return inspectFolder(target.path, options, out);
    const parts = readParts(target.path);
    if (options.json) return out.print(json(parts.map(describeWhole)));
    for (const [index, part] of parts.entries()) out.print(`${index === 0 ? '' : '\n'}${partText(part)}`);
    return;
  }
  const found = await connect().json<Snapshot>(`/api/v1/snapshots/${target.id}`);
  out.print(options.json ? json([found]) : text(found));
}

function inspectFolder(folder: string, options: { json?: boolean }, out: Terminal): void {
  const rows: object[] = [];
  let files = 0;
  let unreadable = 0;
  for (const path of filesIn(folder)) {
    files++;
    const name = relative(folder, path);
    try {
      const parts = readParts(path);
      if (options.json) rows.push({ file: name, parts: parts.map(describePart) });
      else out.print(`${escapeControl(name)}: ${lineOf(parts)}`);
    } catch (error) {
      if (!(error instanceof CliFailure)) throw error;
      unreadable++;
      // The failure begins with the path, which the line has already.
      const reason = error.message.replace(`${escapeControl(path)}: `, '');
      if (options.json) rows.push({ file: name, error: reason });
      else out.print(`${escapeControl(name)}: ${reason}`);
    }
  }
  if (options.json) out.print(json(rows));
  if (unreadable > 0) throw new CliFailure('failed', `${unreadable} of ${files} files cannot be read.`);
}

/** "gctrace: 120 cycles, …; lost: …; goroutine-dump: …": of many parts of one kind the first stands for all. */
function lineOf(parts: readonly ParsedPart[]): string {
  const byKind = new Map<string, ParsedPart[]>();
  for (const part of parts) byKind.set(part.kind, [...(byKind.get(part.kind) ?? []), part]);
  const texts = [...byKind].map(([kind, [first, ...others]]) => {
    const counts = countsText(first.details.counts);
    const losses = [first, ...others].flatMap(({ details }) => details.losses).map(lossText);
    const many = others.length === 0 ? '' : ` ${others.length + 1} times, the first`;
    return [`${kind}${many}${counts === '' ? '' : `: ${counts}`}`, ...losses].join('; ');
  });
  return texts.join('; ');
}

function countsText(counts: Readonly<Record<string, number>> = {}): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

function lossText({ code, detail, count }: PartNote): string {
  return `lost: ${code}, ${escapeControl(detail)} (${count})`;
}

/** 64-bit integers as decimal strings, as in all JSON of this program. */
function json(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? each.toString() : each), 2);
}

function partText(part: ParsedPart): string {
  const content = contentText(part);
  return [text(describePart(part)), ...content.map((line) => `  ${line}`), ...part.series.map(seriesText)].join('\n');
}

type Description = Omit<Snapshot, 'id' | 'service' | 'instance' | 'state' | 'captured_at' | 'problem'> &
  Partial<Pick<Snapshot, 'id' | 'service' | 'instance' | 'state' | 'captured_at' | 'problem'>>;

function describePart(part: ParsedPart): Description {
  const at = part.capturedAtNanos === null ? undefined : new Date(Number(part.capturedAtNanos / 1_000_000n));
  return {
    kind: part.kind,
    captured_at: at !== undefined && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined,
    delta: part.delta,
    sample_types: (part.stacks?.sampleTypes ?? []).map((type, i) => ({ ...type, total: decimal(part.totals[i]) })),
    details: part.details,
  };
}

/** With what the server keeps beside the index: the numbers over time, and what is shown as it was found. */
function describeWhole(part: ParsedPart): object {
  const series = part.series.map(({ source, anchor, table: { atNanos, columns } }) => ({
    source,
    anchor,
    moments: atNanos.length,
    columns: columns.map((column) => {
      const { name, unit, type } = column;
      return { name, unit, type, last: lastValue(column) };
    }),
  }));
  return { ...describePart(part), series, content: part.content };
}

function text(description: Description): string {
  const { id, service, instance, state, kind, captured_at, delta, problem, details, sample_types } = description;
  const facts: [string, string | undefined][] = [
    ['Snapshot', id],
    ['Service', service && `${escapeControl(service)} (instance ${escapeControl(instance ?? '')})`],
    ['Kind', `${kind ?? 'not known yet'}${delta ? ', a delta' : ''}`],
    ['State', state],
    ['Captured', captured_at ?? 'the artefact does not say'],
    ['Problem', problem ? `${problem.title}: ${escapeControl(problem.detail ?? '')}` : undefined],
  ];
  const counts = countsText(details.counts);
  const lines = facts.flatMap(([name, value]) => (value ? [`${`${name}:`.padEnd(10)} ${value}`] : []));
  if (counts !== '') lines.push(`${'Holds:'.padEnd(10)} ${counts}`);
  for (const { type, unit, total } of sample_types) {
    lines.push(
      `  ${escapeControl(type).padEnd(16)} ${label(BigInt(total), unit).padStart(12)}   (${total} ${escapeControl(unit)})`,
    );
  }
  for (const note of details.losses ?? []) lines.push(`Lost:      ${escapeControl(note.detail)} (${note.count})`);
  for (const note of details.warnings ?? []) lines.push(`Note:      ${escapeControl(note.detail)} (${note.count})`);
  return lines.join('\n');
}
