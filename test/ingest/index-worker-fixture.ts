import { type Logger, pino } from 'pino';
import type { Archive } from '../../src/archive/archive.js';
import { Dictionary } from '../../src/catalog/dictionary.js';
import { RankingMarks } from '../../src/catalog/ranking-marks.js';
import { StackStore } from '../../src/catalog/stack-store.js';
import { Announcer } from '../../src/ingest/announcer.js';
import { IndexWorker } from '../../src/ingest/index-worker.js';
import { IngestMetrics } from '../../src/ingest/ingest-metrics.js';
import type { ParserPool } from '../../src/ingest/parser-pool.js';
import { ResultRecorder } from '../../src/ingest/result-recorder.js';
import { UploadIndexer } from '../../src/ingest/upload-indexer.js';
import { WorkList } from '../../src/ingest/work-list.js';
import type { Database } from '../../src/platform/database.js';
import { Metrics } from '../../src/platform/metrics.js';
import type { JobQueue } from '../../src/platform/queue.js';

export interface WorkerSetting {
  readonly db: Database;
  readonly archive: Archive;
  readonly parsers: ParserPool;
  readonly queue: JobQueue<unknown>;
  readonly slots?: number;
  readonly leaseMillis?: number;
  readonly sweepMillis?: number;
  readonly logger?: Logger;
}

/** A worker as its module puts it together, around a pool of parsers that the test has chosen. */
export function makeWorker(setting: WorkerSetting): IndexWorker {
  const { db, archive, parsers, queue, slots = 4, leaseMillis = 60_000, sweepMillis = 60_000 } = setting;
  const logger = setting.logger ?? pino({ enabled: false });
  const work = new WorkList(db, leaseMillis);
  const dictionary = new Dictionary(db, new StackStore());
  const recorder = new ResultRecorder(dictionary, work, new RankingMarks(queue, 60_000, logger));
  const indexer = new UploadIndexer(archive, parsers, recorder, work, new IngestMetrics(new Metrics()), logger);
  const announcer = new Announcer(queue, logger);
  return new IndexWorker(work, indexer, announcer, logger, { slots, sweepMillis, drainMillis: 10_000 });
}
