import { sniffGoroutineDump } from '../goroutine-dump/sniff.js';

/** What the runtime prints into its log, wherever in a line: something may stand before it. */
const runtimeLine =
  /(?:^|[^A-Za-z0-9])(?:gc \d{1,10} @\d{1,10}\.\d{3}s |SCHED \d{1,12}ms: gomaxprocs=|goroutine \d{1,20} [^\n]{0,120}\[[^\n]{1,300}\]:|SIGQUIT: quit)/;

/**
 * Whether the beginning of a text is a log with something of the Go runtime in sight. A log whose first such line comes
 * later is not known by its beginning: then only reading it tells.
 */
export function sniffGoLog(_: Uint8Array, text: string): boolean {
  return sniffGoroutineDump(text) || runtimeLine.test(text);
}
