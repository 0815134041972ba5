import { FormatError } from '../format-error.js';
import { decodeDocuments, type Documents, elementsOf, objectOf, textOf } from '../json/documents.js';
import { type JsonLimits, jsonLimits } from '../json/limits.js';
import type { JsonObject, JsonValue } from '../json/reader.js';

/** What a binary says about how it was built. Texts that it does not give are empty. */
export interface BuildInfo {
  /** `go1.26.11`; missing before Go 1.18. */
  readonly goVersion: string;
  /** Of the main package. */
  readonly path: string;
  /** The main module; with a `replace`, what replaced it. */
  readonly main: GoModule;
  readonly dependencies: readonly GoModule[];
  /** The commit and its time (RFC 3339) as the version control system said, and whether the tree had changes. */
  readonly vcsRevision: string;
  readonly vcsTime: string;
  readonly vcsModified: boolean | null;
  /** Only the settings that are known to hold no secrets: above all not -ldflags. */
  readonly settings: ReadonlyMap<string, string>;
}

export interface GoModule {
  readonly path: string;
  /** `v1.2.3`, a pseudo-version, or `(devel)`. */
  readonly version: string;
}

const harmlessSettings: ReadonlySet<string> = new Set([
  ...['-buildmode', '-compiler', '-tags', '-trimpath', '-race', '-msan', '-asan', '-cover'],
  ...['CGO_ENABLED', 'GOOS', 'GOARCH', 'GOAMD64', 'GOARM', 'GOARM64', 'GO386', 'GOMIPS', 'GOMIPS64', 'GOPPC64'],
  ...['GORISCV64', 'GOWASM', 'GOEXPERIMENT', 'GOFIPS140', 'DefaultGODEBUG'],
  ...['vcs', 'vcs.revision', 'vcs.time', 'vcs.modified'],
]);

/**
 * `json.Marshal(debug.BuildInfo)`, one or several in a file. Empty fields are written as `""` and null up to Go 1.24 and
 * left out since 1.25; both mean the same (Go runtime/debug/mod.go).
 *
 * @throws FormatError
 */
export function decodeBuildInfo(bytes: Uint8Array, limits: JsonLimits = jsonLimits): Documents<BuildInfo> {
  return decodeDocuments(bytes, 'BuildInfo', buildInfoOf, limits);
}

/** Whether a text starts as the JSON of a BuildInfo. */
export function sniffBuildInfo(_: Uint8Array, text: string): boolean {
  return (
    /^\s*\{/.test(text) &&
    (/"GoVersion"\s*:\s*"/.test(text) || (/"Main"\s*:\s*\{\s*"Path"/.test(text) && /^\s*\{\s*"Path"\s*:/.test(text)))
  );
}

function buildInfoOf(value: JsonValue): BuildInfo {
  if (!(value instanceof Map) || !(value.has('GoVersion') || (value.has('Path') && value.has('Main')))) {
    throw new FormatError('unrecognized', 'no BuildInfo: neither GoVersion nor Path and Main are in it');
  }
  const settings = new Map<string, string>();
  for (const element of elementsOf(value.get('Settings'), 'Settings')) {
    const setting = objectOf(element, 'an element of Settings');
    const key = textOf(setting.get('Key'), 'Key');
    if (harmlessSettings.has(key)) settings.set(key, textOf(setting.get('Value'), 'Value'));
  }
  const main = value.get('Main') ?? null;
  const modified = settings.get('vcs.modified');
  return {
    goVersion: textOf(value.get('GoVersion'), 'GoVersion'),
    path: textOf(value.get('Path'), 'Path'),
    main: main === null ? { path: '', version: '' } : moduleOf(objectOf(main, 'Main')),
    dependencies: elementsOf(value.get('Deps'), 'Deps').map((element) =>
      moduleOf(objectOf(element, 'an element of Deps')),
    ),
    vcsRevision: settings.get('vcs.revision') ?? '',
    vcsTime: settings.get('vcs.time') ?? '',
    vcsModified: modified === undefined ? null : modified === 'true',
    settings,
  };
}

function moduleOf(module: JsonObject): GoModule {
  const replaced = module.get('Replace');
  const actual = replaced instanceof Map ? replaced : module;
  return { path: textOf(actual.get('Path'), 'Path'), version: textOf(actual.get('Version'), 'Version') };
}
