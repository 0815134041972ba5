import { ApiHeader } from '@nestjs/swagger';

/** A request that may be sent again. */
export const TakesIdempotencyKey = () =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'A repeated request with the same key gets the first answer again, for 24 hours. 1 to 255 ASCII characters.',
  });
