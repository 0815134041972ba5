/**
 * Whether the beginning of a text is a goroutine dump, or a log with one in sight: a header such as
 * `goroutine 1 gp=0xc000002380 m=nil [select, 3 minutes]:` at the start of a line, or the beginning of a Go crash.
 */
export function sniffGoroutineDump(head: string): boolean {
  return header.test(head) || crash.test(head);
}

const header = /^[ \t]{0,64}goroutine \d{1,20} (?:gp=\w{1,20} m=\w{1,20} (?:mp=\w{1,20} )?)?\[[^\n]{1,500}[\]}]:\r?$/m;

const crash =
  /^\ufeff?(?:panic: |fatal error: |SIG[A-Z0-9]{2,10}: [^\n]{1,80}\r?\nPC=0x|unexpected fault address 0x|runtime: goroutine stack exceeds )/;
