import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../platform/clock.js';
import { type CursorScope, Cursors } from '../platform/cursor.js';
import type { Caller } from '../tenants/caller.js';
import type { PagePart, StacksSource } from './query-request.js';

const hourMillis = 3_600_000;

/** Whatever else it says decides what is on the pages. */
export interface RankingQuery {
  readonly limit: number;
  readonly cursor?: string;
}

/** Ranges that the first page has resolved, in order of the sources; relative times would move on from page to page. */
type PinnedRanges = readonly { from: string; to: string }[];

interface RankingPosition {
  readonly offset: number;
  readonly ranges: PinnedRanges;
}

/** Pages of a ranking that is computed anew for each: a position is a place in it, and the ranges it was computed over. */
@Injectable()
export class RankingPages {
  constructor(
    private readonly cursors: Cursors,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Where the page that a query asks for begins, and over which ranges.
   * @param endpoint what is ranked, ids and names in the path included
   * @throws Problem `bad-cursor`
   */
  open(caller: Caller, endpoint: string, query: RankingQuery): RankingPage {
    const { limit, cursor, ...filters } = query;
    const scope: CursorScope = { tenantId: caller.tenantId, endpoint, filters };
    const now = this.clock.now();
    // Cursors made within an hour are the same, so that the answer they are part of is the same and can have an ETag.
    const hour = new Date(Math.floor(now.getTime() / hourMillis) * hourMillis);
    const { offset, ranges } =
      cursor === undefined ? { offset: 0, ranges: [] } : this.cursors.open<RankingPosition>(scope, cursor, now);
    return {
      ranges,
      hour: hour.getTime(),
      part: (...sources) => {
        const pinned = sources.flatMap((source) => (source.is === 'selection' ? [rangeOf(source)] : []));
        const next = { offset: offset + limit, ranges: pinned } satisfies RankingPosition;
        return { offset, limit, next: this.cursors.seal(scope, next, hour) };
      },
    };
  }
}

export interface RankingPage {
  /** Empty on the first page. */
  readonly ranges: PinnedRanges;
  /** In which the cursors were made, milliseconds since 1970. */
  readonly hour: number;
  part(...sources: StacksSource[]): PagePart;
}

function rangeOf({ from, to }: { from: number; to: number }): { from: string; to: string } {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}
