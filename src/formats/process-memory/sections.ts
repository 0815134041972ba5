import { isCgroupFile } from './cgroup-files.js';

/** A file that stands in a text together with its name. */
export interface Section {
  readonly path: string;
  readonly lines: string[];
}

const tailHeader = /^==> ([^\n]{1,4096}) <==$/;
/** `/sys/fs/cgroup/memory.current:338421248`, `/proc/1/status:VmRSS:\t 1 kB`. */
const grepLine = /^([^\s:]{1,4096}):(.*)$/;

/**
 * The files in a text that people make of several: `tail -n +1 FILES` puts `==> path <==` ahead of each, `grep . FILES`
 * the path ahead of each line. Null if the text is no such thing; then it is one file.
 */
export function sectionsOf(lines: readonly string[]): Section[] | null {
  const first = lines.find((line) => line !== '');
  if (first === undefined) return null;
  if (tailHeader.test(first)) return tailSections(lines);
  const path = grepLine.exec(first)?.[1];
  return path !== undefined && isReadable(path) ? grepSections(lines) : null;
}

/** The name of a file without its folders. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function isReadable(path: string): boolean {
  const name = fileName(path);
  // Of /proc/PID; without a folder `status:` may be anything.
  return (
    name.startsWith('memory.') ||
    isCgroupFile(name) ||
    /(?:^|\/)\d{1,10}\/(?:status|smaps_rollup)$|\/self\/(?:status|smaps_rollup)$/.test(path)
  );
}

function tailSections(lines: readonly string[]): Section[] {
  const sections: Section[] = [];
  for (const line of lines) {
    const header = tailHeader.exec(line);
    if (header !== null) sections.push({ path: header[1], lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  return sections;
}

function grepSections(lines: readonly string[]): Section[] {
  const sections = new Map<string, Section>();
  for (const line of lines) {
    if (line === '') continue;
    const found = grepLine.exec(line);
    const path = found === null ? '' : found[1];
    let section = sections.get(path);
    if (section === undefined) sections.set(path, (section = { path, lines: [] }));
    section.lines.push(found === null ? line : found[2]);
  }
  return [...sections.values()];
}
