import { applyDecorators } from '@nestjs/common';
import { ApiOkResponse, ApiResponse } from '@nestjs/swagger';

/** An answer that never changes: with `If-None-Match` and the ETag of an earlier one there is nothing to send. */
export const AnswersNotModified = () =>
  ApiResponse({ status: 304, description: 'The client has this answer already (If-None-Match).' });

/** What a snapshot that is not indexed is answered. */
export const NeedsIndexed = () =>
  applyDecorators(
    ApiResponse({
      status: 409,
      description: 'The snapshot is not indexed yet; Retry-After says when to ask again.',
    }),
    ApiResponse({
      status: 422,
      description: 'The snapshot was rejected (the problem says why), or a parameter is not what it must be.',
    }),
  );

export const SendsBytes = (contentType: string) =>
  ApiOkResponse({ content: { [contentType]: { schema: { type: 'string', format: 'binary' } } } });

/** Folded stacks. */
export const SendsFolded = () =>
  ApiOkResponse({
    content: { 'text/plain': { schema: { type: 'string' } } },
    headers: {
      'X-Sample-Type': { description: 'Which number the values are.', schema: { type: 'string' } },
      'X-Unit': { description: 'The unit of the values.', schema: { type: 'string' } },
    },
  });
