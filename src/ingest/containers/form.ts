import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { isNativeError } from 'node:util/types';
import busboy from 'busboy';
import { Problem } from '../../platform/problem.js';

export interface FormFile {
  /** The name of the field; empty if it has none. */
  readonly field: string;
  /** As the sender gave it; empty if it did not. */
  readonly fileName: string;
  readonly bytes: Readable;
}

export interface FormReader {
  field(name: string, value: string): void;
  /** Resolves when the bytes have been read to their end. Files come one after the other. */
  file(file: FormFile): Promise<void>;
}

const fieldsMax = 256;
const fieldBytesMax = 16 * 1024;

/**
 * Reads multipart/form-data (RFC 7578) from front to back. What is read of the body waits for the file that is being
 * taken, so that memory stays bounded whatever the sizes are.
 *
 * @throws Problem `malformed` or `truncated` for a form that is damaged or ends too early, `too-many-parts`, or whatever
 *   `body` and `reader` fail with
 */
export async function readForm(
  headers: IncomingHttpHeaders,
  body: AsyncIterable<Buffer>,
  reader: FormReader,
): Promise<void> {
  const parser = makeParser(headers);
  let failure: { error: unknown } | null = null;
  let tellFailed: () => void = () => undefined;
  const failed = new Promise<void>((resolve) => (tellFailed = resolve));
  const fail = (error: unknown) => {
    if (failure) return;
    failure = { error };
    parser.destroy();
    tellFailed();
  };
  const hasFailed = () => failure !== null;

  // Each step begins when the one before has ended; after a failure none begins.
  let steps = Promise.resolve();
  const then = (step: () => void | Promise<void>) => {
    steps = steps.then(() => (hasFailed() ? undefined : step())).catch(fail);
  };
  parser.on('field', (name: string | undefined, value, { valueTruncated }) =>
    then(() => {
      if (valueTruncated) throw tooLongField(name ?? '');
      reader.field(name ?? '', value);
    }),
  );
  parser.on('file', (field: string | undefined, bytes, { filename }: { filename?: string }) => {
    // It is destroyed with the parser, also while it still waits for its turn and nobody listens.
    bytes.on('error', (error) => fail(damage(error)));
    then(() => reader.file({ field: field ?? '', fileName: filename ?? '', bytes }));
  });
  parser.on('fieldsLimit', () => fail(tooManyFields()));
  parser.on('error', (error) => fail(damage(error)));
  const finished = once(parser, 'finish').catch(() => undefined);

  try {
    for await (const chunk of body) {
      if (hasFailed()) break;
      if (!parser.write(chunk)) await Promise.race([once(parser, 'drain').catch(() => undefined), failed]);
    }
    if (!hasFailed()) parser.end();
    await Promise.race([finished, failed]);
  } catch (error) {
    fail(error);
  }
  await steps;
  if (failure) throw (failure as { error: unknown }).error;
}

function makeParser(headers: IncomingHttpHeaders): busboy.Busboy {
  try {
    return busboy({
      headers,
      preservePath: true,
      defParamCharset: 'utf8',
      limits: { fields: fieldsMax, fieldSize: fieldBytesMax },
    });
  } catch (error) {
    throw damage(error);
  }
}

function damage(error: unknown): unknown {
  if (error instanceof Problem || !isNativeError(error)) return error;
  return /Unexpected end/.test(error.message)
    ? new Problem('truncated', 'The form ends before its last boundary.', { cause: error })
    : new Problem('malformed', `The form is damaged: ${error.message}.`, { cause: error });
}

function tooManyFields(): Problem {
  return new Problem('too-many-parts', `The form has more than ${fieldsMax} fields that are no files.`, {
    limit: 'form_fields',
    actual: fieldsMax + 1,
    allowed: fieldsMax,
  });
}

function tooLongField(name: string): Problem {
  const detail = `The value of ${JSON.stringify(name.slice(0, 100))} is longer than ${fieldBytesMax} bytes; a file needs a file name.`;
  return new Problem('validation-failed', detail, {
    errors: [{ pointer: `?${name.slice(0, 100)}`, code: 'too-long', detail }],
  });
}
