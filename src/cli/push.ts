import { escapeControl } from '../analysis/text-escape.js';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Api } from './api.js';
import { CliFailure } from './failure.js';
import type { Terminal } from './terminal.js';

export interface PushOptions {
  readonly service: string;
  readonly kind?: string;
  readonly instance?: string;
  readonly capturedAt?: string;
  readonly build?: string;
  readonly gitSha?: string;
  readonly ciBuild?: string;
  readonly captureMs?: string;
  readonly team?: string;
  readonly env?: string;
  readonly label: readonly string[];
  readonly wait: string;
  /** All files are one capture. */
  readonly capture?: boolean;
  readonly json?: boolean;
}

interface Receipt {
  readonly id: string;
  readonly kind: string | null;
  readonly state: string;
  readonly duplicate: boolean;
  readonly problem?: { readonly title: string; readonly detail?: string } | null;
}

type Outcome = Receipt & { readonly file: string };

/** Uploads files ("-" is standard input), waits until each is indexed or rejected, and fails if any was not indexed. */
export async function push(api: Api, files: readonly string[], options: PushOptions, out: Terminal): Promise<void> {
  const outcomes = await (options.capture ? pushTogether : pushApart)(api, files, options, out);
  out.progress(null);
  if (options.json) out.print(JSON.stringify(outcomes, null, 2));
  else for (const outcome of outcomes) out.print(describe(outcome));
  const failed = outcomes.filter((outcome) => outcome.state === 'rejected' || outcome.state === 'quarantined').length;
  if (failed > 0) throw new CliFailure('failed', `${failed} of ${outcomes.length} could not be indexed.`);
}

async function pushApart(
  api: Api,
  files: readonly string[],
  options: PushOptions,
  out: Terminal,
): Promise<readonly Outcome[]> {
  const query = uploadParameters(options);
  const receipts: Outcome[] = [];
  for (const [index, file] of files.entries()) {
    out.progress(`${index + 1}/${files.length} ${escapeControl(basename(file))}`);
    const body = await readInput(file);
    const receipt = await api.json<Receipt>('/api/v1/snapshots', { method: 'POST', query, body });
    receipts.push({ file, ...receipt });
  }
  const waitSeconds = Number(options.wait);
  const outcomes: Outcome[] = [];
  for (const [index, receipt] of receipts.entries()) {
    out.progress(`indexing ${index + 1}/${receipts.length}`);
    const settled =
      waitSeconds > 0
        ? await api.json<Receipt>(`/api/v1/snapshots/${receipt.id}`, { query: { wait: waitSeconds } })
        : receipt;
    outcomes.push({ ...receipt, ...settled, file: receipt.file, duplicate: receipt.duplicate });
  }
  return outcomes;
}

interface CaptureAnswer {
  readonly id: string;
  readonly snapshots: readonly (Receipt & { readonly name: string })[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

async function pushTogether(
  api: Api,
  files: readonly string[],
  options: PushOptions,
  out: Terminal,
): Promise<readonly Outcome[]> {
  const { kind, ...query } = uploadParameters(options);
  const body = new FormData();
  for (const file of files) {
    const bytes = await readInput(file);
    body.append(kind ?? 'file', new Blob([bytes]), file === '-' ? 'stdin' : basename(file));
  }
  out.progress(`${files.length} files`);
  const sent = await api.json<CaptureAnswer>('/api/v1/captures', { method: 'POST', query, body });
  for (const { name, reason } of sent.skipped) out.remark(`${escapeControl(name)} was left out: ${reason}`);
  const waitSeconds = Number(options.wait);
  if (waitSeconds === 0) return sent.snapshots.map((receipt) => ({ ...receipt, file: receipt.name }));
  out.progress(`indexing ${sent.snapshots.length} files`);
  const settled = await api.json<CaptureAnswer>(`/api/v1/captures/${sent.id}`, { query: { wait: waitSeconds } });
  const duplicates = new Map(sent.snapshots.map(({ id, duplicate }) => [id, duplicate]));
  return settled.snapshots.map((snapshot) => ({
    ...snapshot,
    file: snapshot.name,
    duplicate: duplicates.get(snapshot.id) ?? false,
  }));
}

function describe(outcome: Outcome): string {
  const problem = outcome.problem ? `  ${outcome.problem.title}: ${escapeControl(outcome.problem.detail ?? '')}` : '';
  return `${outcome.id}  ${outcome.kind ?? '?'}  ${outcome.state}${outcome.duplicate ? ' (known)' : ''}  ${escapeControl(outcome.file)}${problem}`;
}

function uploadParameters(options: PushOptions): Record<string, string | undefined> {
  const query: Record<string, string | undefined> = {
    service: options.service,
    kind: options.kind,
    instance: options.instance,
    captured_at: options.capturedAt,
    build: options.build,
    git_sha: options.gitSha,
    ci_build: options.ciBuild,
    capture_ms: options.captureMs,
    team: options.team,
    env: options.env,
  };
  for (const label of options.label) {
    const at = label.indexOf('=');
    if (at < 1) throw new CliFailure('usage', `--label wants name=value, not ${JSON.stringify(label)}`);
    query[`label.${label.slice(0, at)}`] = label.slice(at + 1);
  }
  return query;
}

async function readInput(file: string): Promise<Uint8Array> {
  if (file !== '-') {
    return readFile(file).catch((cause: unknown) => {
      throw new CliFailure('noInput', `Cannot read ${escapeControl(file)}.`, { cause });
    });
  }
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
