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
  readonly json?: boolean;
}

interface Receipt {
  readonly id: string;
  readonly kind: string | null;
  readonly state: string;
  readonly duplicate: boolean;
  readonly problem?: { readonly title: string; readonly detail?: string } | null;
}

/** Uploads files ("-" is standard input), waits until each is indexed or rejected, and fails if any was not indexed. */
export async function push(api: Api, files: readonly string[], options: PushOptions, out: Terminal): Promise<void> {
  const query = uploadParameters(options);
  const receipts: (Receipt & { file: string })[] = [];
  for (const [index, file] of files.entries()) {
    out.progress(`${index + 1}/${files.length} ${escapeControl(basename(file))}`);
    const body = await readInput(file);
    const receipt = await api.json<Receipt>('/api/v1/snapshots', { method: 'POST', query, body });
    receipts.push({ file, ...receipt });
  }
  const waitSeconds = Number(options.wait);
  const outcomes: (Receipt & { file: string })[] = [];
  for (const [index, receipt] of receipts.entries()) {
    out.progress(`indexing ${index + 1}/${receipts.length}`);
    const settled =
      waitSeconds > 0
        ? await api.json<Receipt>(`/api/v1/snapshots/${receipt.id}`, { query: { wait: waitSeconds } })
        : receipt;
    outcomes.push({ ...receipt, ...settled, file: receipt.file, duplicate: receipt.duplicate });
  }
  out.progress(null);
  if (options.json) out.print(JSON.stringify(outcomes, null, 2));
  else for (const outcome of outcomes) out.print(describe(outcome));
  const failed = outcomes.filter((outcome) => outcome.state === 'rejected' || outcome.state === 'quarantined').length;
  if (failed > 0) throw new CliFailure('failed', `${failed} of ${outcomes.length} could not be indexed.`);
}

function describe(outcome: Receipt & { file: string }): string {
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
