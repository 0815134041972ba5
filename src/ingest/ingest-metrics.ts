import { Counter, Histogram } from 'prom-client';
import type { Metrics } from '../platform/metrics.js';

/** What a worker counts. */
export class IngestMetrics {
  readonly finished: Counter<'state'>;
  readonly crashes: Counter<'reason'>;
  readonly parseSeconds: Histogram;
  readonly secondsToResult: Histogram;

  constructor({ registry }: Metrics) {
    this.finished = new Counter({
      name: 'tidemark_uploads_finished_total',
      help: 'Uploads that left the work list, by what became of them.',
      labelNames: ['state'],
      registers: [registry],
    });
    this.crashes = new Counter({
      name: 'tidemark_parser_crashes_total',
      help: 'Deaths and failures of the parser while it had an upload.',
      labelNames: ['reason'],
      registers: [registry],
    });
    this.parseSeconds = new Histogram({
      name: 'tidemark_parse_duration_seconds',
      help: 'From the claim to the answer of the parser, waiting for a free one included.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers: [registry],
    });
    this.secondsToResult = new Histogram({
      name: 'tidemark_upload_to_result_seconds',
      help: 'From the receipt of an upload to its result.',
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600],
      registers: [registry],
    });
  }
}
