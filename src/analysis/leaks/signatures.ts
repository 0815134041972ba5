/*
 * What is known of how Go programs leak, as data: by which functions and wait states a leak shows, what it means and
 * what mends it. signature-match.ts finds the entries that a stack fits. An entry says what a growing group is; that
 * it grows is for the ranking to find.
 *
 * The names in the patterns were read in the sources of the versions that the comments name; those of the standard
 * library in Go 1.21, 1.26 and 1.27, older ones where the evidence, or a dump, shows them.
 */

/** `benign`: follows the load and goes with it; `amplifier`: the memory side of another suspect. */
export type SignatureVerdict = 'leak' | 'retention' | 'benign' | 'amplifier';

/**
 * What must hold of a stack, all of it together. Functions are named as signature-match.ts normalises them: without
 * vendor directories, versions (`/v5` as well), type arguments and numbers, so the closures of `F` are all `F.func`.
 * `{a,b}` stands for either; a name that ends in a dot stands for all functions of the package before it.
 */
export interface StackPattern {
  /** One of these is anywhere in the stack. */
  readonly any?: readonly string[];
  /** None of these is. */
  readonly without?: readonly string[];
  /** The innermost function that is not of runtime, sync, time, syscall, internal. */
  readonly top?: readonly string[];
  /** The innermost function that is not of the runtime and not the inside of a lock: what waits, or what allocates. */
  readonly leaf?: readonly string[];
  /** Wait states as Go 1.24 and later spell them, and `semacquire` for stacks that do not tell of what. */
  readonly states?: readonly string[];
  readonly shape?: StackShape;
  /** Of a heap site: mean size of its objects. */
  readonly minObjectBytes?: number;
  /** 1 if it is left out. */
  readonly weight?: number;
  /** From Go 1.`minor` on the weight is this one: the runtime has since cured most of it. */
  readonly fromGo?: { readonly minor: number; readonly weight: number };
}

/**
 * Shapes of code that no fixed name tells:
 * - `closure of its creator`: an anonymous function, started by the function that it stands in;
 * - `loop of its constructor`: a Start, run or loop, or a closure, started by a New or Start;
 * - `call into C`: the innermost frames are stubs of cgo;
 * - `not of an accept loop`: its creator is known, and is none that starts a goroutine per accepted connection.
 */
export type StackShape = 'closure of its creator' | 'loop of its constructor' | 'call into C' | 'not of an accept loop';

export interface LeakSignature {
  /** Stable, in kebab case. */
  readonly id: string;
  readonly kind: 'goroutine' | 'heap' | 'off-heap';
  readonly verdict: SignatureVerdict;
  readonly title: string;
  /** For an engineer at 3 a.m. */
  readonly meaning: string;
  readonly fix: string;
  /** Upstream issues and documents, full https URLs. */
  readonly evidence: readonly string[];
  /**
   * How much of the stack the signature explains. `library`: names what the goroutine waits in; `surroundings`: names
   * only who runs it; `shape`: by state and form, for stacks in which no library is known.
   */
  readonly scope: 'library' | 'surroundings' | 'shape';
  /** What has to hold beside the stack, in words; the ranking sees it, a single stack cannot show it. */
  readonly holdsIf?: string;
  /** Any of them. None: the condition of `holdsIf` is all there is, and the ranking applies it. */
  readonly patterns: readonly StackPattern[];
}

const issue = (repository: string, number: number): string => `https://github.com/${repository}/issues/${number}`;
const doc = (symbol: string): string => `https://pkg.go.dev/${symbol}`;

const channel = ['chan receive', 'chan send', 'select'];
const locks = ['sync.Mutex.Lock', 'sync.RWMutex.Lock', 'sync.RWMutex.RLock', 'semacquire'];
const waitGroup = ['sync.WaitGroup.Wait', 'semacquire'];
const blocked = [...channel, ...locks, ...waitGroup, 'sync.Cond.Wait'];

/** Until Go 1.26 net/http had HTTP/2 under prefixed names; since 1.27 it has a package of its own. */
const http2 = (names: string): string[] => [`{golang.org/x/net/http2,net/http/internal/http2}.${names}`];

const leakPatterns = 'https://github.com/VladSaioc/common-goroutine-leak-patterns';
const goker = 'https://github.com/timmyyuan/gobench';

const httpClient: LeakSignature[] = [
  {
    id: 'http-response-body',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'HTTP response bodies are not closed',
    meaning:
      'Each of these connections waits for its response body to be read to the end or closed. They can be neither reused nor shut, and hold a socket and two goroutines each.',
    fix: 'defer resp.Body.Close() on every path, and read the rest (io.Copy(io.Discard, resp.Body)) where connections should be reused.',
    evidence: [
      issue('golang/go', 16953),
      issue('golang/go', 34162),
      issue('golang/go', 22773),
      issue('distribution/distribution', 473),
      issue('getsentry/sentry-go', 317),
      doc('net/http#Client'),
    ],
    holdsIf:
      'readLoop in select and writeLoop grow about one to one; with readLoop in IO wait the connections are idle',
    // A readLoop that waits for the end of a body is in select, one without a request in flight in IO wait.
    patterns: [{ any: ['net/http.(*persistConn).{readLoop,writeLoop}'], states: ['select'] }],
  },
  {
    id: 'http-idle-connections',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Idle HTTP client connections pile up',
    meaning:
      'Outgoing connections without a request are kept open. Their number grows if every request has a Transport of its own, or if the limits on idle connections are off.',
    fix: 'Share one http.Client and Transport; set IdleConnTimeout and MaxIdleConnsPerHost; CloseIdleConnections on those that go.',
    evidence: [doc('net/http#Transport'), issue('golang/go', 16953), issue('golang/go', 34162)],
    patterns: [{ any: ['net/http.(*persistConn).readLoop'], states: ['IO wait'] }],
  },
  {
    id: 'http-request-unanswered',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'HTTP requests wait for an answer without a time limit',
    meaning:
      'The request is sent, or its response is being read, and the other side is silent. An http.Client has no timeout unless one is set.',
    fix: 'Set Client.Timeout or a context with a deadline; ResponseHeaderTimeout on the Transport.',
    evidence: [issue('golang/go', 22982), doc('net/http#Client')],
    patterns: [
      { top: ['net/http.(*persistConn).roundTrip'] },
      { any: ['net/http.(*bodyEOFSignal).Read', 'net/http.http2transportResponseBody.Read'] },
      { any: http2('transportResponseBody.Read') },
    ],
  },
  {
    id: 'http-connection-wait',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'HTTP requests queue for a connection',
    meaning:
      'MaxConnsPerHost is reached, or dialling does not come to an end. Connections that were never given back, by bodies left open, are the usual cause.',
    fix: 'Close response bodies; give requests a deadline; raise MaxConnsPerHost if the load really needs it.',
    evidence: [doc('net/http#Transport'), issue('golang/go', 34162)],
    patterns: [{ top: ['net/http.(*Transport).getConn'] }],
  },
  {
    id: 'http-client-connection-memory',
    kind: 'heap',
    verdict: 'leak',
    scope: 'library',
    title: 'Memory of HTTP client connections',
    meaning:
      'Buffers and TLS state of outgoing connections, some 8 to 64 KB each: the memory side of connections that are never closed.',
    fix: 'Close and drain response bodies; share one Transport; set IdleConnTimeout.',
    evidence: [issue('golang/go', 43966), doc('net/http#Transport')],
    patterns: [{ any: ['net/http.(*Transport).dialConn', 'net/http.(*persistConn).addTLS.func'] }],
  },
  {
    id: 'http2-client-connection',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'HTTP/2 client connections or requests are stuck',
    meaning:
      'Connections whose peer is gone without a word, requests without deadline on them, or response bodies that stay open.',
    fix: 'ReadIdleTimeout and PingTimeout (SendPingTimeout since Go 1.24); a deadline on each request; close response bodies.',
    evidence: [
      issue('golang/go', 24776),
      issue('golang/go', 50027),
      issue('golang/go', 57478),
      doc('golang.org/x/net/http2#Transport'),
    ],
    // x/net v0.20.0 and v0.62.0; awaitRequestCancel is of those before 2022.
    patterns: [
      {
        any: [
          'net/http.(*http2ClientConn).{readLoop,RoundTrip,roundTrip}',
          'net/http.(*http2clientStream).{doRequest,writeRequest,cleanupWriteRequest,awaitRequestCancel}',
        ],
      },
      {
        any: http2(
          '{(*ClientConn).{readLoop,RoundTrip,roundTrip,internalRoundTrip},(*clientStream).{doRequest,writeRequest,cleanupWriteRequest,awaitRequestCancel}}',
        ),
      },
    ],
  },
];

const httpServer: LeakSignature[] = [
  {
    id: 'http-server-connection',
    kind: 'goroutine',
    verdict: 'benign',
    scope: 'library',
    title: 'Connections of HTTP clients',
    meaning: 'One goroutine for each connected client, reading its next request. They come and go with the clients.',
    fix: 'Only if they grow while the load does not: set ReadHeaderTimeout and IdleTimeout on the http.Server.',
    evidence: [issue('golang/go', 22773), doc('net/http#Server')],
    // serverHandler: a handler that waits for something else than the client's bytes is not idle.
    patterns: [
      { any: ['net/http.(*connReader).{Read,backgroundRead}', 'net/http.checkConnErrorWriter.Write'] },
      { any: ['net/http.(*conn).serve'], states: ['IO wait'], without: ['net/http.serverHandler.ServeHTTP'] },
      { any: ['net/http.(*http2serverConn).{serve,readFrames,writeFrameAsync}'] },
      { any: http2('(*serverConn).{serve,readFrames,writeFrameAsync}') },
    ],
  },
  {
    id: 'accepted-connection-memory',
    kind: 'heap',
    verdict: 'benign',
    scope: 'library',
    title: 'Memory of accepted connections',
    meaning: 'Buffers, TLS state and contexts of connected clients. It comes and goes with them.',
    fix: 'Only if it grows while the number of clients does not: set read and idle timeouts, close what is accepted.',
    evidence: [doc('net/http#Server')],
    patterns: [
      { any: ['net.(*{TCPListener,UnixListener}).accept', 'net/http.newBufio{Reader,WriterSize}'] },
      { any: ['crypto/tls.(*Conn).serverHandshake'] },
    ],
  },
  {
    id: 'http-handler-blocked',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'surroundings',
    title: 'HTTP handlers are stuck',
    meaning:
      'Requests are in a handler that waits for a channel, a lock or a dependency, and not for the client. Each holds its connection.',
    fix: 'Select on r.Context().Done() wherever the handler waits; deadlines on what it calls.',
    evidence: [doc('net/http#Request.Context'), doc('net/http#TimeoutHandler')],
    patterns: [
      {
        any: [
          'net/http.serverHandler.ServeHTTP',
          'net/http.(*http2serverConn).runHandler',
          'github.com/valyala/fasthttp.(*workerPool).workerFunc', // v1.78.0
        ],
        states: blocked,
      },
      { any: http2('(*serverConn).runHandler'), states: blocked },
    ],
  },
  {
    id: 'http-timeout-handler',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Handlers go on after http.TimeoutHandler has given up',
    meaning:
      'TimeoutHandler answers 503 in their stead, but cannot stop them: a handler that does not watch its context stays for ever.',
    fix: 'Have the handler return when r.Context() is done.',
    evidence: [doc('net/http#TimeoutHandler')],
    patterns: [{ any: ['net/http.(*timeoutHandler).ServeHTTP.func'], states: blocked }],
  },
  {
    id: 'reverse-proxy-upgrade',
    kind: 'goroutine',
    verdict: 'benign',
    scope: 'library',
    title: 'Upgraded connections through a reverse proxy',
    meaning:
      'Two goroutines for each WebSocket that httputil.ReverseProxy passes on; they end with its client or backend.',
    fix: 'Only if they grow while the clients do not: keep-alives and idle timeouts at both ends.',
    evidence: [doc('net/http/httputil#ReverseProxy')],
    patterns: [
      {
        any: [
          'net/http/httputil.switchProtocolCopier.{copyFromBackend,copyToBackend}',
          'net/http/httputil.(*ReverseProxy).handleUpgradeResponse',
        ],
      },
    ],
  },
  {
    id: 'websocket-read',
    kind: 'goroutine',
    verdict: 'benign',
    scope: 'library',
    title: 'WebSocket connections wait for a message',
    meaning:
      'One goroutine for each open WebSocket. A peer that vanished stays here for ever unless a read deadline is set.',
    fix: 'SetReadDeadline, extended by a pong handler; ping from the other goroutine; Close when reading ends.',
    evidence: [
      doc('github.com/gorilla/websocket#Conn.SetReadDeadline'),
      doc('github.com/coder/websocket#Conn.CloseRead'),
    ],
    // gorilla/websocket v1.5.3; coder/websocket v1.8.15; nhooyr.io/websocket v1.8.7.
    patterns: [
      { any: ['github.com/gorilla/websocket.(*Conn).{NextReader,ReadMessage,advanceFrame}'], states: ['IO wait'] },
      {
        any: ['{github.com/coder,nhooyr.io}/websocket.(*Conn).{Reader,Read,readLoop,readFrameHeader}'],
        states: ['IO wait'],
      },
      {
        any: [
          'nhooyr.io/websocket.(*Conn).timeoutLoop',
          '{github.com/coder,nhooyr.io}/websocket.(*Conn).CloseRead.func',
        ],
      },
    ],
  },
];

const grpc: LeakSignature[] = [
  {
    id: 'grpc-client-connection',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'gRPC client connections are not closed',
    meaning:
      'Each ClientConn has a reader, a writer and a keepalive. They grow if one is dialled per request or never closed.',
    fix: 'One ClientConn for each target, shared by all requests; Close() those that are replaced.',
    evidence: [
      issue('grpc/grpc-go', 4180),
      issue('uber-go/goleak', 24),
      doc('google.golang.org/grpc#ClientConn.Close'),
    ],
    // v1.27.0, v1.40.0, v1.54.0, v1.58.0, v1.85.0. The server has a loopyWriter as well: the root tells whose it is.
    patterns: [
      {
        any: [
          'google.golang.org/grpc/internal/transport.(*http2Client).{reader,keepalive}',
          'google.golang.org/grpc/internal/transport.{newHTTP2Client,NewHTTP2Client}.func',
          'google.golang.org/grpc.(*ClientConn).scWatcher',
        ],
      },
    ],
  },
  {
    id: 'grpc-callback-serializer',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'gRPC client connections are not closed (their callback queues)',
    meaning: 'Two or three of these run for every ClientConn, even for one that never connected.',
    fix: 'One ClientConn for each target, shared by all requests; Close() those that are replaced.',
    evidence: [issue('grpc/grpc-go', 6413), issue('hatchet-dev/hatchet', 170)],
    // v1.58.0 and v1.85.0.
    patterns: [{ any: ['google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run'] }],
  },
  {
    id: 'grpc-connection-watcher',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'gRPC client connections are not closed (resolvers and balancers)',
    meaning: 'Name resolution, balancing or reconnecting on behalf of a ClientConn that nobody closed.',
    fix: 'One ClientConn for each target, shared by all requests; Close() those that are replaced.',
    evidence: [issue('grpc/grpc-go', 5321), issue('micro/go-grpc', 23)],
    // Watchers: up to v1.54.0; resetTransport: v1.27.0 to v1.58.0, then with AndUnlock; dnsResolver: all.
    patterns: [
      {
        any: [
          'google.golang.org/grpc.(*addrConn).{resetTransport,resetTransportAndUnlock}',
          'google.golang.org/grpc.(*{ccBalancerWrapper,ccResolverWrapper}).watcher',
          'google.golang.org/grpc/internal/resolver/dns.(*dnsResolver).watcher',
        ],
      },
    ],
  },
  {
    id: 'grpc-client-stream',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'gRPC client streams are neither drained nor cancelled',
    meaning:
      'A stream ends when Recv has returned an error or its context is cancelled; until then its goroutines stay.',
    fix: 'Cancel the context of the stream, or Recv until io.EOF, on every path.',
    evidence: [doc('google.golang.org/grpc#ClientConn.NewStream')],
    holdsIf: 'they do not follow inbound connections one to one, as those of a proxy rightly do',
    // newClientStream up to v1.27.0, then newClientStreamWithParams; newNonRetryClientStream in all.
    patterns: [
      {
        any: [
          'google.golang.org/grpc.{newClientStream,newClientStreamWithParams,newNonRetryClientStream}.func',
          'google.golang.org/grpc/internal/transport.(*recvBufferReader).{readClient,readMessageHeaderClient}',
          'google.golang.org/grpc/internal/transport.(*{Stream,ClientStream}).waitOnHeader',
        ],
        weight: 0.5,
      },
    ],
  },
  {
    id: 'grpc-server-connection',
    kind: 'goroutine',
    verdict: 'benign',
    scope: 'library',
    title: 'Connections of gRPC clients',
    meaning: 'A reader, a writer and a keepalive for each connected client. They come and go with the clients.',
    fix: 'Only if they grow while the clients do not: keepalive.ServerParameters with MaxConnectionIdle and Time.',
    evidence: [issue('grpc/grpc-go', 1269), doc('google.golang.org/grpc/keepalive#ServerParameters')],
    // newHTTP2Server: up to v1.27.0. A handler that reads its stream waits for the client, too.
    patterns: [
      {
        any: [
          'google.golang.org/grpc/internal/transport.(*http2Server).{HandleStreams,keepalive}',
          'google.golang.org/grpc/internal/transport.{newHTTP2Server,NewServerTransport}.func',
        ],
      },
    ],
  },
  {
    id: 'grpc-handler-blocked',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'surroundings',
    title: 'gRPC handlers are stuck',
    meaning: 'Calls are in a handler that waits for a channel, a lock or a dependency.',
    fix: 'Select on the context of the call wherever the handler waits; deadlines on what it calls.',
    evidence: [doc('google.golang.org/grpc#Server'), 'https://grpc.io/docs/guides/deadlines/'],
    patterns: [
      {
        any: ['google.golang.org/grpc.(*Server).handleStream'],
        without: ['google.golang.org/grpc/internal/transport.(*recvBufferReader).read'],
        states: blocked,
      },
    ],
  },
];

const databases: LeakSignature[] = [
  {
    id: 'sql-open',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'sql.DB pools are opened again and again',
    meaning: 'Every sql.DB keeps one of these until it is closed. A process needs a handful, not one for each request.',
    fix: 'One *sql.DB for each database, opened at start; db.Close() on the error paths of whatever opens more.',
    evidence: [
      issue('Altinity/clickhouse-operator', 176),
      issue('uptrace/opentelemetry-go-extra', 110),
      doc('database/sql#Open'),
    ],
    holdsIf: 'there are more than a few, and they grow',
    // connectionResetter: up to Go 1.15; connectionCleaner: of pools with a maximal lifetime or idle time.
    patterns: [{ any: ['database/sql.(*DB).{connectionOpener,connectionResetter,connectionCleaner}'] }],
  },
  {
    id: 'sql-rows-or-tx',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'SQL rows or transactions are not closed',
    meaning: 'Each open result or transaction with a context has one of these, and holds a connection of the pool.',
    fix: 'defer rows.Close(); defer tx.Rollback(), also where Commit follows.',
    evidence: [issue('openshiftio/openshift.io', 2478), doc('database/sql#Rows.Close'), goker],
    patterns: [{ any: ['database/sql.(*{Rows,Tx}).awaitDone'] }],
  },
  {
    id: 'sql-pool-exhausted',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Queries wait for a free SQL connection',
    meaning:
      'All connections of the pool are in use: by rows and transactions that nobody closed, or there are too few.',
    fix: 'Close rows and transactions; a deadline on the context; only then SetMaxOpenConns.',
    evidence: [issue('golang/go', 23453), doc('database/sql#DB.SetMaxOpenConns')],
    patterns: [{ top: ['database/sql.(*DB).conn'] }],
  },
  {
    id: 'mysql-connection-watcher',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'MySQL connections pile up',
    meaning:
      'One for each open MySQL connection. More than the limit of the pool means that pools are opened again and again.',
    fix: 'One *sql.DB; SetMaxOpenConns and SetConnMaxLifetime.',
    evidence: [issue('go-sql-driver/mysql', 626), issue('matrixorigin/matrixone', 12731)],
    // v1.4.0 and v1.10.1.
    patterns: [{ any: ['github.com/go-sql-driver/mysql.(*mysqlConn).startWatcher.func'] }],
  },
  {
    id: 'postgres-query-watcher',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'PostgreSQL queries do not end',
    meaning: 'One for each query that is running with a context, or whose rows are still open.',
    fix: 'Close the rows; a deadline on the context of the query.',
    evidence: [doc('database/sql#Rows.Close'), doc('github.com/jackc/pgx/v5#Rows')],
    // lib/pq v1.12.3; pgconn v1.14.3. pgx has no goroutine for it since it uses context.AfterFunc.
    patterns: [
      {
        any: [
          'github.com/lib/pq.(*{conn,stmt}).watchCancel.func',
          'github.com/jackc/{pgconn/internal,pgx/pgconn/internal,pgx/pgconn}/ctxwatch.(*ContextWatcher).Watch.func',
        ],
      },
    ],
  },
  {
    id: 'postgres-listener',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'PostgreSQL listeners are not closed',
    meaning: 'A pq.Listener has a connection and these goroutines until Close.',
    fix: 'One listener for each process; Close() it when it goes.',
    evidence: [doc('github.com/lib/pq#Listener.Close')],
    // v1.12.3.
    patterns: [
      { any: ['github.com/lib/pq.(*Listener).listenerMain', 'github.com/lib/pq.(*ListenerConn).listenerConnMain'] },
    ],
  },
  {
    id: 'pgx-pool',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'pgx pools are not closed',
    meaning: 'Every pgxpool.Pool has one of these until Close.',
    fix: 'One pool for each database, created at start; Close() those that go.',
    evidence: [doc('github.com/jackc/pgx/v5/pgxpool#Pool.Close')],
    // pgx v4.18.3, v5.5.0, v5.13.0.
    patterns: [{ any: ['github.com/jackc/pgx/pgxpool.(*Pool).backgroundHealthCheck'] }],
  },
  {
    id: 'pgx-pool-exhausted',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Queries wait for a free pgx connection',
    meaning:
      'All connections of the pool are in use: by rows and transactions that nobody closed, or by conns never released.',
    fix: 'defer rows.Close(), tx.Rollback(ctx) and conn.Release(); a deadline on the context.',
    evidence: [doc('github.com/jackc/pgx/v5/pgxpool#Conn.Release')],
    // puddle v1.3.0 waits in a Cond, v2.2.3 in a semaphore.
    patterns: [
      {
        any: ['github.com/jackc/puddle.(*Pool).{Acquire,acquire}', 'github.com/jackc/pgx/pgxpool.(*Pool).Acquire'],
        states: [...channel, ...locks, 'sync.Cond.Wait'],
      },
    ],
  },
  {
    id: 'sqlite-query',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'SQLite statements do not end',
    meaning: 'Statements that wait for a lock of the database, or rows that are read with a context and never closed.',
    fix: 'Close the rows; _busy_timeout; one writer at a time.',
    evidence: [doc('database/sql#Rows.Close'), doc('github.com/mattn/go-sqlite3')],
    // go-sqlite3 v1.14.6 and v1.14.53.
    patterns: [
      {
        any: [
          'github.com/mattn/go-sqlite3.(*SQLiteStmt).exec.func',
          'github.com/mattn/go-sqlite3.(*SQLiteRows).Next.func',
        ],
      },
    ],
  },
  {
    id: 'mongo-client',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'MongoDB clients are not disconnected',
    meaning: 'Each mongo.Client watches its servers and keeps its pools with these until Disconnect, reachable or not.',
    fix: 'One client for each deployment; Disconnect(ctx) also where the first Ping fails.',
    evidence: [
      issue('dapr/components-contrib', 3538),
      issue('mongodb/mongo-go-driver', 1587),
      doc('go.mongodb.org/mongo-driver/v2/mongo#Client.Disconnect'),
    ],
    // v1.17.10 and v2.10.0.
    patterns: [
      {
        any: [
          'go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*Server).update',
          'go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*rttMonitor).{start,runHellos}',
          'go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*pool).{maintain,createConnections}',
          'go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*Topology).pollSRVRecords',
        ],
      },
    ],
  },
  {
    id: 'mongo-pool-exhausted',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'MongoDB operations wait for a connection or a server',
    meaning: 'All connections are in use, by cursors or sessions that nobody closed, or no server can be reached.',
    fix: 'Close cursors, end sessions; a deadline on the context; maxPoolSize.',
    evidence: [doc('go.mongodb.org/mongo-driver/v2/mongo#Cursor.Close')],
    // v1.17.10 and v2.10.0.
    patterns: [
      {
        top: [
          'go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*pool).checkOut',
          'go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*Topology).selectServerFromSubscription',
        ],
      },
    ],
  },
  {
    id: 'redis-client',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Redis clients are not closed',
    meaning: 'One for each client: a client per request leaves one behind for every request.',
    fix: 'One client for each server, created at start; Close() those that go.',
    evidence: [issue('redis/go-redis', 508), issue('redis/go-redis', 1029)],
    // reaper: v8.0.0 and v8.11.5; v9 has none.
    patterns: [
      { any: ['{github.com/go-redis/redis,gopkg.in/redis.v5}/internal/pool.(*ConnPool).reaper'] },
      { any: ['github.com/go-redis/redis.(*ClusterClient).reaper'] },
    ],
  },
  {
    id: 'redis-subscription',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Redis subscriptions are not closed',
    meaning: 'A PubSub whose channel is taken keeps a connection and two goroutines until Close.',
    fix: 'defer pubsub.Close(), also where Receive fails; read the channel until it is closed.',
    evidence: [issue('hibiken/asynq', 1095), doc('github.com/redis/go-redis/v9#PubSub.Close')],
    // v8.11.5, v9.5.0, v9.23.0.
    patterns: [
      {
        any: [
          '{github.com/go-redis/redis,github.com/redis/go-redis}.(*channel).{initMsgChan,initAllChan,initHealthCheck}.func',
        ],
      },
    ],
  },
  {
    id: 'redis-pool-exhausted',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Redis commands wait for a free connection',
    meaning:
      'All connections of the pool are in use: by blocking commands, by Conns never closed, or there are too few.',
    fix: 'Close what Conn() returns; separate clients for blocking commands; PoolSize, PoolTimeout.',
    evidence: [doc('github.com/redis/go-redis/v9#Options')],
    // v8.11.5 and v9.23.0.
    patterns: [{ any: ['{github.com/go-redis/redis,github.com/redis/go-redis}/internal/pool.(*ConnPool).waitTurn'] }],
  },
  {
    id: 'cassandra-session',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Cassandra sessions are not closed',
    meaning: 'Every gocql.Session keeps connections with these goroutines until Close.',
    fix: 'One session for each cluster; Close() those that go.',
    evidence: [issue('gocql/gocql', 1224), doc('github.com/gocql/gocql#Session.Close')],
    // v1.7.0.
    patterns: [
      {
        any: [
          'github.com/gocql/gocql.(*Conn).{serve,heartBeat}',
          'github.com/gocql/gocql.(*controlConn).heartBeat',
          'github.com/gocql/gocql.(*writeCoalescer).writeFlusher',
          'github.com/gocql/gocql.(*{eventDebouncer,refreshDebouncer}).flusher',
        ],
      },
    ],
  },
  {
    id: 'etcd-watch',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'etcd watches are not cancelled',
    meaning: 'A watch lives as long as the context that it was made with, and its client.',
    fix: 'Give Watch a context of its own and cancel it; Close() clients that go.',
    evidence: [issue('etcd-io/etcd', 13610), issue('etcd-io/etcd', 9103), doc('go.etcd.io/etcd/client/v3#Watcher')],
    // v3.7.3; watchGrpcStream: v3.3.27 and v3.5.0.
    patterns: [
      {
        any: [
          'go.etcd.io/etcd/client.(*watchGRPCStream).{run,serveSubstream,serveWatchClient}',
          '{go.etcd.io/etcd/client,go.etcd.io/etcd/clientv3,github.com/coreos/etcd/clientv3}.(*watchGrpcStream).{run,serveSubstream,serveWatchClient}',
        ],
      },
    ],
  },
  {
    id: 'etcd-lease',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'etcd leases are kept alive',
    meaning:
      'Keep-alives run until their context is cancelled, the lease is revoked, or the session or client is closed.',
    fix: 'Session.Close() or Lease.Close(); cancel the context of KeepAlive.',
    evidence: [doc('go.etcd.io/etcd/client/v3#Lease'), doc('go.etcd.io/etcd/client/v3/concurrency#Session.Close')],
    // v3.3.27, v3.5.0, v3.7.3.
    patterns: [
      {
        any: [
          '{go.etcd.io/etcd/client,go.etcd.io/etcd/clientv3,github.com/coreos/etcd/clientv3}.(*lessor).{keepAliveCtxCloser,recvKeepAliveLoop,sendKeepAliveLoop,deadlineLoop}',
          '{go.etcd.io/etcd/client,go.etcd.io/etcd/clientv3}/concurrency.NewSession.func',
        ],
      },
    ],
  },
];

const messaging: LeakSignature[] = [
  {
    id: 'sarama-client',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Kafka clients (sarama) are not closed',
    meaning: 'Each client, producer and broker connection of sarama has goroutines of its own until Close.',
    fix: 'One client or producer for each cluster; Close() it, and the producer before the client.',
    evidence: [issue('IBM/sarama', 2198), doc('github.com/IBM/sarama#Client')],
    // Shopify/sarama v1.27.0, IBM/sarama v1.61.1.
    patterns: [
      {
        any: [
          'github.com/{IBM,Shopify}/sarama.(*client).backgroundMetadataUpdater',
          'github.com/{IBM,Shopify}/sarama.(*asyncProducer).{dispatcher,retryHandler}',
          'github.com/{IBM,Shopify}/sarama.(*syncProducer).{handleSuccesses,handleErrors}',
          'github.com/{IBM,Shopify}/sarama.(*Broker).responseReceiver',
        ],
      },
    ],
  },
  {
    id: 'sarama-consumer',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Kafka consumers (sarama) are not closed or not drained',
    meaning: 'A partition consumer stops only after Close, and Close only returns if its messages and errors are read.',
    fix: 'AsyncClose() and drain Messages() and Errors(); return from ConsumeClaim when the session is done.',
    evidence: [doc('github.com/IBM/sarama#PartitionConsumer'), doc('github.com/IBM/sarama#ConsumerGroup')],
    // Shopify/sarama v1.27.0, IBM/sarama v1.61.1.
    patterns: [
      {
        any: [
          'github.com/{IBM,Shopify}/sarama.(*partitionConsumer).{dispatcher,responseFeeder}',
          'github.com/{IBM,Shopify}/sarama.(*brokerConsumer).{subscriptionManager,subscriptionConsumer}',
          'github.com/{IBM,Shopify}/sarama.(*consumerGroupSession).heartbeatLoop',
          'github.com/{IBM,Shopify}/sarama.(*offsetManager).mainLoop',
        ],
      },
    ],
  },
  {
    id: 'franz-go-client',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Kafka clients (franz-go) are not closed',
    meaning: 'Each kgo.Client refreshes metadata and reaps connections in the background until Close.',
    fix: 'One client for each purpose; Close() it on every path.',
    evidence: [issue('redpanda-data/redpanda-operator', 292), doc('github.com/twmb/franz-go/pkg/kgo#Client.Close')],
    // v1.22.3.
    patterns: [
      { any: ['github.com/twmb/franz-go/pkg/kgo.(*Client).{updateMetadataLoop,reapConnectionsLoop,pushMetrics}'] },
    ],
  },
  {
    id: 'kafka-go-reader',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Kafka readers or transports (kafka-go) are not closed',
    meaning: 'A Reader runs one goroutine for each partition until Close; a Transport one for each connection.',
    fix: 'Close() readers and writers; share one Transport.',
    evidence: [doc('github.com/segmentio/kafka-go#Reader.Close'), doc('github.com/segmentio/kafka-go#Transport')],
    // v0.4.51.
    patterns: [
      {
        any: [
          'github.com/segmentio/kafka-go.(*{Reader,reader,ConsumerGroup,conn}).run',
          'github.com/segmentio/kafka-go.(*connPool).discover',
        ],
      },
    ],
  },
  {
    id: 'nats-connection',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'NATS connections are not closed',
    meaning: 'Each nats.Conn has a reader, a flusher and a dispatcher of callbacks until Close.',
    fix: 'One connection for each process; Close() or Drain() those that go.',
    evidence: [doc('github.com/nats-io/nats.go#Conn.Close')],
    // v1.31.0 and v1.55.0.
    patterns: [
      {
        any: [
          'github.com/nats-io/nats.go.(*Conn).{readLoop,flusher,doReconnect}',
          'github.com/nats-io/nats.go.(*asyncCallbacksHandler).asyncCBDispatcher',
        ],
      },
    ],
  },
  {
    id: 'nats-subscription',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'NATS subscriptions are not ended',
    meaning: 'One for each subscription with a callback, until it is unsubscribed or its connection closed.',
    fix: 'Unsubscribe() or Drain() when the subscriber goes.',
    evidence: [doc('github.com/nats-io/nats.go#Subscription.Unsubscribe')],
    // v1.31.0 and v1.55.0.
    patterns: [{ any: ['github.com/nats-io/nats.go.(*Conn).waitForMsgs'] }],
  },
  {
    id: 'amqp-connection',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'RabbitMQ connections are not closed',
    meaning: 'Each connection has a reader and a heartbeat until Close, also those that a reconnect has replaced.',
    fix: 'One connection for each process, channels on it; Close() the old one before reconnecting.',
    evidence: [doc('github.com/rabbitmq/amqp091-go#Connection.Close')],
    // amqp091-go v1.16.0, streadway/amqp v1.1.0.
    patterns: [{ any: ['github.com/{rabbitmq/amqp091-go,streadway/amqp}.(*Connection).{reader,heartbeater}'] }],
  },
  {
    id: 'amqp-consumer',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'RabbitMQ deliveries are not read',
    meaning: 'One for each consumer; it stays, with all that it has buffered, while nobody reads its deliveries.',
    fix: 'Cancel the consumer and read its channel until it is closed; set Qos.',
    evidence: [doc('github.com/rabbitmq/amqp091-go#Channel.Consume')],
    // amqp091-go v1.16.0, streadway/amqp v1.1.0.
    patterns: [
      {
        any: [
          'github.com/{rabbitmq/amqp091-go,streadway/amqp}.(*consumers).buffer',
          'github.com/rabbitmq/amqp091-go.(*Channel).ConsumeWithContext.func',
        ],
      },
    ],
  },
  {
    id: 'mqtt-client',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'MQTT clients are not disconnected',
    meaning: 'Each connected client has half a dozen goroutines until Disconnect.',
    fix: 'Disconnect() clients that go; one client for each broker and client id.',
    evidence: [doc('github.com/eclipse/paho.mqtt.golang#Client')],
    // v1.5.1.
    patterns: [
      {
        any: [
          'github.com/eclipse/paho.mqtt.golang.{keepalive,startIncoming.func,startIncomingComms.func,startOutgoingComms.func,startComms.func}',
          'github.com/eclipse/paho.mqtt.golang.(*client).startCommsWorkers.func',
          'github.com/eclipse/paho.mqtt.golang.(*router).matchAndDispatch.func',
        ],
      },
    ],
  },
  {
    id: 'zookeeper-connection',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'ZooKeeper connections are not closed',
    meaning: 'Each connection reconnects in the background until Close.',
    fix: 'One connection for each ensemble; Close() those that go.',
    evidence: [doc('github.com/go-zookeeper/zk#Conn.Close')],
    // v1.0.4.
    patterns: [{ any: ['github.com/{go-zookeeper,samuel/go-zookeeper}/zk.(*Conn).{loop,sendLoop,recvLoop}'] }],
  },
];

const networks: LeakSignature[] = [
  {
    id: 'quic-transport',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'QUIC transports are not closed',
    meaning:
      'Each quic.Transport owns a UDP socket and these goroutines until Close; closing its connections is not enough.',
    fix: 'Dial through one shared Transport; Close() the Transport and the http3.Transport that go.',
    evidence: [
      issue('quic-go/quic-go', 1457),
      issue('quic-go/webtransport-go', 98),
      doc('github.com/quic-go/quic-go#Transport.Close'),
    ],
    // v0.40.0, v0.50.0, v0.65.0.
    patterns: [{ any: ['github.com/quic-go/quic-go.(*Transport).{listen,runSendQueue}'] }],
  },
  {
    id: 'quic-connection',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'QUIC connections are not closed',
    meaning: 'One for each connection, until it is closed or idle for too long; keep-alives keep it for ever.',
    fix: 'CloseWithError() on every path; no KeepAlivePeriod where nobody watches; MaxIdleTimeout.',
    evidence: [doc('github.com/quic-go/quic-go#Config')],
    holdsIf: 'they do not follow the clients: a QUIC server has them, too',
    // v0.40.0, v0.50.0 (connection), v0.65.0 (Conn).
    patterns: [
      {
        any: ['github.com/quic-go/quic-go.(*{connection,Conn}).run', 'github.com/quic-go/quic-go.(*sendQueue).Run'],
        weight: 0.5,
      },
    ],
  },
  {
    id: 'ssh-connection',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'SSH connections are not closed',
    meaning: 'Each connection multiplexes its channels in these goroutines until Close or until the peer hangs up.',
    fix: 'client.Close() on every path; a deadline on the net.Conn below for peers that vanish.',
    evidence: [doc('golang.org/x/crypto/ssh#Client')],
    // x/crypto v0.59.0.
    patterns: [
      {
        any: [
          'golang.org/x/crypto/ssh.(*mux).loop',
          'golang.org/x/crypto/ssh.(*handshakeTransport).{readLoop,kexLoop}',
          'golang.org/x/crypto/ssh.{DiscardRequests,(*Client).handleGlobalRequests,(*Client).handleChannelOpens}',
        ],
      },
    ],
  },
  {
    id: 'yamux-session',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'yamux sessions are not closed',
    meaning: 'Each session has three of these until Close.',
    fix: 'Close() the session, not only its streams.',
    evidence: [doc('github.com/hashicorp/yamux#Session.Close')],
    holdsIf: 'they do not follow the clients: a server has them, too',
    // v0.1.2.
    patterns: [{ any: ['github.com/hashicorp/yamux.(*Session).{recv,send,keepalive}'], weight: 0.5 }],
  },
  {
    id: 'ldap-connection',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'LDAP connections are not closed',
    meaning: 'Each connection has two of these until Close.',
    fix: 'defer conn.Close() after each Dial; SetTimeout.',
    evidence: [doc('github.com/go-ldap/ldap/v3#Conn.Close')],
    // v3.4.15.
    patterns: [{ any: ['github.com/go-ldap/ldap.(*Conn).{reader,processMessages}'] }],
  },
  {
    id: 'dns-lookup-stuck',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Name lookups do not come back',
    meaning: 'The resolver is slow or silent. Lookups through libc (cgo) cannot be cancelled and hold a thread each.',
    fix: 'Deadlines on dialling; the pure Go resolver (GODEBUG=netdns=go); a name cache nearby.',
    evidence: [doc('net#hdr-Name_Resolution')],
    patterns: [
      {
        any: [
          'net.(*Resolver).{lookupIPAddr,goLookupIPCNAMEOrder,tryOneName,exchange}',
          'net.{cgoLookupIP,cgoLookupIPCNAME,cgoLookupHostIP,cgoLookupHost,cgoIPLookup,doBlockingWithCtx,doBlockingWithCtx.func}',
        ],
      },
    ],
  },
  {
    id: 'network-read-without-deadline',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'shape',
    title: 'Reads from a connection without a deadline',
    meaning: 'The peer is silent or gone, and nothing ends the read. No inbound connection: no accept loop started it.',
    fix: 'SetReadDeadline before reading; TCP keep-alive; Close the connection from whoever gives up.',
    evidence: [issue('grpc/grpc-go', 705), doc('net#Conn')],
    holdsIf: 'they have waited for minutes',
    patterns: [{ any: ['net.(*conn).Read'], states: ['IO wait'], shape: 'not of an accept loop' }],
  },
];

const kubernetes: LeakSignature[] = [
  {
    id: 'kubernetes-informer',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Kubernetes informers are not stopped',
    meaning:
      'Each informer lists and watches in the background, with a cache of all it saw, until its stop channel is closed.',
    fix: 'One shared informer factory; close the stop channel, or cancel the context, of those that go.',
    evidence: [issue('kubernetes/kubernetes', 116435), doc('k8s.io/client-go/informers#SharedInformerFactory')],
    // client-go v0.22.0, v0.30.0, v0.37.2.
    patterns: [
      {
        any: [
          'k8s.io/client-go/tools/cache.(*Reflector).{Run,RunWithContext,ListAndWatch,ListAndWatchWithContext,ListAndWatch.func,list.func}',
          'k8s.io/client-go/tools/cache.(*processorListener).{run,pop}',
          'k8s.io/client-go/tools/cache.(*sharedIndexInformer).{Run,RunWithContext}',
          'k8s.io/client-go/tools/cache.(*controller).{Run,RunWithContext,Run.func,RunWithContext.func}',
        ],
      },
    ],
  },
  {
    id: 'kubernetes-watch',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Kubernetes watches are not stopped',
    meaning: 'The watch decodes events for a channel that nobody reads any more, and keeps its HTTP stream open.',
    fix: 'defer w.Stop() after each Watch; read ResultChan until it is closed.',
    evidence: [
      issue('kubernetes/apimachinery', 123),
      issue('kubernetes/kubernetes', 6488),
      doc('k8s.io/apimachinery/pkg/watch#Interface'),
    ],
    // apimachinery v0.22.0, v0.37.2; client-go v0.37.2.
    patterns: [
      {
        any: [
          'k8s.io/apimachinery/pkg/watch.(*StreamWatcher).receive',
          'k8s.io/apimachinery/pkg/watch.(*filteredWatch).loop',
          'k8s.io/client-go/tools/watch.(*RetryWatcher).{receive,receive.func}',
        ],
      },
    ],
  },
  {
    id: 'kubernetes-workqueue',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Kubernetes work queues are not shut down',
    meaning: 'Each work queue has these until ShutDown, and so have the workers that wait for its items.',
    fix: 'defer queue.ShutDown() with the controller that made it.',
    evidence: [doc('k8s.io/client-go/util/workqueue#TypedInterface')],
    // client-go v0.22.0, v0.30.0 (Type), v0.37.2 (Typed).
    patterns: [
      {
        any: [
          'k8s.io/client-go/util/workqueue.(*{Type,Typed}).updateUnfinishedWorkLoop',
          'k8s.io/client-go/util/workqueue.(*delayingType).waitingLoop',
        ],
      },
      { any: ['k8s.io/client-go/util/workqueue.(*{Type,Typed}).Get'], states: ['sync.Cond.Wait'] },
    ],
  },
  {
    id: 'kubernetes-event-broadcaster',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Kubernetes event broadcasters are not shut down',
    meaning: 'Each broadcaster, and each of its watchers, has a goroutine until Shutdown.',
    fix: 'One broadcaster for each process; Shutdown() those that go.',
    evidence: [doc('k8s.io/client-go/tools/record#EventBroadcaster')],
    // apimachinery v0.22.0, v0.37.2; client-go v0.22.0, v0.37.2.
    patterns: [
      {
        any: [
          'k8s.io/apimachinery/pkg/watch.(*Broadcaster).loop',
          'k8s.io/client-go/tools/record.(*eventBroadcasterImpl).StartEventWatcher.func',
          'k8s.io/client-go/tools/events.(*eventBroadcasterImpl).{StartEventWatcher,startEventWatcher,startRecordingEvents}.func',
        ],
      },
    ],
  },
];

const background: LeakSignature[] = [
  {
    id: 'telemetry-provider',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'OpenTelemetry providers are not shut down',
    meaning: 'Each batch processor and periodic reader has a goroutine until its provider is shut down.',
    fix: 'One provider for each process; Shutdown(ctx) those that go.',
    evidence: [
      doc('go.opentelemetry.io/otel/sdk/trace#TracerProvider.Shutdown'),
      doc('go.opentelemetry.io/otel/sdk/metric#PeriodicReader'),
    ],
    // sdk v1.20.0 and v1.47.0.
    patterns: [
      {
        any: [
          'go.opentelemetry.io/otel/sdk/trace.(*batchSpanProcessor).processQueue',
          'go.opentelemetry.io/otel/sdk/metric.(*PeriodicReader).run',
        ],
      },
    ],
  },
  {
    id: 'sentry-client',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Sentry clients are created again and again',
    meaning: 'Each client has a transport with a worker of its own.',
    fix: 'sentry.Init once; clone the hub, not the client, for each request.',
    evidence: [issue('getsentry/sentry-go', 317), doc('github.com/getsentry/sentry-go#NewHTTPTransport')],
    // v0.50.0.
    patterns: [{ any: ['github.com/getsentry/sentry-go.(*HTTPTransport).worker'] }],
  },
  {
    id: 'statsd-client',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'StatsD clients are not closed',
    meaning: 'Each client flushes, sends and reports on itself in goroutines of its own until Close.',
    fix: 'One client for each process; Close() those that go.',
    evidence: [doc('github.com/DataDog/datadog-go/v5/statsd#Client.Close')],
    // v5.9.1.
    patterns: [
      {
        any: [
          'github.com/DataDog/datadog-go/statsd.(*sender).sendLoop',
          'github.com/DataDog/datadog-go/statsd.(*worker).pullMetric',
          'github.com/DataDog/datadog-go/statsd.(*aggregator).{start.func,pullMetric}',
          'github.com/DataDog/datadog-go/statsd.(*telemetryClient).run.func',
        ],
      },
    ],
  },
  {
    id: 'lumberjack-logger',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'lumberjack loggers are created again and again',
    meaning: 'Every lumberjack.Logger that has written starts one of these, and even Close does not end it.',
    fix: 'One Logger for each file, for the life of the process.',
    evidence: [issue('natefinch/lumberjack', 56), issue('natefinch/lumberjack', 205)],
    // v2.2.1.
    patterns: [{ any: ['{gopkg.in/natefinch/lumberjack.v2,github.com/natefinch/lumberjack}.(*Logger).millRun'] }],
  },
  {
    id: 'zap-buffered-writer',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'zap buffered writers are not stopped',
    meaning: 'Each BufferedWriteSyncer flushes in a goroutine until Stop.',
    fix: 'One for each file; defer Stop().',
    evidence: [doc('go.uber.org/zap/zapcore#BufferedWriteSyncer')],
    // v1.28.0.
    patterns: [{ any: ['go.uber.org/zap/zapcore.(*BufferedWriteSyncer).flushLoop'] }],
  },
  {
    id: 'cron-not-stopped',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'cron schedulers are not stopped',
    meaning: 'Each started Cron runs until Stop, with everything that its jobs refer to.',
    fix: 'One scheduler for each process; Stop() those that go.',
    evidence: [doc('github.com/robfig/cron/v3#Cron.Stop')],
    // v3.0.1.
    patterns: [{ any: ['github.com/robfig/cron.(*Cron).run'] }],
  },
  {
    id: 'cache-janitor',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Caches with a clean-up goroutine are created again and again',
    meaning:
      'The clean-up keeps each cache, and all that is in it, until it is stopped; that of golang-lru/expirable cannot be.',
    fix: 'One cache for each purpose, for the life of the process; Close() or Stop() where there is one.',
    evidence: [
      issue('hashicorp/golang-lru', 159),
      doc('github.com/patrickmn/go-cache'),
      doc('github.com/allegro/bigcache/v3#BigCache.Close'),
      doc('github.com/dgraph-io/ristretto/v2#Cache.Close'),
    ],
    // go-cache v2.1.0, golang-lru v2.0.7, bigcache v3.1.0, ristretto v0.2.0 and v2.4.2.
    patterns: [
      {
        any: [
          'github.com/patrickmn/go-cache.(*{janitor,shardedJanitor}).Run',
          'github.com/hashicorp/golang-lru/expirable.NewLRU.func',
          'github.com/allegro/bigcache.newBigCache.func',
          'github.com/dgraph-io/ristretto.(*{Cache,defaultPolicy}).processItems',
        ],
      },
    ],
  },
  {
    id: 'zstd-decoder',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'zstd decoders are not closed',
    meaning: 'A streaming decoder that was not read to its end keeps its goroutines and buffers until Close.',
    fix: 'defer decoder.Close(); DecodeAll, or WithDecoderConcurrency(1), where streaming is not needed.',
    evidence: [issue('klauspost/compress', 451), issue('klauspost/compress', 441), issue('grafana/loki', 24356)],
    // v1.13.0 and v1.20.4.
    patterns: [
      {
        any: [
          'github.com/klauspost/compress/zstd.(*Decoder).{startStreamDecoder,startStreamDecoder.func}',
          'github.com/klauspost/compress/zstd.(*blockDec).startDecoder',
          'github.com/klauspost/compress/zstd.(*frameDec).startDecoder',
        ],
      },
    ],
  },
  {
    id: 'backoff-ticker',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Backoff tickers are not stopped',
    meaning: 'Each backoff.Ticker waits for a reader of its channel until Stop.',
    fix: 'defer ticker.Stop(), also where the first attempt succeeds.',
    evidence: [doc('github.com/cenkalti/backoff/v4#Ticker.Stop')],
    // v4.3.0.
    patterns: [{ any: ['github.com/cenkalti/backoff.(*Ticker).{run,send}'] }],
  },
  {
    id: 'file-watcher',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'File watchers are not closed or not drained',
    meaning: 'Each fsnotify.Watcher reads events until Close; it blocks if nobody reads Events and Errors.',
    fix: 'defer watcher.Close(); read Events and Errors in one select until both are closed.',
    evidence: [issue('golang/go', 13723), issue('fsnotify/fsnotify', 3), issue('ory/x', 672)],
    // v1.4.9, v1.6.0, v1.7.0, v1.10.1 (a type for each system since v1.8).
    patterns: [
      {
        any: [
          'github.com/fsnotify/fsnotify.(*{Watcher,inotify,kqueue,fen,readDirChangesW}).readEvents',
          'github.com/fsnotify/fsnotify.(*{Watcher,shared,readDirChangesW}).{sendEvent,sendError}',
          '{gopkg.in/fsnotify.v1,gopkg.in/fsnotify/fsnotify.v1}.(*Watcher).readEvents',
        ],
      },
    ],
  },
];

const contextsAndTimers: LeakSignature[] = [
  {
    id: 'context-not-cancelled',
    kind: 'heap',
    verdict: 'leak',
    scope: 'library',
    title: 'Contexts are never cancelled',
    meaning:
      'A context with a cancel stays with its parent until it is cancelled; under a parent that lives long they pile up.',
    fix: 'defer cancel() right behind each WithCancel, WithTimeout and WithDeadline; go vet finds most that are missing.',
    evidence: [
      issue('cockroachdb/cockroach', 149658),
      issue('temporalio/sdk-go', 147),
      issue('lightningnetwork/lnd', 9886),
      issue('failsafe-go/failsafe-go', 134),
      issue('gocql/gocql', 1224),
      doc('context#WithCancel'),
    ],
    patterns: [
      {
        leaf: [
          'context.{(*cancelCtx).propagateCancel,propagateCancel,(*cancelCtx).Done,newCancelCtx,withCancel,AfterFunc}',
          'context.With{Cancel,CancelCause,Deadline,DeadlineCause,Timeout,TimeoutCause}',
          'golang.org/x/net/context.With{Cancel,Deadline,Timeout}',
        ],
      },
    ],
  },
  {
    id: 'context-watcher',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Contexts under a parent of another type are never cancelled',
    meaning: 'For a parent that is not one of package context a goroutine waits for either to end. One for each child.',
    fix: 'Call the cancel of the child; give the parent type an AfterFunc method.',
    evidence: [issue('uber/tchannel-go', 278), doc('context#WithCancel')],
    patterns: [{ any: ['context.{(*cancelCtx).propagateCancel,propagateCancel}.func'] }],
  },
  {
    id: 'signal-context',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'signal.NotifyContext is never stopped',
    meaning: 'One for each NotifyContext, until its stop is called, its parent ends or the signal comes.',
    fix: 'Call it once, in main; defer stop().',
    evidence: [doc('os/signal#NotifyContext')],
    holdsIf: 'there is more than one',
    patterns: [{ any: ['os/signal.NotifyContext.func'] }],
  },
  {
    id: 'timer-in-loop',
    kind: 'heap',
    verdict: 'leak',
    scope: 'library',
    title: 'Timers are made faster than they fire',
    meaning:
      'time.After in a loop makes a timer for each round. Until Go 1.22 each lives until it fires, needed or not.',
    fix: 'One time.NewTimer with Stop and Reset around the loop; or build with Go 1.23 or later.',
    evidence: [
      issue('golang/go', 15781),
      issue('hashicorp/vault', 14814),
      issue('hellofresh/health-go', 89),
      'https://go.dev/doc/go1.23#timer-changes',
    ],
    patterns: [{ leaf: ['time.{NewTimer,After,newTimer,startTimer}'], fromGo: { minor: 23, weight: 0.2 } }],
  },
  {
    id: 'ticker-not-stopped',
    kind: 'heap',
    verdict: 'leak',
    scope: 'library',
    title: 'Tickers are never stopped',
    meaning: 'A ticker lives as long as the loop that reads it, and until Go 1.22 for ever unless it is stopped.',
    fix: 'defer ticker.Stop(), and a done channel or context on which the loop ends; no time.Tick in what ends.',
    evidence: [issue('caddyserver/caddy', 2642), doc('time#NewTicker')],
    patterns: [{ leaf: ['time.{NewTicker,Tick}'] }],
  },
  {
    id: 'iterator-not-stopped',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Pull iterators are not stopped',
    meaning: 'iter.Pull keeps the sequence waiting in a coroutine until it is exhausted or stop is called.',
    fix: 'defer stop() right behind iter.Pull.',
    evidence: [doc('iter#Pull')],
    patterns: [{ any: ['iter.{Pull,Pull2}.func'], states: ['coroutine'] }],
  },
];

const synchronisation: LeakSignature[] = [
  {
    id: 'nil-channel',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'A nil channel is waited on',
    meaning: 'Nothing can ever arrive at, or leave through, a channel that was never made. These goroutines are lost.',
    fix: 'make() the channel before it is used; check the path on which it stays nil.',
    evidence: ['https://go.dev/ref/spec#Receive_operator', goker],
    patterns: [{ states: ['chan receive (nil chan)', 'chan send (nil chan)'] }],
  },
  {
    id: 'empty-select',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'select {} in a goroutine that should end',
    meaning:
      'A select without cases waits for ever. In main that is a habit; in anything started more than once it leaks.',
    fix: 'Wait for a context or a done channel instead.',
    evidence: ['https://go.dev/ref/spec#Select_statements', goker],
    patterns: [{ states: ['select (no cases)'], without: ['main.main', 'runtime.main'] }],
  },
  {
    id: 'channel-send-abandoned',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'shape',
    title: 'A result is sent to someone who has left',
    meaning:
      'The function that started the goroutine returned early (timeout, error, first answer wins), and nobody receives.',
    fix: 'Make the channel with room for every send (1, or n), or select on ctx.Done() beside the send.',
    evidence: [leakPatterns, 'https://arxiv.org/abs/2312.12002'],
    patterns: [{ states: ['chan send'], shape: 'closure of its creator' }],
  },
  {
    id: 'range-over-open-channel',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'shape',
    title: 'A loop over a channel that is never closed',
    meaning: 'for range over a channel ends only when it is closed, and its producers are gone without closing it.',
    fix: 'close(ch) in the producer (defer), once all have sent.',
    evidence: [leakPatterns],
    // Only profiles show the runtime's frames; `v, ok := <-ch` looks the same.
    patterns: [{ any: ['runtime.chanrecv2'], states: ['chan receive'] }],
  },
  {
    id: 'loop-not-stopped',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'shape',
    title: 'Background loops of objects that were never stopped',
    meaning:
      'A constructor started a loop that ends with Stop, Close or a context; the object is gone, the loop is not.',
    fix: 'Call Stop or Close with whatever made the object; tie the loop to a context.',
    evidence: [leakPatterns],
    patterns: [{ states: ['select'], shape: 'loop of its constructor' }],
  },
  {
    id: 'waitgroup-stuck',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'shape',
    title: 'WaitGroups that never reach zero',
    meaning: 'A Done is missing on some path, or one of the children is stuck itself.',
    fix: 'defer wg.Done() first thing in each child; look at the children in the same dump.',
    evidence: [goker, doc('sync#WaitGroup')],
    patterns: [{ leaf: ['sync.(*WaitGroup).Wait'], states: waitGroup }],
  },
  {
    id: 'cond-stuck',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'shape',
    title: 'Waits for a condition that nobody signals',
    meaning: 'The Signal came before the Wait, woke another, or never comes.',
    fix: 'Change the condition and Broadcast under the lock; check the condition in a loop.',
    evidence: [goker, doc('sync#Cond')],
    holdsIf: 'they do not follow connections one to one, as the writers of some servers rightly do',
    patterns: [{ leaf: ['sync.(*Cond).Wait'], states: ['sync.Cond.Wait'], weight: 0.5 }],
  },
  {
    id: 'lock-stuck',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'shape',
    title: 'Goroutines queue for a lock',
    meaning:
      'Its holder does not let go: it locked twice, waits for another lock that one of these holds, or for I/O. A waiting writer also stops new readers.',
    fix: 'Find the holder: a goroutine in methods of the same type that does not wait for the lock. One order of locks; no calls out while holding one.',
    evidence: [goker, doc('sync#RWMutex')],
    patterns: [{ leaf: ['sync.(*Mutex).Lock', 'sync.(*RWMutex).{Lock,RLock}'], states: locks }],
  },
  {
    id: 'once-stuck',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'sync.Once does not come to an end',
    meaning: 'All callers wait for the first one, whose function is still running or stuck.',
    fix: 'Look for the goroutine below (*Once).doSlow that does not wait for its lock; give its function a deadline.',
    evidence: [doc('sync#Once.Do')],
    patterns: [{ any: ['sync.(*Once).doSlow'], leaf: ['sync.(*Mutex).Lock'], states: locks }],
  },
  {
    id: 'group-wait',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'surroundings',
    title: 'A group, semaphore or shared call waits for one that is stuck',
    meaning:
      'errgroup waits for all its members, a semaphore for a release, singleflight for the one call that runs for all.',
    fix: 'Give the members a context and have them end with it; Release by defer; DoChan with a deadline.',
    evidence: [
      doc('golang.org/x/sync/errgroup#Group.Wait'),
      doc('golang.org/x/sync/semaphore#Weighted.Acquire'),
      doc('golang.org/x/sync/singleflight#Group.DoChan'),
    ],
    // x/sync v0.25.0. A member of an errgroup has (*Group).Go.func below it, and is judged by what it waits in.
    patterns: [
      { top: ['golang.org/x/sync/errgroup.(*Group).{Wait,Go}'] },
      { top: ['golang.org/x/sync/semaphore.(*Weighted).Acquire'] },
      { top: ['golang.org/x/sync/singleflight.(*Group).Do'] },
    ],
  },
];

const processes: LeakSignature[] = [
  {
    id: 'command-not-waited',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'Commands are started and not waited for',
    meaning: 'Only Cmd.Wait ends these goroutines; or a grandchild still holds the pipe of a command that is gone.',
    fix: 'Cmd.Wait() after every Start, also after Kill (Process.Wait is not enough); Cmd.WaitDelay for pipes held open.',
    evidence: [issue('Mi-Bee-Studio/MiBeeNvr', 692), issue('golang/go', 10400), doc('os/exec#Cmd.Wait')],
    // watchCtx: since Go 1.20, as a closure at first; before, all were closures of Start.
    patterns: [{ any: ['os/exec.(*Cmd).{watchCtx,watchCtx.func,Start.func,writerDescriptor.func}'] }],
  },
  {
    id: 'pipe-half-open',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'The other end of an io.Pipe is gone',
    meaning: 'A read waits for a write, a write for a read, and the other side returned without closing its end.',
    fix: 'CloseWithError on both ends, on every path.',
    evidence: [doc('io#Pipe')],
    // With capital letters in older versions of Go.
    patterns: [{ top: ['io.(*pipe).{read,write,Read,Write}'] }],
  },
  {
    id: 'finalizer-stuck',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'library',
    title: 'A finalizer or cleanup is stuck',
    meaning:
      'All finalizers run one after the other: while this one waits, nothing that has one is freed. Objects in a cycle with a finalizer are never freed either.',
    fix: 'Never block in a finalizer: start a goroutine in it. runtime.AddCleanup instead; break the cycle.',
    evidence: [issue('golang/go', 73674), issue('cockroachdb/pebble', 1088), doc('runtime#SetFinalizer')],
    // The memory of specials is not of the heap: SetFinalizer is never a site of a heap profile.
    patterns: [{ any: ['runtime.{runfinq,runFinalizers,runCleanups}'], states: [...blocked, 'sleep', 'IO wait'] }],
  },
  {
    id: 'cgo-call-stuck',
    kind: 'goroutine',
    verdict: 'leak',
    scope: 'shape',
    title: 'Calls into C do not return',
    meaning: 'Each holds an OS thread for as long as it takes, and what C allocates no Go profile sees.',
    fix: 'Timeouts inside the C library; bound the number of calls; look at the threads and at RSS.',
    evidence: [issue('mattn/go-sqlite3', 1328), doc('cmd/cgo')],
    patterns: [{ states: ['syscall'], shape: 'call into C' }],
  },
  {
    id: 'off-heap-memory',
    kind: 'off-heap',
    verdict: 'leak',
    scope: 'shape',
    title: 'Memory outside of the Go heap grows',
    meaning: 'C libraries (cgo) or mmap: the process grows while the Go heap does not, and no Go profile can see it.',
    fix: 'C.free whatever C.CString, C.malloc and the library allocate; heap profiling of jemalloc, or valgrind.',
    evidence: [issue('mattn/go-sqlite3', 1328), issue('ceph/go-ceph', 905)],
    holdsIf: 'resident memory minus MemStats.Sys grows while the heap is flat',
    patterns: [],
  },
  {
    id: 'idle-heap',
    kind: 'off-heap',
    verdict: 'benign',
    scope: 'shape',
    title: 'Freed memory that is not yet back with the system',
    meaning: 'The heap was larger once, or is fragmented. The process looks large, and Go will use the memory again.',
    fix: 'GOMEMLIMIT; debug.FreeOSMemory() after a known peak; smaller peaks.',
    evidence: [issue('nats-io/nats-server', 6307), 'https://go.dev/doc/gc-guide'],
    holdsIf: 'HeapIdle minus HeapReleased is large and resident memory high, while the memory in use is flat',
    patterns: [],
  },
  {
    id: 'os-threads',
    kind: 'off-heap',
    verdict: 'leak',
    scope: 'shape',
    title: 'OS threads grow',
    meaning:
      'Threads that calls into C or blocking system calls hold, or that LockOSThread keeps; Go does not give idle threads back.',
    fix: 'UnlockOSThread for every LockOSThread, or let the goroutine end; bound what runs in C or blocks on files.',
    evidence: [doc('runtime#LockOSThread'), issue('golang/go', 14592)],
    holdsIf: 'the threadcreate profile, or the number of threads, rises and stays',
    patterns: [],
  },
];

const heap: LeakSignature[] = [
  {
    id: 'prometheus-cardinality',
    kind: 'heap',
    verdict: 'leak',
    scope: 'library',
    title: 'Prometheus metrics with unbounded labels',
    meaning:
      'Every new combination of label values is a metric that stays for ever: user ids, paths, error texts as labels.',
    fix: 'Labels with few values; DeleteLabelValues or DeletePartialMatch when what they name is gone.',
    evidence: [
      issue('prometheus/client_golang', 1340),
      issue('uber/cadence', 5398),
      'https://prometheus.io/docs/practices/naming/',
    ],
    // client_golang v1.7.0 (makeLabelPairs), v1.14.0, v1.25.0.
    patterns: [
      {
        any: [
          'github.com/prometheus/client_golang/prometheus.(*metricMap).{getOrCreateMetricWithLabelValues,getOrCreateMetricWithLabels}',
          'github.com/prometheus/client_golang/prometheus.(*MetricVec).{GetMetricWithLabelValues,GetMetricWith}',
          'github.com/prometheus/client_golang/prometheus.(*{CounterVec,GaugeVec,HistogramVec,SummaryVec}).{GetMetricWithLabelValues,GetMetricWith,WithLabelValues,With}',
          'github.com/prometheus/client_golang/prometheus.{MakeLabelPairs,makeLabelPairs,newHistogram,newSummary}',
        ],
      },
    ],
  },
  {
    id: 'telemetry-cardinality',
    kind: 'heap',
    verdict: 'leak',
    scope: 'library',
    title: 'OpenTelemetry metrics with unbounded attributes',
    meaning:
      'Every new set of attributes is a time series that the SDK keeps: request ids, addresses or paths as attributes.',
    fix: 'A View with an attribute filter; a cardinality limit; fewer attributes in the instrumentation.',
    evidence: [
      issue('open-telemetry/opentelemetry-go', 4096),
      issue('open-telemetry/opentelemetry-go', 3765),
      issue('open-telemetry/opentelemetry-go', 6788),
      issue('open-telemetry/opentelemetry-go-contrib', 3071),
      issue('open-telemetry/opentelemetry-go-contrib', 4277),
    ],
    // otel and sdk/metric v1.20.0 (computeDistinct) and v1.47.0 (computeData).
    patterns: [
      { any: ['go.opentelemetry.io/otel/sdk/metric/internal/aggregate.'] },
      {
        any: [
          'go.opentelemetry.io/otel/attribute.{computeDistinct,computeDistinctFixed,computeDistinctReflect,computeDataFixed,computeDataReflect,newSet,NewSet,NewSetWithFiltered,NewSetWithSortable,NewSetWithSortableFiltered}',
        ],
      },
    ],
  },
  {
    id: 'regexp-compile',
    kind: 'heap',
    verdict: 'leak',
    scope: 'library',
    title: 'Regular expressions are compiled and kept',
    meaning: 'Compiled again and again, for each request or each label, and cached without a bound.',
    fix: 'Compile once, in a package variable; bound the cache of those that users write.',
    evidence: [doc('regexp#MustCompile')],
    patterns: [
      { any: ['regexp.{compile,Compile,MustCompile}', 'regexp/syntax.(*compiler).inst', 'regexp/syntax.Compile'] },
    ],
  },
  {
    id: 'logger-chain',
    kind: 'heap',
    verdict: 'leak',
    scope: 'library',
    title: 'Loggers or hooks are added for each request and kept',
    meaning:
      'Each With copies the fields of the logger before it; a logger that is stored back grows for ever, and so do hooks.',
    fix: 'Derive from the base logger, do not store the result in it; add hooks once.',
    evidence: [
      doc('github.com/sirupsen/logrus#Logger.AddHook'),
      doc('log/slog#Logger.With'),
      doc('go.uber.org/zap#Logger.With'),
    ],
    // logrus v1.9.3 and v1.10.2, zap v1.28.0.
    patterns: [
      {
        any: [
          'github.com/sirupsen/logrus.(*{Entry,Logger}).{WithField,WithFields,WithError,WithContext}',
          'github.com/sirupsen/logrus.{(*Logger).AddHook,AddHook,LevelHooks.Add}',
          'log/slog.(*{JSONHandler,TextHandler,defaultHandler}).{WithAttrs,WithGroup}',
          'log/slog.(*commonHandler).{withAttrs,withGroup,clone}',
          'log/slog.(*Logger).{With,WithGroup,clone}',
          'go.uber.org/zap.(*{Logger,SugaredLogger}).{With,WithLazy,WithOptions,Named}',
          'go.uber.org/zap.(*Logger).clone',
          'go.uber.org/zap/zapcore.(*ioCore).{With,clone}',
        ],
      },
    ],
  },
  {
    id: 'request-traces',
    kind: 'heap',
    verdict: 'leak',
    scope: 'library',
    title: 'Request traces are never finished',
    meaning: 'golang.org/x/net/trace keeps every trace and event log until Finish.',
    fix: 'defer tr.Finish() behind each New and NewEventLog; turn tracing off where nobody looks.',
    evidence: [doc('golang.org/x/net/trace#Trace'), doc('google.golang.org/grpc#EnableTracing')],
    // x/net v0.62.0. gRPC servers have an event log for each connection.
    patterns: [{ any: ['golang.org/x/net/trace.{New,NewEventLog,newTrace}'] }],
  },
  {
    id: 'profiler-labels',
    kind: 'heap',
    verdict: 'leak',
    scope: 'library',
    title: 'Profiler labels pile up',
    meaning: 'A goroutine that lives long sets labels on top of labels, or holds contexts that carry them.',
    fix: 'pprof.Do around the work, so that labels end with it; labels from the base context.',
    evidence: [doc('runtime/pprof#Do')],
    patterns: [{ leaf: ['runtime/pprof.{Do,SetGoroutineLabels,WithLabels,Labels,mergeLabelSets}'] }],
  },
  {
    id: 'large-buffers',
    kind: 'heap',
    verdict: 'retention',
    scope: 'library',
    title: 'Large buffers are kept',
    meaning:
      'Buffers grow to the largest message that they ever held, and a pool or a long-lived struct keeps them at that size.',
    fix: 'Drop buffers above a limit instead of putting them back into the pool.',
    evidence: [
      issue('golang/go', 23199),
      issue('golang/go', 27735),
      issue('uber-go/zap', 134),
      issue('uber-go/zap', 1484),
    ],
    holdsIf: 'few objects make up the growth',
    patterns: [
      {
        leaf: [
          'bytes.{growSlice,makeSlice,(*Buffer).grow,(*Buffer).Grow}',
          'strings.(*Builder).{grow,Grow}',
          'encoding/json.(*encodeState).{marshal,reflectValue}',
          'go.uber.org/zap/buffer.(*Buffer).{AppendString,AppendByte,AppendBytes,Write}',
        ],
        minObjectBytes: 32 * 1024,
      },
      { any: ['go.uber.org/zap/zapcore.(*jsonEncoder).{clone,Clone,EncodeEntry}'], minObjectBytes: 32 * 1024 },
    ],
  },
  {
    id: 'retained-backing-array',
    kind: 'heap',
    verdict: 'retention',
    scope: 'library',
    title: 'Small pieces keep whole files or bodies',
    meaning: 'A slice or substring of what was read refers to all of it, for as long as the piece is kept.',
    fix: 'bytes.Clone or strings.Clone what is kept; read into a bounded buffer.',
    evidence: ['https://100go.co/#slices-and-memory-leaks-26', 'https://go101.org/article/memory-leaking.html'],
    holdsIf: 'few, large objects that do not go',
    patterns: [
      {
        leaf: ['io.ReadAll', 'io/ioutil.{ReadAll,ReadFile,readAll}', 'os.{ReadFile,readFileContents}'],
        minObjectBytes: 32 * 1024,
      },
    ],
  },
  {
    id: 'map-growth',
    kind: 'heap',
    verdict: 'retention',
    scope: 'library',
    title: 'A map or cache without a bound',
    meaning: 'A Go map never shrinks: what it once grew to it keeps, and a cache without a limit grows with its keys.',
    fix: 'A limit and an expiry; build the map anew when most of it was deleted.',
    evidence: ['https://100go.co/#maps-and-memory-leaks-28', issue('golang/go', 20135)],
    // Go's own heap profiles leave out the runtime's frames at the leaf: from them only the maps of package sync and
    // lists show.
    patterns: [
      {
        any: [
          'runtime.{mapassign,mapassign_fast32,mapassign_fast32ptr,mapassign_fast64,mapassign_fast64ptr,mapassign_faststr,hashGrow,makemap,makemap_small,makeBucketArray}',
          'internal/runtime/maps.(*table).{grow,split,rehash}',
          'internal/runtime/maps.(*Map).{growToTable,growToSmall,putSlotSmall}',
          'internal/runtime/maps.{newTable,newGroups,newarray,NewMap}',
        ],
      },
      {
        any: [
          'sync.(*Map).{Store,Swap,LoadOrStore,dirtyLocked}',
          'internal/sync.{newEntryNode,newIndirectNode,(*HashTrieMap).expand}',
          'container/list.(*List).{insertValue,PushFront,PushBack}',
        ],
      },
    ],
  },
  {
    id: 'append-growth',
    kind: 'heap',
    verdict: 'leak',
    scope: 'shape',
    title: 'A slice that is only appended to',
    meaning: 'History, queues or registrations that grow with every request and are never cut.',
    fix: 'A ring buffer or a limit; copy what is left to a new slice after taking from the front.',
    evidence: ['https://go101.org/article/memory-leaking.html'],
    // As with maps: Go's own heap profiles hide growslice.
    patterns: [{ any: ['runtime.growslice', 'runtime.growsliceBuf'] }],
  },
  {
    id: 'goroutine-memory',
    kind: 'heap',
    verdict: 'amplifier',
    scope: 'library',
    title: 'Memory of goroutines',
    meaning: 'Descriptors of goroutines and threads. They are kept for reuse, and grow to the most there ever were.',
    fix: 'Look at the suspect whose goroutines these are.',
    evidence: [goker, doc('runtime#MemStats')],
    holdsIf: 'a group of goroutines grows with it: then it is the memory of that suspect, and none of its own',
    patterns: [{ leaf: ['runtime.{malg,allocm,newproc1,acquireSudog}'] }, { any: ['runtime.{malg,allocm}'] }],
  },
];

/** All signatures; in doubt between two that fit a stack as closely, the first one counts. */
export const leakSignatures: readonly LeakSignature[] = [
  ...httpClient,
  ...httpServer,
  ...grpc,
  ...databases,
  ...messaging,
  ...networks,
  ...kubernetes,
  ...background,
  ...contextsAndTimers,
  ...synchronisation,
  ...processes,
  ...heap,
];

const byId = new Map(leakSignatures.map((signature) => [signature.id, signature]));

/** The signature of that id, for those whose condition the ranking applies itself; undefined if there is none. */
export function signatureOf(id: string): LeakSignature | undefined {
  return byId.get(id);
}

/**
 * Functions of what a process has one of, or a few: accept loops, whoever takes the profile, what libraries start when
 * they are imported. Anywhere in a stack. `runtime/pprof.Do` and regions of traces are not among them: users' work runs
 * below those.
 */
export const singletons: readonly string[] = [
  'runtime.main',
  'os/signal.{loop,signal_recv}',
  'runtime/pprof.{(*Profile).WriteTo,profileWriter,writeGoroutine,writeGoroutineStacks,writeRuntimeProfile,writeHeapInternal}',
  'net/http/pprof.',
  'runtime/trace.Start.func',
  'net/http.(*Server).Serve',
  'net.(*netFD).accept',
  'net.(*TCPListener).{Accept,AcceptTCP,accept}',
  'net.(*UnixListener).{Accept,AcceptUnix,accept}',
  'testing.{(*T).Run,(*M).Run,(*M).startAlarm.func,(*F).Fuzz,runTests}',
  // opencensus v0.24.0, glog v1.2.5, klog v2.140.0, go-metrics of April 2025.
  'go.opencensus.io/stats/view.(*worker).start',
  'github.com/golang/glog.(*{loggingT,fileSink}).flushDaemon',
  'k8s.io/klog.{(*loggingT).flushDaemon,(*flushDaemon).run.func}',
  'github.com/rcrowley/go-metrics.(*meterArbiter).tick',
];
