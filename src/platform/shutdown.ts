/** Ends a process whose orderly stop hangs. Orchestrators kill after 30 seconds; this is earlier and says why. */
const stopMillisMax = 29_000;
const sameKeyMillis = 1_000;

/**
 * Stops the process in an orderly way at the first SIGINT, SIGTERM or SIGHUP (or when its parent is gone, for a child with
 * an IPC channel) and at once at the second Ctrl-C.
 */
export function stopOnSignals(stop: () => Promise<void>): void {
  let stoppingSince: number | null = null;
  const begin = (why: string): void => {
    if (stoppingSince !== null) {
      // Ctrl-C again: whoever is at the keyboard does not want to wait. But one Ctrl-C can arrive twice, from the terminal
      // and from npm, which passes it on.
      if (why === 'SIGINT' && performance.now() - stoppingSince > sameKeyMillis) process.exit(130);
      return;
    }
    stoppingSince = performance.now();
    setTimeout(() => {
      console.error(`did not stop within ${stopMillisMax / 1000} seconds after ${why}; giving up`);
      process.exit(1);
    }, stopMillisMax).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  // A command may end when nobody reads it any more; a service goes on, and above all stops in order.
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error');
    stream.on('error', () => undefined);
  }
  process.on('SIGTERM', begin);
  if (process.send !== undefined) {
    // A Ctrl-C reaches all processes of the terminal; the parent decides when this one stops.
    for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => undefined);
    process.once('disconnect', () => begin('the loss of its parent'));
    // The parent may have died while this process was starting.
    if (!process.connected) begin('the loss of its parent');
  } else {
    process.on('SIGINT', begin);
    process.on('SIGHUP', begin);
  }
}
