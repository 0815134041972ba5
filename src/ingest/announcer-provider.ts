import { LOGGER } from '../platform/logger.js';
import type { Logger } from 'pino';
import { Queues } from '../platform/queues.js';
import { Announcer, ingestQueue } from './announcer.js';

export const announcerProvider = {
  provide: Announcer,
  inject: [Queues, LOGGER],
  useFactory: (queues: Queues, logger: Logger) => new Announcer(queues.queue(ingestQueue), logger),
};
