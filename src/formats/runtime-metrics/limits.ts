import { type JsonLimits, jsonLimits } from '../json/limits.js';

export interface RuntimeMetricsLimits extends JsonLimits {
  /** Metrics of one dump; Go 1.26 has 114. */
  readonly metrics: number;
  /** Buckets of one histogram; Go's have up to 161. */
  readonly histogramBuckets: number;
  /** A name that is longer is none. */
  readonly metricNameLength: number;
  /** Bytes of one line of a dump as text; the rest of a longer one is not looked at. */
  readonly metricLineBytes: number;
}

export const runtimeMetricsLimits: RuntimeMetricsLimits = {
  ...jsonLimits,
  metrics: 4_096,
  histogramBuckets: 4_096,
  metricNameLength: 256,
  metricLineBytes: 4_096,
};
