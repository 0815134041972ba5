import type { EvidenceStack } from '../../../src/analysis/leaks/evidence.js';
import { CodeMap, siteOf } from '../../../src/analysis/leaks/places.js';
import { allocation, framesOf } from '../../builders/leak-evidence.js';

const main = (file: string): EvidenceStack => allocation(`main.main ${file}:10`);
const originOf = (code: CodeMap, frame: string) => code.originOf(framesOf(frame)[0]);

describe('where a frame comes from', () => {
  const unknown = new CodeMap({ stacks: [] });

  it.each([
    ['runtime.gopark', 'runtime'],
    ['runtime/pprof.writeGoroutine', 'runtime'],
    ['internal/runtime/maps.(*Map).grow', 'runtime'],
    ['net/http.(*conn).serve', 'standard'],
    ['sync.(*Mutex).Lock', 'standard'],
    ['crypto/internal/fips140/sha256.block', 'standard'],
    // What the toolchain vendors for itself.
    ['vendor/golang.org/x/net/http2/hpack.NewEncoder', 'standard'],
    // C, and what has no package at all.
    ['malloc', 'standard'],
    ['main.main /home/ci/build/main.go:3', 'application'],
    ['main.(*Cache[...]).Add', 'application'],
    ['github.com/acme/shop/store.(*Store).Put /home/ci/shop/store/put.go:9', 'application'],
    [
      'github.com/redis/go-redis/v9.NewClient /root/go/pkg/mod/github.com/redis/go-redis/v9@v9.1.0/redis.go:1',
      'dependency',
    ],
    // The same with -trimpath.
    ['github.com/redis/go-redis/v9.NewClient github.com/redis/go-redis/v9@v9.1.0/redis.go:1', 'dependency'],
    ['gopkg.in/yaml%2ev3.Unmarshal gopkg.in/yaml.v3@v3.0.1/yaml.go:1', 'dependency'],
    ['github.com/redis/go-redis.NewClient /home/ci/shop/vendor/github.com/redis/go-redis/redis.go:1', 'dependency'],
    ['github.com/acme/shop/vendor/github.com/redis/go-redis.NewClient', 'dependency'],
    // Modules without a dot in their path, as `go mod init shop` makes them.
    ['shop/store.(*Store).Put /home/ci/shop/store/put.go:9', 'application'],
    ['shop.Serve /home/ci/shop/serve.go:9', 'application'],
  ])('%s: %s', (frame, origin) => {
    expect(originOf(unknown, frame)).toBe(origin);
  });

  it('is told by the module of main.main where files are cut (-trimpath)', () => {
    const code = new CodeMap({
      stacks: [allocation('net.Listen net/dial.go:1'), main('github.com/acme/shop/cmd/shopd/main.go')],
    });
    expect(originOf(code, 'github.com/acme/shop/store.Put github.com/acme/shop/store/put.go:1')).toBe('application');
    expect(originOf(code, 'github.com/acme/shopping.Put')).toBe('dependency');
    expect(originOf(code, 'go.uber.org/zap.New')).toBe('dependency');
    expect(originOf(code, 'net/http.Get net/http/client.go:1')).toBe('standard');
  });

  it('is told by a module with a path of its own, of two elements', () => {
    const code = new CodeMap({ stacks: [main('k8s.io/kubernetes/cmd/kubelet/kubelet.go')] });
    expect(originOf(code, 'k8s.io/kubernetes/pkg/kubelet.(*Kubelet).syncLoop')).toBe('application');
    expect(originOf(code, 'k8s.io/client-go/tools/cache.(*Reflector).Run')).toBe('dependency');
    const short = new CodeMap({ stacks: [main('corp.example/shop/main.go')] });
    expect(originOf(short, 'corp.example/shop/store.Put')).toBe('application');
  });

  it.each(['github.com/!acme/shop@v1.4.0/main.go', '/root/go/pkg/mod/github.com/!acme/shop@v1.4.0/cmd/shop/main.go'])(
    'of a program that was installed by version is the application for its own module: %s',
    (file) => {
      const code = new CodeMap({ stacks: [main(file)] });
      const own = 'github.com/Acme/shop/store.Put github.com/!acme/shop@v1.4.0/store/put.go:1';
      expect(originOf(code, own)).toBe('application');
      expect(originOf(code, 'github.com/redis/go-redis.New github.com/redis/go-redis@v9.1.0/a.go:1')).toBe(
        'dependency',
      );
    },
  );

  it.each(['/home/ci/shop/main.go', 'main.go', '', '_/tmp/shop/main.go', 'github.com/main.go'])(
    'is the application where main.main is in %p and nothing else is known',
    (file) => {
      const code = new CodeMap({ stacks: [main(file)] });
      expect(originOf(code, 'github.com/acme/shop/store.Put')).toBe('application');
    },
  );
});

describe('the frame to open', () => {
  const code = new CodeMap({ stacks: [main('github.com/acme/shop/main.go')] });
  const own = (frames: string) => code.ownFrame(framesOf(frames))?.function ?? null;

  it('is the innermost of the application, whatever libraries lie in it', () => {
    expect(own('bytes.growSlice < go.uber.org/zap.New < github.com/acme/shop/log.Add < github.com/acme/shop.Run')).toBe(
      'github.com/acme/shop/log.Add',
    );
  });

  it('is the innermost of a dependency where the application is not there', () => {
    expect(own('bytes.growSlice < go.uber.org/zap.New < google.golang.org/grpc.Dial < runtime.goexit')).toBe(
      'go.uber.org/zap.New',
    );
  });

  it("is none where all is Go's own, or nothing is known", () => {
    expect(own('internal/poll.runtime_pollWait < net.(*conn).Read < net/http.(*conn).serve')).toBeNull();
    expect(code.ownFrame([])).toBeNull();
  });
});

describe('the site of a stack', () => {
  it('is the innermost frame that is not there to wait or to allocate', () => {
    expect(siteOf(framesOf('runtime.gopark < sync.(*Mutex).Lock < net.(*conn).Read')).function).toBe(
      'net.(*conn).Read',
    );
    expect(siteOf(framesOf('runtime.gopark < time.Sleep')).function).toBe('runtime.gopark');
    expect(siteOf([])).toEqual({ function: '(unknown)', file: '', line: 0 });
  });
});
