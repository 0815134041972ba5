import { packageOf } from '../../formats/go-names.js';
import type { EvidenceFrame, EvidenceStack, LeakEvidence } from './evidence.js';

/*
 * Where in the code something happens: which frames are the runtime's, the standard library's, a dependency's, the
 * application's, and which of them to open in the editor.
 */

export type FrameOrigin = 'runtime' | 'standard' | 'dependency' | 'application';

/** Tells the origin of frames in the code of one service. */
export class CodeMap {
  /** Where the file of main.main shows it; else null. */
  private readonly module: Module | null;

  constructor({ stacks }: Pick<LeakEvidence, 'stacks'>) {
    this.module = moduleOf(stacks);
  }

  originOf({ function: name, file }: EvidenceFrame): FrameOrigin {
    const path = packageOf(name);
    if (isRuntime(path)) return 'runtime';
    if (path === 'main') return 'application';
    const [first] = path.split('/', 1);
    if (first === '' || standardLibrary.has(first)) return 'standard';
    if (file.includes('/vendor/') || path.includes('/vendor/')) return 'dependency';
    const isInside = this.module !== null && `${path}/`.startsWith(this.module.prefix);
    if (modVersion.test(file)) return isInside && this.module?.isVersioned === true ? 'application' : 'dependency';
    return this.module === null || isInside ? 'application' : 'dependency';
  }

  /** The innermost application frame, else that of a dependency; null if all is Go's own. */
  ownFrame(frames: readonly EvidenceFrame[]): EvidenceFrame | null {
    let dependency: EvidenceFrame | null = null;
    for (const frame of frames) {
      const origin = this.originOf(frame);
      if (origin === 'application') return frame;
      if (origin === 'dependency') dependency ??= frame;
    }
    return dependency;
  }
}

/** The innermost frame that is not there to wait or to allocate: outside of the runtime. */
export function siteOf(frames: readonly EvidenceFrame[]): EvidenceFrame {
  return frames.find(({ function: name }) => !waits(packageOf(name))) ?? frames.at(0) ?? nowhere;
}

export const nowhere: EvidenceFrame = { function: '(unknown)', file: '', line: 0 };

function isRuntime(path: string): boolean {
  return path === 'runtime' || path.startsWith('runtime/') || path.startsWith('internal/runtime/');
}

function waits(path: string): boolean {
  return isRuntime(path) || path === 'sync' || path === 'time' || path === 'syscall' || path.startsWith('internal/');
}

const modVersion = /@v\d/;

/** First elements of import paths; what the toolchain vendors for itself begins with `vendor`. */
const standardLibrary = new Set(
  (
    'archive arena bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag ' +
    'fmt go hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime simd ' +
    'slices sort strconv strings structs sync syscall testing text time unicode unique unsafe vendor weak'
  ).split(' '),
);

/** What the application's own packages begin with: `github.com/acme/shop/`. */
interface Module {
  readonly prefix: string;
  /** Built by `go install …@version`: its own files have a version in their path, too. */
  readonly isVersioned: boolean;
}

function moduleOf(stacks: readonly EvidenceStack[]): Module | null {
  for (const { frames } of stacks) {
    const main = frames.find((frame) => frame.function === 'main.main');
    const module = main === undefined ? null : moduleOfFile(main.file);
    if (module !== null) return module;
  }
  return null;
}

/**
 * With -trimpath the file of main.main begins with the path of its package, else with a folder. How much of that is the
 * module is not said: as much as a repository has at the usual hosts, and where a module has a path of its own, its
 * first two elements, so that less is taken for a dependency rather than more.
 */
function moduleOfFile(file: string): Module | null {
  const version = file.indexOf('@v');
  if (version > 0) {
    const cache = file.lastIndexOf(moduleCache, version);
    const prefix = file.slice(cache < 0 ? 0 : cache + moduleCache.length, version);
    return { prefix: `${unescapedCapitals(prefix)}/`, isVersioned: true };
  }
  const elements = file.split('/').slice(0, -1);
  if (!/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(elements[0] ?? '')) return null;
  const length = threeElements.has(elements[0]) ? 3 : 2;
  return elements.length < length ? null : { prefix: `${elements.slice(0, length).join('/')}/`, isVersioned: false };
}

const moduleCache = '/pkg/mod/';

/** Hosts of which the path of a repository has an owner and a name. */
const threeElements = new Set(['github.com', 'gitlab.com', 'bitbucket.org', 'codeberg.org', 'gitee.com', 'git.sr.ht']);

/** The module cache writes `!a` for `A` (golang.org/ref/mod#module-cache). */
function unescapedCapitals(path: string): string {
  return path.replace(/!([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
