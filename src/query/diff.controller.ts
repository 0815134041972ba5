import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Problem } from '../platform/problem.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { DiffDto, DiffFlameGraphDto, DiffFlameGraphQueryDto, DiffQueryDto, type SidesDto } from './diff.dto.js';
import { AnswersNotModified, NeedsIndexed } from './documented-answers.js';
import type { StacksSource } from './query-request.js';
import { QueryThreads } from '../platform/query-threads.js';
import { RankingPages } from './ranking-pages.js';
import { clientGone, entityTag, send, sendIfFresh } from '../platform/sending.js';
import { type Selectors, stackOptions, VisibleStacks } from './visible-stacks.js';
import type { QueryRequest } from './query-request.js';

/** Two snapshots, or two selections of snapshots, or one of each, side by side. */
@ApiTags('diff')
@Allow('read', 'ci', 'admin')
@AnswersNotModified()
@NeedsIndexed()
@Controller('api/v1/diff')
export class DiffController {
  constructor(
    private readonly stacks: VisibleStacks,
    private readonly rankings: RankingPages,
    private readonly threads: QueryThreads,
  ) {}

  /**
   * What changed, in absolute numbers, most first. Two snapshots compare as `go tool pprof -diff_base` compares them.
   */
  @Get()
  @ApiOkResponse({ type: DiffDto })
  async table(
    @CurrentCaller() caller: Caller,
    @QueryParameters(DiffQueryDto) query: DiffQueryDto,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const page = this.rankings.open(caller, 'diff', query);
    const sides = await this.sides(caller, query, page.ranges);
    const { base, target } = sides;
    if (
      immutable(sides) &&
      sendIfFresh(request, response, entityTag(caller.tenantId, 'diff', sides, query, page.hour))
    ) {
      return;
    }
    const { by, sort, share } = query;
    const job = {
      op: 'diff',
      base,
      target,
      options: stackOptions(query),
      part: { by, sort, ...page.part(base, target) },
      share,
    } as const;
    send(response, await this.threads.run<QueryRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** Both sides as one flame graph. */
  @Get('flamegraph')
  @ApiOkResponse({ type: DiffFlameGraphDto })
  async flamegraph(
    @CurrentCaller() caller: Caller,
    @QueryParameters(DiffFlameGraphQueryDto) query: DiffFlameGraphQueryDto,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const sides = await this.sides(caller, query, []);
    if (
      immutable(sides) &&
      sendIfFresh(request, response, entityTag(caller.tenantId, 'diff-flamegraph', sides, query))
    ) {
      return;
    }
    const { by, max_nodes: maxNodes } = query;
    const job = { op: 'diff-flamegraph', ...sides, options: stackOptions(query), by, maxNodes } as const;
    send(response, await this.threads.run<QueryRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** @param ranges those of the sides that are selections, as the first page resolved them */
  private async sides(
    caller: Caller,
    query: SidesDto,
    ranges: readonly { from: string; to: string }[],
  ): Promise<Sides> {
    const base = sideOf(query, 'base');
    const target = sideOf(query, 'target');
    const baseSnapshot = base.id === undefined ? null : await this.stacks.ofSnapshot(caller, base.id);
    const targetSnapshot = target.id === undefined ? null : await this.stacks.ofSnapshot(caller, target.id);
    const kind = query.kind ?? targetSnapshot?.kind ?? baseSnapshot?.kind;
    const pinned = [...ranges];
    const select = ({ service, selectors }: Side, prefix: string) =>
      this.stacks.ofService(caller, service, { kind, ...selectors, ...pinned.shift() }, prefix);
    return {
      base: baseSnapshot ?? (await select(base, 'base_')),
      target: targetSnapshot ?? (await select(target, 'target_')),
    };
  }
}

interface Sides {
  readonly base: StacksSource;
  readonly target: StacksSource;
}

interface Side {
  readonly id?: string;
  /** Empty if the side is a snapshot. */
  readonly service: string;
  readonly selectors: Selectors;
}

function sideOf(query: SidesDto, side: 'base' | 'target'): Side {
  const id = query[side];
  const service = query[`${side}_service`];
  if ((id === undefined) === (service === undefined)) {
    const detail = `give either ${side}=<snapshot id> or ${side}_service=<name>`;
    throw new Problem('validation-failed', detail, { errors: [{ pointer: `?${side}`, code: 'one-of', detail }] });
  }
  const selectors: Selectors = {
    from: query[`${side}_from`],
    to: query[`${side}_to`],
    instance: query[`${side}_instance`],
    build: query[`${side}_build`],
    env: query[`${side}_env`],
    labels: query[`${side}_labels`],
  };
  if (id !== undefined && Object.values(selectors).some((given) => given !== undefined)) {
    const detail = `${side} is a snapshot already; ${side}_from and the like go with ${side}_service`;
    throw new Problem('validation-failed', detail, { errors: [{ pointer: `?${side}`, code: 'one-of', detail }] });
  }
  return { id, service: service ?? '', selectors };
}

function immutable({ base, target }: Sides): boolean {
  return base.is === 'snapshot' && target.is === 'snapshot';
}
