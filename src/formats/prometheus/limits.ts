/** What reading a page of metrics may cost. Go's own page with all runtime metrics has 330 samples. */
export interface PrometheusLimits {
  readonly pageBytes: number;
  /** Bytes of one line; a longer one is left out. */
  readonly metricLineBytes: number;
  /** Samples of the Go runtime and the process. */
  readonly samples: number;
  readonly labelsPerSample: number;
  /** Samples whose name and labels together are longer are left out. */
  readonly seriesNameLength: number;
  /** Buckets of one histogram. */
  readonly histogramBuckets: number;
  /** Metrics of the program itself, without labels, that are kept; further ones are counted, not refused. */
  readonly keptOthers: number;
}

export const prometheusLimits: PrometheusLimits = {
  pageBytes: 64 * 1024 * 1024,
  metricLineBytes: 64 * 1024,
  samples: 20_000,
  labelsPerSample: 64,
  seriesNameLength: 1_024,
  histogramBuckets: 4_096,
  keptOthers: 256,
};
