import { diffRowsAnswer, diffTotalsAnswer, flameGraphAnswer } from '../analysis/answers.js';
import { diffStacks, diffTable, type DiffTable } from '../analysis/diff.js';
import { compileFilter, filterStacks } from '../analysis/filter.js';
import { flameGraph } from '../analysis/flame-graph.js';
import { foldedStacks } from '../analysis/folded.js';
import { IncompatibleProfilesError } from '../analysis/merge.js';
import { diffText, flameText } from '../analysis/text.js';
import type { ApiRequest } from './api.js';
import type { Connect } from './connection.js';
import { CliFailure } from './failure.js';
import { chooseStacks, parseBytes, readParts, refusing, stacksPart, warnUnmatched } from './local-profile.js';
import { type FlameCommandOptions, rowLimit, stackQuery, type StackOptions, type TableOptions } from './options.js';
import { type DiffAnswer, diffTableOf, type FlameGraphAnswer, flameGraphOf, pageRows } from './remote-answers.js';
import { remotePath, remoteQuery, targetOf, type Target } from './target.js';
import type { Terminal } from './terminal.js';

/** `flame TARGET`: the flame graph as a tree for the terminal, or as JSON. */
export async function printFlame(
  connect: Connect,
  argument: string,
  options: FlameCommandOptions,
  out: Terminal,
): Promise<void> {
  const maxNodes = options.maxNodes === undefined ? undefined : rowLimit(options.maxNodes);
  const target = targetOf(argument);
  if (target.is !== 'file') {
    const query = { ...remoteQuery(target, options), ...stackQuery(options), by: options.by, max_nodes: maxNodes };
    const answer = await connect().json<FlameGraphAnswer>(`${remotePath(target)}/flamegraph`, { query });
    return out.print(options.json ? JSON.stringify(answer) : flameText(flameGraphOf(answer)));
  }
  const part = stacksPart(readParts(target.path), target.path);
  const chosen = chooseStacks(part, options);
  warnUnmatched(chosen, out);
  const flame = flameGraph(chosen.stacks, chosen.sampleType, { by: options.by, maxNodes });
  out.print(
    options.json ? JSON.stringify({ kind: part.kind, ...flameGraphAnswer(flame, chosen.total) }) : flameText(flame),
  );
}

/** `folded TARGET`: one stack per line, for flamegraph.pl, speedscope and inferno. */
export async function printFolded(
  connect: Connect,
  argument: string,
  options: StackOptions,
  out: Terminal,
): Promise<void> {
  const target = targetOf(argument);
  if (target.is === 'service') {
    throw new CliFailure(
      'usage',
      'folded wants a file or the id of a snapshot; a range of a service is shown by flame.',
    );
  }
  if (target.is === 'snapshot') {
    return out.print(await connect().text(`${remotePath(target)}/folded`, { query: stackQuery(options) }));
  }
  const chosen = chooseStacks(stacksPart(readParts(target.path), target.path), options);
  warnUnmatched(chosen, out);
  out.print(foldedStacks(chosen.stacks, chosen.sampleType));
}

export interface DiffCommandOptions extends TableOptions {
  readonly baseFrom?: string;
  readonly baseTo?: string;
  readonly baseBuild?: string;
}

/**
 * `diff BASE TARGET`: like `go tool pprof -top -diff_base BASE TARGET`. Two things on the server are compared there;
 * otherwise what is on the server is fetched as a profile and compared here.
 */
export async function printDiff(
  connect: Connect,
  [base, target]: readonly [string, string],
  options: DiffCommandOptions,
  out: Terminal,
): Promise<void> {
  const limit = rowLimit(options.limit);
  const sides = [targetOf(base), targetOf(target)] as const;
  const baseOptions = { ...options, from: options.baseFrom, to: options.baseTo, build: options.baseBuild };
  if (sides[0].is !== 'file' && sides[1].is !== 'file') {
    const query = {
      ...diffSide('base', sides[0], baseOptions),
      ...diffSide('target', sides[1], options),
      ...stackQuery(options),
      kind: options.kind,
      by: options.by,
      sort: options.sort,
      share: true,
      limit: options.json ? limit || undefined : pageRows,
    };
    const answer = await connect().json<DiffAnswer>('/api/v1/diff', { query });
    return printDiffTable(diffTableOf(answer), answer, options, limit, out);
  }
  const parts = [await fetchOrRead(connect, sides[0], baseOptions), await fetchOrRead(connect, sides[1], options)];
  const whole = refusingDiff(() =>
    diffStacks(parts[0].stacks, parts[1].stacks, options.sampleType, parts[1].details.defaultSampleType),
  );
  const filtered = refusing(() => filterStacks(whole.joined, compileFilter(options)));
  warnUnmatched(filtered, out);
  const table = diffTable(
    { ...whole, joined: filtered.stacks },
    { by: options.by, sort: options.sort, limit: options.json && limit > 0 ? limit : undefined },
  );
  printDiffTable(table, { ...diffTotalsAnswer(whole), ...diffRowsAnswer(table, true) }, options, limit, out);
}

function printDiffTable(table: DiffTable, answer: object, options: TableOptions, limit: number, out: Terminal): void {
  if (options.json) return out.print(JSON.stringify(answer, null, 2));
  if (table.rows.every(({ change }) => change === 'same')) return out.print('No difference.');
  out.print(diffText(table, { filters: options }, { nodeCount: limit }));
}

async function fetchOrRead(connect: Connect, target: Target, options: TableOptions) {
  if (target.is === 'file') return stacksPart(readParts(target.path), target.path);
  const origin = target.is === 'snapshot' ? target.id : target.name;
  const bytes = await connect().bytes(`${remotePath(target)}/profile.pb.gz`, { query: remoteQuery(target, options) });
  return stacksPart(parseBytes(bytes, origin), origin);
}

function diffSide(side: 'base' | 'target', target: Target, options: TableOptions): NonNullable<ApiRequest['query']> {
  if (target.is === 'snapshot') return { [side]: target.id };
  if (target.is === 'file') return {};
  const { from, to, instance, build, env } = options;
  const named = Object.entries({ service: target.name, from, to, instance, build, env });
  return Object.fromEntries(named.map(([name, value]) => [`${side}_${name}`, value]));
}

function refusingDiff<T>(work: () => T): T {
  try {
    return refusing(work);
  } catch (error) {
    if (error instanceof IncompatibleProfilesError) throw new CliFailure('failed', error.message, { cause: error });
    throw error;
  }
}
