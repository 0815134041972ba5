import { decimal } from '../analysis/exact.js';
import { escapeControl } from '../analysis/text-escape.js';
import { label } from '../analysis/units.js';
import type { ParsedPart, PartNote } from '../ingest/parsed-part.js';
import type { Connect } from './connection.js';
import { CliFailure } from './failure.js';
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

/** `inspect FILE|ID`: what it is, what it holds, what is odd about it. */
export async function inspect(
  connect: Connect,
  argument: string,
  options: { json?: boolean },
  out: Terminal,
): Promise<void> {
  const target = targetOf(argument);
  if (target.is === 'service') throw new CliFailure('usage', 'inspect wants a file or the id of a snapshot.');
  const found =
    target.is === 'file'
      ? readParts(target.path).map(describePart)
      : [await connect().json<Snapshot>(`/api/v1/snapshots/${target.id}`)];
  if (options.json) return out.print(JSON.stringify(found, null, 2));
  for (const description of found) out.print(text(description));
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
  const counts = Object.entries(details.counts ?? {}).map(([name, count]) => `${count} ${name}`);
  const lines = facts.flatMap(([name, value]) => (value ? [`${`${name}:`.padEnd(10)} ${value}`] : []));
  if (counts.length > 0) lines.push(`${'Holds:'.padEnd(10)} ${counts.join(', ')}`);
  for (const { type, unit, total } of sample_types) {
    lines.push(
      `  ${escapeControl(type).padEnd(16)} ${label(BigInt(total), unit).padStart(12)}   (${total} ${escapeControl(unit)})`,
    );
  }
  for (const note of details.losses ?? []) lines.push(`Lost:      ${escapeControl(note.detail)} (${note.count})`);
  for (const note of details.warnings ?? []) lines.push(`Note:      ${escapeControl(note.detail)} (${note.count})`);
  return lines.join('\n');
}
