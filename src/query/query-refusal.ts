import { IncompatibleProfilesError } from '../analysis/merge.js';
import { PatternError } from '../analysis/pattern.js';
import { SampleTypeError } from '../analysis/sample-type.js';
import { SelectionTooLargeError } from '../catalog/read.js';
import { SeriesTooLargeError } from '../catalog/series.js';
import { isDatabaseUnavailable } from '../platform/database.js';
import { Problem } from '../platform/problem.js';

/** The Problem that an error of a query is to whoever asked, or null when it is nobody's fault but ours. */
export function refusalOf(error: unknown): Problem | null {
  if (error instanceof Problem) return error;
  if (error instanceof PatternError) {
    return new Problem('bad-pattern', error.message, {
      errors: [{ pointer: `?${error.option}`, code: 'bad-pattern' }],
    });
  }
  if (error instanceof SampleTypeError) {
    return new Problem('validation-failed', error.message, {
      errors: [{ pointer: '?sample_type', code: 'unknown-sample-type', detail: error.message }],
    });
  }
  if (error instanceof IncompatibleProfilesError) return new Problem('validation-failed', error.message);
  if (error instanceof SelectionTooLargeError) {
    return new Problem('selection-too-large', 'Choose a shorter range, or one instance.', {
      limit: error.limit,
      actual: error.actual,
      allowed: error.allowed,
    });
  }
  if (error instanceof SeriesTooLargeError) {
    return new Problem('selection-too-large', 'Choose a shorter range, or one instance.', {
      limit: error.limit,
      allowed: error.allowed,
    });
  }
  if (isDatabaseUnavailable(error)) {
    return new Problem('unavailable', 'The database cannot be reached; try again.', {
      cause: error,
      retryAfterSeconds: 2,
    });
  }
  if (error instanceof Error && (error as { code?: unknown }).code === '57014') {
    return new Problem('query-timeout', 'The query took too long.', { cause: error, retryAfterSeconds: 5 });
  }
  return null;
}
