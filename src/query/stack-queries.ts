import { gzipSync } from 'node:zlib';
import { diffRowsAnswer, diffTotalsAnswer, flameDiffAnswer, flameGraphAnswer, topAnswer } from '../analysis/answers.js';
import { diffFlameGraph, diffStacks, diffTable, type StackDiff } from '../analysis/diff.js';
import { compileFilter, filterStacks, type StackFilter } from '../analysis/filter.js';
import { flameGraph } from '../analysis/flame-graph.js';
import { foldedStacks } from '../analysis/folded.js';
import { absoluteSumOf } from '../analysis/exact.js';
import { sampleTypeIndex } from '../analysis/sample-type.js';
import { profileOf } from '../analysis/to-pprof.js';
import { top } from '../analysis/top.js';
import { encodePprof } from '../formats/pprof/encode.js';
import type { StackStore } from '../catalog/stack-store.js';
import type { Database, TenantId } from '../platform/database.js';
import { defaultInstanceNote } from '../tenants/coverage-note.js';
import { asJson, type QueryAnswer } from '../platform/thread-protocol.js';
import type { StackOptions, StackRequest, StacksSource } from './query-request.js';
import { type LoadedStacks, type LoadOptions, loadStacks } from './stack-loading.js';
import type { StacksSourceDto } from './stacks.dto.js';

type RequestOf<Op extends StackRequest['op']> = Extract<StackRequest, { op: Op }>;

/**
 * Answers questions about stacks: loads them in one short transaction, then computes and writes the answer outside of
 * it. Values are 64-bit and become decimal strings. Runs in a query thread.
 */
export class StackQueries {
  constructor(
    private readonly db: Database,
    private readonly store: StackStore,
  ) {}

  /** @throws Problem, and what `refusalOf` knows of `analysis/` */
  async answer(tenantId: TenantId, request: StackRequest): Promise<QueryAnswer> {
    switch (request.op) {
      case 'top':
        return asJson(await this.top(tenantId, request));
      case 'flamegraph':
        return asJson(await this.flameGraph(tenantId, request));
      case 'folded':
        return this.folded(tenantId, request);
      case 'pprof':
        return this.pprof(tenantId, request);
      case 'diff':
        return asJson(await this.diff(tenantId, request));
      case 'diff-flamegraph':
        return asJson(await this.diffFlameGraph(tenantId, request));
    }
  }

  private async top(tenantId: TenantId, { source, options, part }: RequestOf<'top'>): Promise<object> {
    const filter = compileFilter(options);
    const loaded = await this.load(tenantId, source, shownBy(options));
    const { stacks, unmatched, sampleType, total } = choose(loaded, options, filter);
    const table = top(stacks, { sampleType, total, ...part });
    return {
      source: describe(source, loaded),
      unmatched,
      ...topAnswer(table),
      next: table.rowCount > part.offset + part.limit ? part.next : null,
    };
  }

  private async flameGraph(tenantId: TenantId, request: RequestOf<'flamegraph'>): Promise<object> {
    const { source, options, by, maxNodes } = request;
    const filter = compileFilter(options);
    const loaded = await this.load(tenantId, source, shownBy(options));
    const { stacks, unmatched, sampleType, total } = choose(loaded, options, filter);
    const flame = flameGraph(stacks, sampleType, { by, maxNodes });
    return { source: describe(source, loaded), unmatched, ...flameGraphAnswer(flame, total) };
  }

  private async folded(tenantId: TenantId, { source, options }: RequestOf<'folded'>): Promise<QueryAnswer> {
    const filter = compileFilter(options);
    const loaded = await this.load(tenantId, source, shownBy(options));
    const { stacks, sampleType } = choose(loaded, options, filter);
    const { type, unit } = stacks.sampleTypes[sampleType];
    return {
      contentType: 'text/plain; charset=utf-8',
      // The text has no place for it. The names are the profile's, and may be anything.
      headers: { 'X-Sample-Type': encodeURIComponent(type), 'X-Unit': encodeURIComponent(unit) },
      body: new TextEncoder().encode(foldedStacks(stacks, sampleType)),
    };
  }

  private async pprof(tenantId: TenantId, { source }: RequestOf<'pprof'>): Promise<QueryAnswer> {
    const { stacks, defaultSampleType, coverage } = await this.load(tenantId, source);
    const profile = profileOf(stacks, {
      binary: source.service,
      defaultSampleType,
      ...(coverage && {
        timeNanos: BigInt(Math.round(coverage.firstAtMillis)) * 1_000_000n,
        comments: [`merged from ${coverage.snapshots} snapshots of ${coverage.instances} instances`],
      }),
    });
    // A copy, because a small Buffer is a slice of a pool and cannot be handed to another thread.
    return { contentType: 'application/octet-stream', body: Uint8Array.from(gzipSync(encodePprof(profile))) };
  }

  private async diff(tenantId: TenantId, request: RequestOf<'diff'>): Promise<object> {
    const { part, share } = request;
    const { diff, answer } = await this.compare(tenantId, request);
    const table = diffTable(diff, part);
    return {
      ...answer,
      ...diffRowsAnswer(table, share),
      next: table.rowCount > part.offset + part.limit ? part.next : null,
    };
  }

  private async diffFlameGraph(tenantId: TenantId, request: RequestOf<'diff-flamegraph'>): Promise<object> {
    const { diff, answer } = await this.compare(tenantId, request);
    const flame = diffFlameGraph(diff, { by: request.by, maxNodes: request.maxNodes });
    return { ...answer, ...flameDiffAnswer(flame) };
  }

  /** Shares refer to all stacks, so both sides are compared whole and the patterns applied to the comparison. */
  private async compare(
    tenantId: TenantId,
    { base, target, options }: RequestOf<'diff' | 'diff-flamegraph'>,
  ): Promise<{ diff: StackDiff; answer: object }> {
    const filter = compileFilter(options);
    const loadedTarget = await this.load(tenantId, target, shownBy(options));
    const { sampleTypes } = loadedTarget.stacks;
    const shown = sampleTypeIndex(sampleTypes, options.sampleType, loadedTarget.defaultSampleType);
    const loadedBase = await this.load(tenantId, base, { sampleType: sampleTypes[shown].type });
    const whole = diffStacks(
      loadedBase.stacks,
      loadedTarget.stacks,
      options.sampleType,
      loadedTarget.defaultSampleType,
    );
    const { stacks, unmatched } = filterStacks(whole.joined, filter);
    const answer = {
      base: describe(base, loadedBase),
      target: describe(target, loadedTarget),
      unmatched,
      ...diffTotalsAnswer(whole),
    };
    return { diff: { ...whole, joined: stacks }, answer };
  }

  private load(tenantId: TenantId, source: StacksSource, options?: LoadOptions): Promise<LoadedStacks> {
    return this.db.readTenant(tenantId, (tx) => loadStacks(tx, this.store, tenantId, source, options));
  }
}

/** What has to be loaded to show one number. */
function shownBy({ sampleType = '', states }: StackOptions): LoadOptions {
  return { sampleType, states };
}

/** The stacks that match, the column that was asked for, and what 100 % of it is before any pattern. */
function choose({ stacks, defaultSampleType }: LoadedStacks, options: StackOptions, filter: StackFilter) {
  const sampleType = sampleTypeIndex(stacks.sampleTypes, options.sampleType, defaultSampleType);
  return { ...filterStacks(stacks, filter), sampleType, total: absoluteSumOf(stacks.values[sampleType]) };
}

function describe(source: StacksSource, { coverage }: LoadedStacks): StacksSourceDto {
  const { service, kind } = source;
  if (source.is === 'snapshot' || !coverage) {
    return { snapshot_id: source.is === 'snapshot' ? source.snapshotId : null, service, kind, coverage: null };
  }
  return {
    snapshot_id: null,
    service,
    kind,
    coverage: {
      snapshots: coverage.snapshots,
      instances: coverage.instances,
      covered_seconds: coverage.heldMillis === null ? null : coverage.heldMillis / 1000,
      from: timeOf(source.from),
      to: timeOf(source.to),
      first_captured_at: timeOf(coverage.firstAtMillis),
      last_captured_at: timeOf(coverage.lastAtMillis),
      note: coverage.hasDefaultInstance && coverage.instances === 1 ? defaultInstanceNote : null,
    },
  };
}

function timeOf(millis: number): string {
  return new Date(millis).toISOString();
}
