import { type BeforeApplicationShutdown, Module, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { ARCHIVE, type Archive } from '../archive/archive.js';
import { ArchiveModule } from '../archive/archive.module.js';
import { Dictionary } from '../catalog/dictionary.js';
import { RankingMarks, rankQueue } from '../catalog/ranking-marks.js';
import { StackStore } from '../catalog/stack-store.js';
import { CONFIG, type Config } from '../platform/config.js';
import { Database } from '../platform/database.js';
import { LOGGER } from '../platform/logger.js';
import { Metrics } from '../platform/metrics.js';
import { Queues } from '../platform/queues.js';
import { announcerProvider } from './announcer-provider.js';
import { Announcer, ingestQueue } from './announcer.js';
import { IndexWorker } from './index-worker.js';
import { IngestMetrics } from './ingest-metrics.js';
import { defaultParserLimits, ParserPool, type ParserPoolOptions } from './parser-pool.js';
import { siblingModule } from '../platform/sibling-module.js';
import { ResultRecorder } from './result-recorder.js';
import { UploadIndexer } from './upload-indexer.js';
import { WorkList } from './work-list.js';

export const PARSER_POOL_OPTIONS = Symbol('parser pool options');

/** While one upload of a parser is being parsed, others are on their way to it, or gather to be recorded together. */
const slotsPerParser = 8;

/** The worker's part of ingest: takes uploads off the work list and indexes them. */
@Module({
  imports: [ArchiveModule],
  providers: [
    announcerProvider,
    {
      provide: PARSER_POOL_OPTIONS,
      inject: [CONFIG],
      useFactory: (config: Config): ParserPoolOptions => ({
        entry: siblingModule(import.meta.url, 'parser-process'),
        parsers: config.parsers,
        limits: { ...defaultParserLimits, wallMillis: config.parseMillisMax, residentBytes: config.parserBytesMax },
        execArgv: process.execArgv,
      }),
    },
    {
      provide: ParserPool,
      inject: [PARSER_POOL_OPTIONS],
      useFactory: (options: ParserPoolOptions) => new ParserPool(options),
    },
    {
      provide: WorkList,
      inject: [Database, CONFIG],
      useFactory: (db: Database, config: Config) => new WorkList(db, config.leaseMillis),
    },
    {
      provide: IngestMetrics,
      inject: [Metrics],
      useFactory: (metrics: Metrics) => new IngestMetrics(metrics),
    },
    {
      provide: Dictionary,
      inject: [Database],
      useFactory: (db: Database) => new Dictionary(db, new StackStore()),
    },
    {
      provide: RankingMarks,
      inject: [Queues, CONFIG, LOGGER],
      useFactory: (queues: Queues, { rankingDebounceMillis }: Config, logger: Logger) =>
        new RankingMarks(queues.queue(rankQueue), rankingDebounceMillis, logger),
    },
    {
      provide: ResultRecorder,
      inject: [Dictionary, WorkList, RankingMarks],
      useFactory: (dictionary: Dictionary, work: WorkList, ranking: RankingMarks) =>
        new ResultRecorder(dictionary, work, ranking),
    },
    {
      provide: UploadIndexer,
      inject: [ARCHIVE, ParserPool, ResultRecorder, WorkList, IngestMetrics, LOGGER],
      useFactory: (
        archive: Archive,
        parsers: ParserPool,
        recorder: ResultRecorder,
        work: WorkList,
        metrics: IngestMetrics,
        logger: Logger,
      ) => new UploadIndexer(archive, parsers, recorder, work, metrics, logger),
    },
    {
      provide: IndexWorker,
      inject: [WorkList, UploadIndexer, Announcer, LOGGER, CONFIG],
      useFactory: (
        work: WorkList,
        indexer: UploadIndexer,
        announcer: Announcer,
        logger: Logger,
        { parsers, sweepMillis, drainMillis }: Config,
      ) =>
        new IndexWorker(work, indexer, announcer, logger, {
          slots: parsers * slotsPerParser,
          sweepMillis,
          drainMillis,
        }),
    },
  ],
  exports: [IndexWorker],
})
export class WorkerIngestModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly worker: IndexWorker,
    private readonly parsers: ParserPool,
    private readonly announcer: Announcer,
    private readonly ranking: RankingMarks,
    private readonly queues: Queues,
  ) {}

  onApplicationBootstrap(): void {
    this.queues.worker(ingestQueue, () => this.worker.wake(), { concurrency: 1 });
    this.worker.start();
  }

  /** The queue and the database are closed after this. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.worker.close();
    await this.parsers.close();
    await this.announcer.settled();
    await this.ranking.settled();
  }
}
