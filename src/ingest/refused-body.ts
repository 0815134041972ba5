import type { IncomingMessage } from 'node:http';

const drainedBytes = 4 * 1024 * 1024;
const drainedMillis = 1_000;

/**
 * Reads on for a moment what a refused sender is still sending, and forgets it. A connection that is closed on somebody
 * who is sending is reset, and the reset can overtake the answer that says why. A body that is much too large is not
 * waited for: then the connection is closed.
 */
export async function drainBriefly(request: IncomingMessage): Promise<void> {
  // Whoever waits for "100 Continue" has sent nothing, and to read on would invite it to.
  if (request.readableEnded || request.destroyed || request.headers.expect !== undefined) return;
  await new Promise<void>((resolve) => {
    let drained = 0;
    const timer = setTimeout(end, drainedMillis);
    function end() {
      clearTimeout(timer);
      request.off('data', count).off('end', end).off('close', end);
      request.pause();
      resolve();
    }
    function count(chunk: Buffer) {
      drained += chunk.length;
      if (drained > drainedBytes) end();
    }
    request.on('data', count).on('end', end).on('close', end);
  });
}
