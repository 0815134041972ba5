import { FormatError } from '../../src/formats/format-error.js';

/** The FormatError that `run` ends with. Any other error goes on, and no error is one. */
export function faultOf(run: () => unknown): FormatError {
  try {
    run();
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error('it was read');
}

/** The decoder's whole contract towards its input: a value, or a FormatError. */
export function valueOrFault<T>(run: () => T): T | FormatError {
  try {
    return run();
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
}
