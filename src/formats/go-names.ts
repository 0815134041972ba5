/**
 * Names of Go functions as they stand in profiles, tracebacks and binaries: `<import path>.<name>`, with type
 * arguments in brackets. Names of other languages pass through unharmed. Everything here takes linear time: names come
 * from whoever sends a profile.
 */

/**
 * The name by which a function is known everywhere in Tidemark: type arguments become `[...]`, from the first bracket
 * to the last, just as Go prints them in tracebacks, text profiles and (until 1.20) protobufs. So the two forms of one
 * function join: `main.(*Stack[go.shape.int]).Push` and `main.(*Stack[...]).Push`.
 *
 * Source: Go runtime/traceback.go, funcNamePiecesForPrint; kept from brackets that are no type arguments (C++
 * `operator[]` and `[abi:cxx11]`, images like `[vdso]`).
 */
export function canonicalFunction(name: string): string {
  const open = name.indexOf('[');
  if (open <= 0) return name;
  const close = name.lastIndexOf(']');
  if (close <= open + 1 || !isIdentifierPart(name.charCodeAt(open - 1))) return name;
  if (name.startsWith('abi:', open + 1) || name.includes('::')) return name;
  return `${name.slice(0, open)}[...]${name.slice(close + 1)}`;
}

/**
 * Import path of a Go function: the name up to the first dot after the last slash outside brackets, with the escapes
 * of the linker undone (`gopkg.in/yaml%2ev3.Unmarshal` is of `gopkg.in/yaml.v3`). Empty for a name without package.
 */
export function packageOf(name: string): string {
  const bracket = name.indexOf('[');
  const path = bracket < 0 ? name : name.slice(0, bracket);
  if (path.includes('::')) return '';
  const dot = path.indexOf('.', path.lastIndexOf('/') + 1);
  return dot < 0 ? '' : unescapePath(path.slice(0, dot));
}

/**
 * The name without the directories of its import path, as `go tool pprof` shows it: major version elements go first,
 * so `github.com/x/y/v2.Do` is `y.Do`.
 *
 * Source: google/pprof internal/graph/graph.go, ShortenFunctionName, its rules for Go.
 */
export function shortName(name: string): string {
  const unversioned = name.replace(/\/v(?:[2-9]|[1-9][0-9]+)(?=[./])/, '');
  // Offsets behind each slash that closes a leading run of plain path elements.
  const cuts: number[] = [];
  for (let i = 0, element = 0; i < unversioned.length; i++) {
    const code = unversioned.charCodeAt(i);
    if (code === slash && i > element) cuts.push((element = i + 1));
    else if (!isPathElementPart(code)) break;
  }
  // The longest cut after which a name, a dot and more are left.
  let nextDot = unversioned.length;
  let scanned = unversioned.length;
  for (const cut of cuts.reverse()) {
    for (let i = scanned - 1; i >= cut; i--) if (unversioned.charCodeAt(i) === dotCode) nextDot = i;
    scanned = cut;
    if (nextDot > cut && nextDot + 1 < unversioned.length) return unversioned.slice(cut);
  }
  return unversioned;
}

const slash = 0x2f;
const dotCode = 0x2e;

/** `[\w\-.]` */
function isPathElementPart(code: number): boolean {
  return (isIdentifierPart(code) && code < 128) || code === 0x2d || code === dotCode;
}

/** A letter, a digit, `_`, or anything beyond ASCII. */
function isIdentifierPart(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f ||
    code > 127
  );
}

/** cmd/internal/objabi.PathToPrefix writes bytes that a symbol name cannot hold as `%xx`. */
function unescapePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    // Not an escape of Go's: the name says it literally.
    return path;
  }
}
