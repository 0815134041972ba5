import { Problem } from '../../platform/problem.js';

const nameBytesMax = 1024;
const shownCharacters = 200;

/**
 * The name of an entry of an archive file: a relative path without `.` and doubled slashes, and with `\uFFFD` for what
 * cannot be shown. Nothing is ever written under it; a name that would lead elsewhere is refused all the same, because
 * whoever made it meant something by it.
 *
 * @throws Problem `entry-refused`
 */
export function entryName(raw: string): string {
  if (Buffer.byteLength(raw) > nameBytesMax) throw refusedEntry(raw, `has a name of more than ${nameBytesMax} bytes`);
  if (raw.includes('\0')) throw refusedEntry(raw, 'has a NUL in its name');
  if (raw.includes('\\')) throw refusedEntry(raw, 'has a backslash in its name');
  if (/^(?:\/|[A-Za-z]:)/.test(raw)) throw refusedEntry(raw, 'has an absolute path');
  const parts = raw.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refusedEntry(raw, 'has a path that leads upwards');
  if (parts.length === 0) throw refusedEntry(raw, 'has no name');
  return shown(parts.join('/'));
}

/** The name of a file in a form: without its folders, which some browsers send. Null if nothing is left of it. */
export function fileName(raw: string): string | null {
  const base = raw.slice(Math.max(raw.lastIndexOf('/'), raw.lastIndexOf('\\')) + 1);
  return base === '' || base === '.' || base === '..' ? null : [...shown(base)].slice(0, nameBytesMax / 4).join('');
}

/** Whether an operating system wrote it beside the files that it packed. */
export function isMetadata(name: string): boolean {
  return /(?:^|\/)(?:__MACOSX\/|\._[^/]*$|\.DS_Store$)/.test(name);
}

/** `reason` fits behind "The entry … ". */
export function refusedEntry(rawName: string, reason: string): Problem {
  const name = [...shown(rawName)].slice(0, shownCharacters).join('');
  return new Problem('entry-refused', `The entry ${JSON.stringify(name)} ${reason}.`);
}

function shown(name: string): string {
  return name.replace(/\p{C}/gu, '\uFFFD');
}
