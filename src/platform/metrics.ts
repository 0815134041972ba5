import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

/**
 * The process's Prometheus metrics. Others inject it and register what they count under `registry`. Labels come from
 * closed sets only (routes, states, kinds): never a tenant, a service or a name that a client chose.
 */
export class Metrics {
  readonly registry = new Registry();

  readonly httpSeconds = new Histogram({
    name: 'tidemark_http_request_duration_seconds',
    help: 'From the first byte of a request to the last of its answer, by route.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });

  readonly queueErrors = new Counter({
    name: 'tidemark_queue_errors_total',
    help: 'Errors of the queue connection. Work that could not be announced is found by the sweeper.',
    registers: [this.registry],
  });

  constructor() {
    // Among them the event loop's delay and the process's memory.
    collectDefaultMetrics({ register: this.registry });
  }
}
