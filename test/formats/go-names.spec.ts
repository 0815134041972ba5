import fc from 'fast-check';
import { canonicalFunction, packageOf, shortName } from '../../src/formats/go-names.js';

describe('the canonical name of a function', () => {
  it.each([
    ['main.(*Stack[go.shape.int]).Push', 'main.(*Stack[...]).Push'],
    ['main.(*Stack[...]).Push', 'main.(*Stack[...]).Push'],
    ['main.Sum[go.shape.string,go.shape.int]', 'main.Sum[...]'],
    ['main.Map[go.shape.struct { a int; b string },go.shape.[]uint8].func1.2', 'main.Map[...].func1.2'],
    ['github.com/x/y/v2/pkg.(*T[github.com/x/y/v2/pkg.K,string]).Do-fm', 'github.com/x/y/v2/pkg.(*T[...]).Do-fm'],
    ['slices.SortFunc[go.shape.[]*main.Row[go.shape.int],go.shape.*uint8]', 'slices.SortFunc[...]'],
    // A closure of one generic function inlined into another: Go prints from the first bracket to the last.
    ['main.F[go.shape.int].G[go.shape.string].func2', 'main.F[...].func2'],
    ['main.(*Server).Handle', 'main.(*Server).Handle'],
    ['runtime.mallocgc', 'runtime.mallocgc'],
    ['', ''],
  ])('%s', (name, canonical) => {
    expect(canonicalFunction(name)).toBe(canonical);
  });

  it.each([
    'operator[]',
    'std::vector<int>::operator[]',
    'std::map<int, char[4]>::find',
    'std::__cxx11::to_string[abi:cxx11](int)',
    'frob[abi:cxx11]',
    '<[T] as core::fmt::Debug>::fmt',
    '[vdso]',
    '[libc.so.6]',
    'foo([Ljava/lang/String;)V',
    'get [Symbol.toStringTag]',
    'broken[go.shape.int',
    'broken]',
  ])('brackets of other languages stay: %s', (name) => {
    expect(canonicalFunction(name)).toBe(name);
  });

  it('is its own canonical name', () => {
    const part = fc.constantFrom(
      'main.',
      'F',
      '[',
      ']',
      'go.shape.int',
      ',',
      '(*T',
      ')',
      '.func1',
      '/',
      '%2e',
      'é',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const once = canonicalFunction(parts.join(''));
        expect(canonicalFunction(once)).toBe(once);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the package of a function', () => {
  it.each([
    ['main.main', 'main'],
    ['net/http.(*conn).serve', 'net/http'],
    ['github.com/x/y/v2/pkg.(*T[github.com/a/b.K]).Do', 'github.com/x/y/v2/pkg'],
    ['gopkg.in/yaml%2ev3.Unmarshal', 'gopkg.in/yaml.v3'],
    ['example%2ecom/weird.F', 'example.com/weird'],
    ['main.glob..func1', 'main'],
    ['runtime._System', 'runtime'],
    ['malloc', ''],
    ['std::sort.part.0', ''],
    ['100%.F', '100%'],
    ['', ''],
  ])('%s', (name, path) => {
    expect(packageOf(name)).toBe(path);
  });
});

describe('the short name of a function', () => {
  // Names and answers of google/pprof's own test of ShortenFunctionName, where they are Go's.
  it.each([
    ['root', 'root'],
    ['syscall.Syscall', 'syscall.Syscall'],
    ['net/http.(*conn).serve', 'http.(*conn).serve'],
    ['github.com/blah/foo.Foo', 'foo.Foo'],
    ['github.com/BlaH/foo.Foo', 'foo.Foo'],
    ['github.com/BLAH/foo.Foo', 'foo.Foo'],
    ['github.com/BlaH/foo_bar.Foo', 'foo_bar.Foo'],
    ['encoding/json.(*structEncoder).(encoding/json.encode)-fm', 'json.(*structEncoder).(encoding/json.encode)-fm'],
    [
      'github.com/blah/blah/vendor/gopkg.in/redis.v3.(*baseClient).(github.com/blah/blah/vendor/gopkg.in/redis.v3.process)-fm',
      'redis.v3.(*baseClient).(github.com/blah/blah/vendor/gopkg.in/redis.v3.process)-fm',
    ],
    ['github.com/foo/bar/v4.(*Foo).Bar', 'bar.(*Foo).Bar'],
    ['github.com/foo/bar/v4/baz.Foo.Bar', 'baz.Foo.Bar'],
    ['github.com/foo/bar/v123.(*Foo).Bar', 'bar.(*Foo).Bar'],
    ['github.com/foobar/v0.(*Foo).Bar', 'v0.(*Foo).Bar'],
    ['github.com/foobar/v1.(*Foo).Bar', 'v1.(*Foo).Bar'],
    ['example.org/v2xyz.Foo', 'v2xyz.Foo'],
    ['github.com/foo/bar/v4/v4.(*Foo).Bar', 'v4.(*Foo).Bar'],
    ['github.com/foo/bar/v4/foo/bar/v4.(*Foo).Bar', 'v4.(*Foo).Bar'],
  ])('%s', (name, short) => {
    expect(shortName(name)).toBe(short);
  });

  it('is what the expressions of pprof give, on every string', () => {
    const part = fc.constantFrom('a', '/', '.', '/v2', '/v1', '/v10', '-', '(', '[', 'é', '_Z', ' ');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
        const name = parts.join('');
        const unversioned = name.replace(/^(.*?)\/v(?:[2-9]|[1-9][0-9]+)([./].*)$/, '$1$2');
        expect(shortName(name)).toBe(/^(?:[\w\-.]+\/)+([^.]+\..+)/.exec(unversioned)?.[1] ?? unversioned);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([canonicalFunction, packageOf, shortName])('%p reads a name of a megabyte', (read) => {
    for (const piece of ['a/', '[', 'a.', '/v2', '.', '[a]', '%2e']) {
      expect(read(piece.repeat(350_000))).toEqual(expect.any(String));
    }
  });
});
