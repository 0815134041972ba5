import type { MatchedStack } from '../../../src/analysis/leaks/signature-match.js';

/** A goroutine: state, functions from the leaf, joined with ` < `, and who created it. */
export function goroutine(state: string, frames: string, createdBy: string | null = null): MatchedStack {
  return { state, frames: framesOf(frames), createdBy };
}

/** A site of the heap, with the mean size of its objects where it matters. */
export function heapSite(frames: string, objectBytes?: number): MatchedStack {
  const inuse = objectBytes === undefined ? {} : { inuseObjects: 3, inuseBytes: 3 * objectBytes };
  return { state: null, frames: framesOf(frames), createdBy: null, ...inuse };
}

function framesOf(frames: string): { function: string }[] {
  return frames.split(' < ').map((name) => ({ function: name }));
}

const poll =
  'internal/poll.runtime_pollWait < internal/poll.(*pollDesc).wait < internal/poll.(*pollDesc).waitRead < internal/poll.(*FD).Read < net.(*netFD).Read < net.(*conn).Read';
const tls =
  'crypto/tls.(*atLeastReader).Read < bytes.(*Buffer).ReadFrom < crypto/tls.(*Conn).readFromUntil < crypto/tls.(*Conn).readRecordOrCCS < crypto/tls.(*Conn).readRecord < crypto/tls.(*Conn).Read';
const handler = 'net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve';
const topology = 'go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology';
const kgo = 'github.com/twmb/franz-go/pkg/kgo';
const grpcTransport = 'google.golang.org/grpc/internal/transport';
const otelAggregate = 'go.opentelemetry.io/otel/sdk/metric/internal/aggregate';

/**
 * Stacks as programs show them, with the signature that has to come first. Those of the standard library were printed
 * by Go 1.26 unless a comment says so; those of other libraries follow their sources from the `go` statement to where
 * they wait.
 */
export const knownStacks: readonly (readonly [signature: string, stack: MatchedStack])[] = [
  ['http-response-body', goroutine('select', 'net/http.(*persistConn).readLoop', 'net/http.(*Transport).dialConn')],
  ['http-response-body', goroutine('select', 'net/http.(*persistConn).writeLoop', 'net/http.(*Transport).dialConn')],
  // Of a debug=1 profile, which does not tell the state.
  ['http-response-body', goroutine('unknown', 'net/http.(*persistConn).writeLoop')],
  [
    'http-idle-connections',
    goroutine(
      'IO wait',
      `${poll} < net/http.(*persistConn).Read < bufio.(*Reader).fill < bufio.(*Reader).Peek < net/http.(*persistConn).readLoop`,
      'net/http.(*Transport).dialConn',
    ),
  ],
  [
    'http-request-unanswered',
    goroutine(
      'select',
      'net/http.(*persistConn).roundTrip < net/http.(*Transport).roundTrip < net/http.(*Transport).RoundTrip < net/http.send < net/http.(*Client).send < net/http.(*Client).do < net/http.(*Client).Do < net/http.(*Client).Get < net/http.Get',
      'main.main',
    ),
  ],
  [
    'http-request-unanswered',
    goroutine(
      'IO wait',
      `${poll} < net/http.(*persistConn).Read < bufio.(*Reader).fill < bufio.(*Reader).ReadSlice < net/http/internal.readChunkLine < net/http/internal.(*chunkedReader).beginChunk < net/http/internal.(*chunkedReader).Read < net/http.(*body).readLocked < net/http.(*body).Read < net/http.(*bodyEOFSignal).Read < io.ReadAll`,
      'main.main',
    ),
  ],
  [
    'http-request-unanswered',
    goroutine(
      'sync.Cond.Wait',
      'sync.runtime_notifyListWait < sync.(*Cond).Wait < net/http.(*http2pipe).Read < net/http.http2transportResponseBody.Read < io.ReadAll',
      'main.main.func9',
    ),
  ],
  [
    'http-connection-wait',
    goroutine(
      'select',
      'net/http.(*Transport).getConn < net/http.(*Transport).roundTrip < net/http.(*Transport).RoundTrip',
      'main.main',
    ),
  ],
  [
    'http-client-connection-memory',
    heapSite(
      'bufio.NewReaderSize < net/http.(*Transport).dialConn < net/http.(*Transport).dialConnFor < net/http.(*Transport).startDialConnForLocked.func1',
    ),
  ],
  [
    'http2-client-connection',
    goroutine(
      'IO wait',
      `${poll} < ${tls} < bufio.(*Reader).Read < io.ReadAtLeast < io.ReadFull < net/http.http2readFrameHeader < net/http.(*http2Framer).ReadFrameHeader < net/http.(*http2Framer).ReadFrame < net/http.(*http2clientConnReadLoop).run < net/http.(*http2ClientConn).readLoop`,
      'net/http.(*http2Transport).newClientConn',
    ),
  ],
  [
    'http2-client-connection',
    goroutine(
      'select',
      'net/http.(*http2clientStream).writeRequest < net/http.(*http2clientStream).doRequest',
      'net/http.(*http2ClientConn).roundTrip',
    ),
  ],
  // Go 1.27.
  [
    'http2-client-connection',
    goroutine(
      'select',
      'net/http/internal/http2.(*clientStream).writeRequest < net/http/internal/http2.(*clientStream).doRequest',
      'net/http/internal/http2.(*ClientConn).roundTrip',
    ),
  ],
  [
    'http2-client-connection',
    goroutine(
      'select',
      'golang.org/x/net/http2.(*clientStream).awaitRequestCancel',
      'golang.org/x/net/http2.(*clientConnReadLoop).handleResponse',
    ),
  ],
  [
    'http-server-connection',
    goroutine(
      'IO wait',
      `${poll} < net/http.(*connReader).Read < bufio.(*Reader).fill < bufio.(*Reader).Peek < net/http.(*conn).serve`,
      'net/http.(*Server).Serve',
    ),
  ],
  [
    'http-server-connection',
    goroutine(
      'IO wait',
      `${poll} < net/http.(*connReader).backgroundRead`,
      'net/http.(*connReader).startBackgroundRead',
    ),
  ],
  [
    'http-server-connection',
    goroutine(
      'select',
      'net/http.(*http2serverConn).serve < net/http.(*http2Server).serveConn < net/http.(*http2Server).ServeConn < net/http.http2ConfigureServer.func2 < net/http.http2ConfigureServer.func3 < net/http.(*conn).serve',
      'net/http.(*Server).Serve',
    ),
  ],
  [
    'http-server-connection',
    goroutine(
      'IO wait',
      `${poll} < ${tls.replace('crypto/tls.(*Conn).Read', 'crypto/tls.(*Conn).serverHandshake')} < crypto/tls.(*Conn).handshakeContext < crypto/tls.(*Conn).HandshakeContext < net/http.(*conn).serve`,
      'net/http.(*Server).Serve',
    ),
  ],
  [
    'accepted-connection-memory',
    heapSite('bufio.NewReaderSize < bufio.NewReader < net/http.newBufioReader < net/http.(*conn).serve'),
  ],
  [
    'accepted-connection-memory',
    heapSite(
      'net.newFD < net.(*netFD).accept < net.(*TCPListener).accept < net.(*TCPListener).Accept < net/http.(*Server).Serve',
    ),
  ],
  ['http-handler-blocked', goroutine('chan receive', `main.main.func6 < ${handler}`, 'net/http.(*Server).Serve')],
  [
    'http-handler-blocked',
    goroutine(
      'chan receive',
      'main.main.func8 < net/http.HandlerFunc.ServeHTTP < net/http.serverHandler.ServeHTTP < net/http.initALPNRequest.ServeHTTP < net/http.(*http2serverConn).runHandler',
      'net/http.(*http2serverConn).scheduleHandler',
    ),
  ],
  [
    'http-timeout-handler',
    goroutine(
      'chan receive',
      'main.main.func5 < net/http.HandlerFunc.ServeHTTP < net/http.(*timeoutHandler).ServeHTTP.func1',
      'net/http.(*timeoutHandler).ServeHTTP',
    ),
  ],
  [
    'reverse-proxy-upgrade',
    goroutine(
      'IO wait',
      `${poll} < io.copyBuffer < io.Copy < net/http/httputil.switchProtocolCopier.copyFromBackend`,
      'net/http/httputil.(*ReverseProxy).handleUpgradeResponse',
    ),
  ],
  [
    'websocket-read',
    goroutine(
      'IO wait',
      `${poll} < bufio.(*Reader).fill < bufio.(*Reader).Peek < github.com/gorilla/websocket.(*Conn).read < github.com/gorilla/websocket.(*Conn).advanceFrame < github.com/gorilla/websocket.(*Conn).NextReader < github.com/gorilla/websocket.(*Conn).ReadMessage < main.echo < ${handler}`,
      'net/http.(*Server).Serve',
    ),
  ],
  ['websocket-read', goroutine('select', 'nhooyr.io/websocket.(*Conn).timeoutLoop', 'nhooyr.io/websocket.newConn')],

  [
    'grpc-client-connection',
    goroutine(
      'select',
      `${grpcTransport}.(*controlBuffer).get < ${grpcTransport}.(*loopyWriter).run < ${grpcTransport}.NewHTTP2Client.func6`,
      `${grpcTransport}.NewHTTP2Client`,
    ),
  ],
  [
    'grpc-client-connection',
    goroutine(
      'IO wait',
      `${poll} < bufio.(*Reader).Read < io.ReadAtLeast < io.ReadFull < golang.org/x/net/http2.readFrameHeader < golang.org/x/net/http2.(*Framer).ReadFrame < ${grpcTransport}.(*http2Client).reader`,
      `${grpcTransport}.newHTTP2Client`,
    ),
  ],
  [
    'grpc-callback-serializer',
    goroutine(
      'select',
      'google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run',
      'google.golang.org/grpc/internal/grpcsync.NewCallbackSerializer',
    ),
  ],
  [
    'grpc-connection-watcher',
    goroutine(
      'select',
      'google.golang.org/grpc.(*ccBalancerWrapper).watcher',
      'google.golang.org/grpc.newCCBalancerWrapper',
    ),
  ],
  [
    'grpc-connection-watcher',
    goroutine(
      'select',
      'google.golang.org/grpc/internal/resolver/dns.(*dnsResolver).watcher',
      'google.golang.org/grpc/internal/resolver/dns.(*dnsBuilder).Build',
    ),
  ],
  [
    'grpc-client-stream',
    goroutine(
      'select',
      'google.golang.org/grpc.newClientStreamWithParams.func4',
      'google.golang.org/grpc.newClientStreamWithParams',
    ),
  ],
  [
    'grpc-client-stream',
    goroutine(
      'select',
      `${grpcTransport}.(*recvBufferReader).readMessageHeaderClient < ${grpcTransport}.(*recvBufferReader).ReadMessageHeader < ${grpcTransport}.(*transportReader).ReadMessageHeader < google.golang.org/grpc.(*parser).recvMsg < google.golang.org/grpc.recv < google.golang.org/grpc.(*clientStream).RecvMsg < main.follow`,
      'main.main',
    ),
  ],
  [
    'grpc-server-connection',
    goroutine(
      'select',
      `${grpcTransport}.(*controlBuffer).get < ${grpcTransport}.(*loopyWriter).run < ${grpcTransport}.NewServerTransport.func2`,
      `${grpcTransport}.NewServerTransport`,
    ),
  ],
  [
    'grpc-server-connection',
    goroutine(
      'IO wait',
      `${poll} < bufio.(*Reader).Read < io.ReadFull < golang.org/x/net/http2.(*Framer).ReadFrame < ${grpcTransport}.(*http2Server).HandleStreams < google.golang.org/grpc.(*Server).serveStreams < google.golang.org/grpc.(*Server).handleRawConn.func1`,
      'google.golang.org/grpc.(*Server).handleRawConn',
    ),
  ],
  [
    'grpc-handler-blocked',
    goroutine(
      'chan receive',
      'main.(*server).Watch < main._Watcher_Watch_Handler < google.golang.org/grpc.(*Server).processStreamingRPC < google.golang.org/grpc.(*Server).handleStream < google.golang.org/grpc.(*Server).serveStreams.func2.1',
      'google.golang.org/grpc.(*Server).serveStreams.func2',
    ),
  ],

  ['sql-open', goroutine('select', 'database/sql.(*DB).connectionOpener', 'database/sql.OpenDB')],
  ['sql-rows-or-tx', goroutine('chan receive', 'database/sql.(*Tx).awaitDone', 'database/sql.(*DB).beginDC')],
  ['sql-rows-or-tx', goroutine('select', 'database/sql.(*Rows).awaitDone', 'database/sql.(*Rows).initContextClose')],
  [
    'sql-pool-exhausted',
    goroutine(
      'select',
      'database/sql.(*DB).conn < database/sql.(*DB).query < database/sql.(*DB).QueryContext.func1 < database/sql.(*DB).retry < database/sql.(*DB).QueryContext',
      'main.main',
    ),
  ],
  [
    'mysql-connection-watcher',
    goroutine(
      'select',
      'github.com/go-sql-driver/mysql.(*mysqlConn).startWatcher.func1',
      'github.com/go-sql-driver/mysql.(*mysqlConn).startWatcher',
    ),
  ],
  [
    'postgres-query-watcher',
    goroutine('select', 'github.com/lib/pq.(*conn).watchCancel.func1', 'github.com/lib/pq.(*conn).watchCancel'),
  ],
  [
    'postgres-query-watcher',
    goroutine(
      'select',
      'github.com/jackc/pgx/v5/pgconn/internal/ctxwatch.(*ContextWatcher).Watch.func1',
      'github.com/jackc/pgx/v5/pgconn/internal/ctxwatch.(*ContextWatcher).Watch',
    ),
  ],
  [
    'postgres-listener',
    goroutine(
      'chan receive',
      'github.com/lib/pq.(*Listener).listenerConnLoop < github.com/lib/pq.(*Listener).listenerMain',
      'github.com/lib/pq.NewDialListener',
    ),
  ],
  [
    'pgx-pool',
    goroutine(
      'select',
      'github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck < github.com/jackc/pgx/v5/pgxpool.NewWithConfig.func4',
      'github.com/jackc/pgx/v5/pgxpool.NewWithConfig',
    ),
  ],
  [
    'pgx-pool-exhausted',
    goroutine(
      'select',
      'golang.org/x/sync/semaphore.(*Weighted).Acquire < github.com/jackc/puddle/v2.(*Pool[...]).acquire < github.com/jackc/puddle/v2.(*Pool[...]).Acquire < github.com/jackc/pgx/v5/pgxpool.(*Pool).Acquire < main.load',
      'main.main',
    ),
  ],
  [
    'sqlite-query',
    goroutine(
      'syscall',
      'github.com/mattn/go-sqlite3._Cfunc__sqlite3_step_row_internal < github.com/mattn/go-sqlite3.(*SQLiteStmt).execSync.func2 < github.com/mattn/go-sqlite3.(*SQLiteStmt).execSync < github.com/mattn/go-sqlite3.(*SQLiteStmt).exec.func1',
      'github.com/mattn/go-sqlite3.(*SQLiteStmt).exec',
    ),
  ],
  [
    'mongo-client',
    goroutine(
      'select',
      `${topology}.(*rttMonitor).runHellos < ${topology}.(*rttMonitor).start < ${topology}.(*rttMonitor).connect.func1`,
      `${topology}.(*rttMonitor).connect`,
    ),
  ],
  [
    'mongo-client',
    goroutine(
      'sync.Cond.Wait',
      `sync.runtime_notifyListWait < sync.(*Cond).Wait < ${topology}.(*pool).createConnections.func2 < ${topology}.(*pool).createConnections`,
      `${topology}.newPool`,
    ),
  ],
  [
    'mongo-pool-exhausted',
    goroutine('select', `${topology}.(*pool).checkOut < ${topology}.(*Server).Connection < main.find`, 'main.main'),
  ],
  [
    'redis-client',
    goroutine(
      'chan receive',
      'gopkg.in/redis%2ev5/internal/pool.(*ConnPool).reaper',
      'gopkg.in/redis%2ev5/internal/pool.NewConnPool',
    ),
  ],
  [
    'redis-client',
    goroutine(
      'select',
      'github.com/go-redis/redis/v8/internal/pool.(*ConnPool).reaper',
      'github.com/go-redis/redis/v8/internal/pool.NewConnPool',
    ),
  ],
  [
    'redis-subscription',
    goroutine(
      'select',
      'github.com/redis/go-redis/v9.(*channel).initHealthCheck.func1',
      'github.com/redis/go-redis/v9.(*channel).initHealthCheck',
    ),
  ],
  [
    'redis-pool-exhausted',
    goroutine(
      'select',
      'github.com/redis/go-redis/v9/internal.(*FastSemaphore).Acquire < github.com/redis/go-redis/v9/internal/pool.(*ConnPool).waitTurn < github.com/redis/go-redis/v9/internal/pool.(*ConnPool).getConn < github.com/redis/go-redis/v9/internal/pool.(*ConnPool).Get < main.get',
      'main.main',
    ),
  ],
  [
    'cassandra-session',
    goroutine('select', 'github.com/gocql/gocql.(*Conn).heartBeat', 'github.com/gocql/gocql.(*Conn).init'),
  ],
  [
    'etcd-watch',
    goroutine(
      'select',
      'go.etcd.io/etcd/client/v3.(*watchGRPCStream).serveSubstream',
      'go.etcd.io/etcd/client/v3.(*watchGRPCStream).run',
    ),
  ],
  [
    'etcd-watch',
    goroutine(
      'select',
      'github.com/coreos/etcd/clientv3.(*watchGrpcStream).run',
      'github.com/coreos/etcd/clientv3.(*watcher).newWatcherGrpcStream',
    ),
  ],
  [
    'etcd-lease',
    goroutine(
      'chan receive',
      'go.etcd.io/etcd/client/v3/concurrency.NewSession.func1',
      'go.etcd.io/etcd/client/v3/concurrency.NewSession',
    ),
  ],

  [
    'sarama-client',
    goroutine(
      'select',
      'github.com/IBM/sarama.(*client).backgroundMetadataUpdater < github.com/IBM/sarama.withRecover',
      'github.com/IBM/sarama.NewClient',
    ),
  ],
  [
    'sarama-client',
    goroutine(
      'chan receive',
      'github.com/Shopify/sarama.(*asyncProducer).retryHandler < github.com/Shopify/sarama.withRecover',
      'github.com/Shopify/sarama.newAsyncProducer',
    ),
  ],
  [
    'sarama-consumer',
    goroutine(
      'chan send',
      'github.com/IBM/sarama.(*partitionConsumer).responseFeeder < github.com/IBM/sarama.withRecover',
      'github.com/IBM/sarama.(*consumer).ConsumePartition',
    ),
  ],
  ['franz-go-client', goroutine('select', `${kgo}.(*Client).updateMetadataLoop`, `${kgo}.NewClient`)],
  [
    'kafka-go-reader',
    goroutine(
      'select',
      'github.com/segmentio/kafka-go.(*reader).run < github.com/segmentio/kafka-go.(*Reader).start.func1',
      'github.com/segmentio/kafka-go.(*Reader).start',
    ),
  ],
  [
    'nats-connection',
    goroutine(
      'IO wait',
      `${poll} < github.com/nats-io/nats%2ego.(*natsReader).Read < github.com/nats-io/nats%2ego.(*Conn).readLoop`,
      'github.com/nats-io/nats%2ego.(*Conn).processConnectInit',
    ),
  ],
  [
    'nats-subscription',
    goroutine(
      'sync.Cond.Wait',
      'sync.runtime_notifyListWait < sync.(*Cond).Wait < github.com/nats-io/nats%2ego.(*Conn).waitForMsgs',
      'github.com/nats-io/nats%2ego.(*Conn).subscribeLocked',
    ),
  ],
  [
    'amqp-connection',
    goroutine(
      'select',
      'github.com/rabbitmq/amqp091-go.(*Connection).heartbeater',
      'github.com/rabbitmq/amqp091-go.(*Connection).openTune',
    ),
  ],
  [
    'amqp-consumer',
    goroutine(
      'chan send',
      'github.com/streadway/amqp.(*consumers).buffer',
      'github.com/streadway/amqp.(*consumers).add',
    ),
  ],
  [
    'mqtt-client',
    goroutine(
      'select',
      'github.com/eclipse/paho%2emqtt%2egolang.keepalive',
      'github.com/eclipse/paho%2emqtt%2egolang.(*client).startCommsWorkers',
    ),
  ],
  [
    'zookeeper-connection',
    goroutine(
      'select',
      'github.com/go-zookeeper/zk.(*Conn).sendLoop < github.com/go-zookeeper/zk.(*Conn).loop.func1',
      'github.com/go-zookeeper/zk.(*Conn).loop',
    ),
  ],

  [
    'quic-transport',
    goroutine(
      'IO wait',
      'internal/poll.runtime_pollWait < internal/poll.(*pollDesc).wait < internal/poll.(*FD).RawRead < net.(*rawConn).Read < golang.org/x/net/internal/socket.(*Conn).recvMsgs < github.com/quic-go/quic-go.(*oobConn).ReadPacket < github.com/quic-go/quic-go.(*Transport).listen < github.com/quic-go/quic-go.(*Transport).init.func1.1',
      'github.com/quic-go/quic-go.(*Transport).init.func1',
    ),
  ],
  [
    'quic-connection',
    goroutine(
      'select',
      'github.com/quic-go/quic-go.(*Conn).run < github.com/quic-go/quic-go.(*Transport).doDial.func1',
      'github.com/quic-go/quic-go.(*Transport).doDial',
    ),
  ],
  [
    'ssh-connection',
    goroutine(
      'chan receive',
      'golang.org/x/crypto/ssh.(*handshakeTransport).kexLoop',
      'golang.org/x/crypto/ssh.newClientTransport',
    ),
  ],
  [
    'yamux-session',
    goroutine(
      'select',
      'github.com/hashicorp/yamux.(*Session).sendLoop < github.com/hashicorp/yamux.(*Session).send',
      'github.com/hashicorp/yamux.newSession',
    ),
  ],
  [
    'ldap-connection',
    goroutine(
      'select',
      'github.com/go-ldap/ldap/v3.(*Conn).processMessages',
      'github.com/go-ldap/ldap/v3.(*Conn).Start',
    ),
  ],
  [
    'dns-lookup-stuck',
    goroutine(
      'syscall',
      'net._C2func_getaddrinfo < net._C_getaddrinfo.func1 < net._C_getaddrinfo < net.cgoLookupHostIP < net.cgoLookupIP.func1 < net.doBlockingWithCtx[...].func1',
      'net.doBlockingWithCtx[...]',
    ),
  ],
  [
    'dns-lookup-stuck',
    goroutine(
      'select',
      'net.(*Resolver).lookupIPAddr < net.(*Resolver).internetAddrList < net.(*Resolver).resolveAddrList < net.(*Dialer).DialContext < main.dial',
      'main.main',
    ),
  ],
  ['network-read-without-deadline', goroutine('IO wait', poll, 'main.main')],
  [
    'network-read-without-deadline',
    goroutine(
      'IO wait',
      `${poll} < bufio.(*Reader).fill < bufio.(*Reader).ReadString < main.(*session).read`,
      'main.dial',
    ),
  ],

  [
    'kubernetes-informer',
    goroutine(
      'select',
      'k8s.io/client-go/tools/cache.handleAnyWatch[...] < k8s.io/client-go/tools/cache.handleWatch < k8s.io/client-go/tools/cache.(*Reflector).watch < k8s.io/client-go/tools/cache.(*Reflector).ListAndWatchWithContext < k8s.io/client-go/tools/cache.(*Reflector).RunWithContext.func1',
      'k8s.io/apimachinery/pkg/util/wait.(*Group).Start',
    ),
  ],
  [
    'kubernetes-informer',
    goroutine(
      'chan receive',
      'k8s.io/client-go/tools/cache.(*processorListener).run < k8s.io/apimachinery/pkg/util/wait.(*Group).Start.func1',
      'k8s.io/apimachinery/pkg/util/wait.(*Group).Start',
    ),
  ],
  [
    'kubernetes-watch',
    goroutine(
      'select',
      'k8s.io/apimachinery/pkg/watch.(*StreamWatcher).receive',
      'k8s.io/apimachinery/pkg/watch.NewStreamWatcher',
    ),
  ],
  [
    'kubernetes-workqueue',
    goroutine(
      'select',
      'k8s.io/client-go/util/workqueue.(*delayingType[...]).waitingLoop',
      'k8s.io/client-go/util/workqueue.newDelayingQueue[...]',
    ),
  ],
  [
    'kubernetes-workqueue',
    goroutine(
      'sync.Cond.Wait',
      'sync.runtime_notifyListWait < sync.(*Cond).Wait < k8s.io/client-go/util/workqueue.(*Typed[...]).Get < main.(*controller).worker',
      'main.(*controller).Run',
    ),
  ],
  [
    'kubernetes-event-broadcaster',
    goroutine(
      'chan receive',
      'k8s.io/apimachinery/pkg/watch.(*Broadcaster).loop',
      'k8s.io/apimachinery/pkg/watch.NewLongQueueBroadcaster',
    ),
  ],

  [
    'telemetry-provider',
    goroutine(
      'select',
      'go.opentelemetry.io/otel/sdk/trace.(*batchSpanProcessor).processQueue < go.opentelemetry.io/otel/sdk/trace.NewBatchSpanProcessor.func1',
      'go.opentelemetry.io/otel/sdk/trace.NewBatchSpanProcessor',
    ),
  ],
  [
    'sentry-client',
    goroutine(
      'select',
      'github.com/getsentry/sentry-go.(*HTTPTransport).worker',
      'github.com/getsentry/sentry-go.(*HTTPTransport).Configure.func1',
    ),
  ],
  [
    'statsd-client',
    goroutine(
      'select',
      'github.com/DataDog/datadog-go/v5/statsd.(*sender).sendLoop',
      'github.com/DataDog/datadog-go/v5/statsd.newSender',
    ),
  ],
  [
    'lumberjack-logger',
    goroutine(
      'chan receive',
      'runtime.gopark < runtime.chanrecv < runtime.chanrecv2 < gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun < gopkg.in/natefinch/lumberjack%2ev2.(*Logger).mill.func1.1',
      'gopkg.in/natefinch/lumberjack%2ev2.(*Logger).mill.func1',
    ),
  ],
  [
    'zap-buffered-writer',
    goroutine(
      'select',
      'go.uber.org/zap/zapcore.(*BufferedWriteSyncer).flushLoop',
      'go.uber.org/zap/zapcore.(*BufferedWriteSyncer).initialize',
    ),
  ],
  [
    'cron-not-stopped',
    goroutine('select', 'github.com/robfig/cron/v3.(*Cron).run', 'github.com/robfig/cron/v3.(*Cron).Start'),
  ],
  [
    'cache-janitor',
    goroutine('select', 'github.com/patrickmn/go-cache.(*janitor).Run', 'github.com/patrickmn/go-cache.runJanitor'),
  ],
  [
    'cache-janitor',
    goroutine(
      'select',
      'github.com/hashicorp/golang-lru/v2/expirable.NewLRU[...].func1',
      'github.com/hashicorp/golang-lru/v2/expirable.NewLRU[...]',
    ),
  ],
  [
    'zstd-decoder',
    goroutine(
      'chan receive',
      'github.com/klauspost/compress/zstd.(*Decoder).startStreamDecoder.func1',
      'github.com/klauspost/compress/zstd.(*Decoder).startStreamDecoder',
    ),
  ],
  [
    'zstd-decoder',
    goroutine(
      'chan receive',
      'github.com/klauspost/compress/zstd.(*blockDec).startDecoder',
      'github.com/klauspost/compress/zstd.newBlockDec',
    ),
  ],
  [
    'backoff-ticker',
    goroutine(
      'select',
      'github.com/cenkalti/backoff/v4.(*Ticker).send < github.com/cenkalti/backoff/v4.(*Ticker).run',
      'github.com/cenkalti/backoff/v4.NewTickerWithTimer',
    ),
  ],
  [
    'file-watcher',
    goroutine(
      'IO wait',
      'internal/poll.runtime_pollWait < internal/poll.(*pollDesc).wait < internal/poll.(*FD).Read < os.(*File).read < os.(*File).Read < github.com/fsnotify/fsnotify.(*inotify).readEvents',
      'github.com/fsnotify/fsnotify.newBackend',
    ),
  ],
  [
    'file-watcher',
    goroutine(
      'select',
      'github.com/fsnotify/fsnotify.(*Watcher).sendEvent < github.com/fsnotify/fsnotify.(*Watcher).readEvents',
      'github.com/fsnotify/fsnotify.NewWatcher',
    ),
  ],

  [
    'context-not-cancelled',
    heapSite('context.(*cancelCtx).propagateCancel < context.withCancel < context.WithCancel < main.handle'),
  ],
  [
    'context-not-cancelled',
    heapSite('context.WithDeadlineCause < context.WithDeadline < context.WithTimeout < main.handle'),
  ],
  // Go 1.19.
  ['context-not-cancelled', heapSite('context.propagateCancel < context.WithCancel < main.handle')],
  [
    'context-watcher',
    goroutine('select', 'context.(*cancelCtx).propagateCancel.func2', 'context.(*cancelCtx).propagateCancel'),
  ],
  ['context-watcher', goroutine('select', 'context.propagateCancel.func1', 'context.propagateCancel')],
  ['signal-context', goroutine('select', 'os/signal.NotifyContext.func1', 'os/signal.NotifyContext')],
  ['timer-in-loop', heapSite('time.NewTimer < time.After < main.loop')],
  // Go 1.19.
  ['timer-in-loop', heapSite('time.startTimer < time.NewTimer < main.loop')],
  ['ticker-not-stopped', heapSite('time.NewTicker < time.Tick < main.(*poller).run')],
  [
    'iterator-not-stopped',
    goroutine('coroutine', 'iter.Pull[...].func1.1 < main.main.func1 < iter.Pull[...].func1', 'iter.Pull[...]'),
  ],
  [
    'iterator-not-stopped',
    goroutine(
      'coroutine',
      'runtime.coroswitch < iter.Pull2[go.shape.int,go.shape.int].func1.1 < main.main.func2 < iter.Pull2[go.shape.int,go.shape.int].func1 < runtime.corostart',
    ),
  ],

  ['nil-channel', goroutine('chan receive (nil chan)', 'main.main.func13', 'main.main')],
  ['nil-channel', goroutine('chan send (nil chan) (leaked)', 'main.main.func14', 'main.main')],
  ['empty-select', goroutine('select (no cases)', 'main.main.func12', 'main.main')],
  ['channel-send-abandoned', goroutine('chan send', 'main.finishRequest.func1', 'main.finishRequest')],
  ['channel-send-abandoned', goroutine('chan send (leaked)', 'main.main.func15', 'main.main')],
  // The compiler has inlined Early into main.
  ['channel-send-abandoned', goroutine('chan send', 'main.main.Early.func3', 'main.main')],
  [
    'channel-send-abandoned',
    goroutine('chan send', 'main.fetch.func2 < sync.(*WaitGroup).Go.func1', 'sync.(*WaitGroup).Go'),
  ],
  // Profiles do not tell the creator.
  [
    'channel-send-abandoned',
    goroutine('chan send', 'runtime.gopark < runtime.chansend < runtime.chansend1 < main.fetch.func2 < runtime.goexit'),
  ],
  [
    'range-over-open-channel',
    goroutine('chan receive', 'runtime.gopark < runtime.chanrecv < runtime.chanrecv2 < main.main.func15'),
  ],
  ['loop-not-stopped', goroutine('select', 'main.(*Worker).Start.func1', 'main.(*Worker).Start')],
  [
    'loop-not-stopped',
    goroutine(
      'select',
      'github.com/prometheus/prometheus/storage/remote.(*WriteStorage).run',
      'github.com/prometheus/prometheus/storage/remote.NewWriteStorage',
    ),
  ],
  [
    'waitgroup-stuck',
    goroutine('sync.WaitGroup.Wait', 'sync.runtime_SemacquireWaitGroup < sync.(*WaitGroup).Wait', 'main.main'),
  ],
  // Go 1.23.
  [
    'waitgroup-stuck',
    goroutine('semacquire', 'sync.runtime_Semacquire < sync.(*WaitGroup).Wait < main.wait', 'main.main'),
  ],
  [
    'cond-stuck',
    goroutine('sync.Cond.Wait', 'sync.runtime_notifyListWait < sync.(*Cond).Wait < main.main.func11', 'main.main'),
  ],
  [
    'lock-stuck',
    goroutine(
      'sync.Mutex.Lock',
      'internal/sync.runtime_SemacquireMutex < internal/sync.(*Mutex).lockSlow < internal/sync.(*Mutex).Lock < sync.(*Mutex).Lock < sync.(*RWMutex).Lock',
      'main.main',
    ),
  ],
  [
    'lock-stuck',
    goroutine('sync.RWMutex.RLock', 'sync.runtime_SemacquireRWMutexR < sync.(*RWMutex).RLock', 'main.main'),
  ],
  // Go 1.19.
  [
    'lock-stuck',
    goroutine(
      'semacquire',
      'sync.runtime_SemacquireMutex < sync.(*Mutex).lockSlow < sync.(*Mutex).Lock < main.(*store).get',
      'main.main',
    ),
  ],
  [
    'once-stuck',
    goroutine(
      'sync.Mutex.Lock',
      'internal/sync.runtime_SemacquireMutex < internal/sync.(*Mutex).lockSlow < internal/sync.(*Mutex).Lock < sync.(*Mutex).Lock < sync.(*Once).doSlow < sync.(*Once).Do',
      'main.main',
    ),
  ],
  [
    'group-wait',
    goroutine(
      'sync.WaitGroup.Wait',
      'sync.runtime_SemacquireWaitGroup < sync.(*WaitGroup).Wait < golang.org/x/sync/errgroup.(*Group).Wait < main.run',
      'main.main',
    ),
  ],
  ['group-wait', goroutine('select', 'golang.org/x/sync/semaphore.(*Weighted).Acquire < main.limited', 'main.main')],
  [
    'group-wait',
    goroutine(
      'sync.WaitGroup.Wait',
      'sync.runtime_SemacquireWaitGroup < sync.(*WaitGroup).Wait < golang.org/x/sync/singleflight.(*Group).Do < main.load',
      'main.main',
    ),
  ],

  ['command-not-waited', goroutine('select', 'os/exec.(*Cmd).watchCtx', 'os/exec.(*Cmd).Start')],
  [
    'command-not-waited',
    goroutine(
      'IO wait',
      'internal/poll.runtime_pollWait < internal/poll.(*pollDesc).wait < internal/poll.(*FD).Read < os.(*File).read < os.(*File).Read < bytes.(*Buffer).ReadFrom < io.copyBuffer < io.Copy < os.genericWriteTo < os.(*File).WriteTo < io.copyBuffer < io.Copy < os/exec.(*Cmd).writerDescriptor.func1 < os/exec.(*Cmd).Start.func2',
      'os/exec.(*Cmd).Start',
    ),
  ],
  // Go 1.19.
  ['command-not-waited', goroutine('select', 'os/exec.(*Cmd).Start.func2', 'os/exec.(*Cmd).Start')],
  ['pipe-half-open', goroutine('select', 'io.(*pipe).read < io.(*PipeReader).Read', 'main.main')],
  ['pipe-half-open', goroutine('select', 'io.(*pipe).write < io.(*PipeWriter).Write', 'main.main')],
  ['finalizer-stuck', goroutine('chan receive', 'main.main.main.func3.func20 < runtime.runFinalizers')],
  [
    'finalizer-stuck',
    goroutine(
      'sync.Mutex.Lock',
      'internal/sync.runtime_SemacquireMutex < internal/sync.(*Mutex).lockSlow < sync.(*Mutex).Lock < main.(*file).close < runtime.runfinq',
      'runtime.createfing',
    ),
  ],
  ['cgo-call-stuck', goroutine('syscall', 'runtime.cgocall < main._Cfunc_wait_for_device < main.read', 'main.main')],
  ['cgo-call-stuck', goroutine('syscall', 'main._Cfunc_wait_for_device < main.read', 'main.main')],

  [
    'prometheus-cardinality',
    heapSite(
      'github.com/prometheus/client_golang/prometheus.NewCounterVec.func1 < github.com/prometheus/client_golang/prometheus.(*metricMap).getOrCreateMetricWithLabelValues < github.com/prometheus/client_golang/prometheus.(*MetricVec).GetMetricWithLabelValues < github.com/prometheus/client_golang/prometheus.(*CounterVec).WithLabelValues < main.count',
    ),
  ],
  [
    'telemetry-cardinality',
    heapSite(`${otelAggregate}.newBuckets[...] < ${otelAggregate}.(*histValues[...]).measure < main.observe`),
  ],
  [
    'telemetry-cardinality',
    heapSite(
      'reflect.New < go.opentelemetry.io/otel/attribute.computeDistinctReflect < go.opentelemetry.io/otel/attribute.NewSet < main.observe',
    ),
  ],
  [
    'regexp-compile',
    heapSite(
      'regexp/syntax.(*compiler).inst < regexp/syntax.(*compiler).rune < regexp/syntax.Compile < regexp.compile < regexp.Compile < main.matcher',
    ),
  ],
  [
    'logger-chain',
    heapSite(
      'github.com/sirupsen/logrus.(*Entry).WithFields < github.com/sirupsen/logrus.(*Logger).WithFields < main.handle',
    ),
  ],
  [
    'logger-chain',
    heapSite(
      'log/slog.(*commonHandler).withAttrs < log/slog.(*JSONHandler).WithAttrs < log/slog.(*Logger).With < main.handle',
    ),
  ],
  [
    'request-traces',
    heapSite('golang.org/x/net/trace.NewEventLog < google.golang.org/grpc.(*Server).newHTTP2Transport'),
  ],
  ['profiler-labels', heapSite('runtime/pprof.WithLabels < runtime/pprof.Do < main.work')],
  ['large-buffers', heapSite('bytes.growSlice < bytes.(*Buffer).grow < bytes.(*Buffer).Write < main.render', 1 << 20)],
  ['retained-backing-array', heapSite('io.ReadAll < main.load', 256 * 1024)],
  [
    'map-growth',
    heapSite(
      'runtime.newarray < runtime.makeBucketArray < runtime.hashGrow < runtime.mapassign_faststr < main.(*cache).put',
    ),
  ],
  [
    'map-growth',
    heapSite(
      'internal/sync.newEntryNode[...] < internal/sync.(*HashTrieMap[...]).Swap < sync.(*Map).Swap < sync.(*Map).Store < main.(*cache).put',
    ),
  ],
  ['map-growth', heapSite('container/list.(*List).insertValue < container/list.(*List).PushFront < main.(*lru).add')],
  ['append-growth', heapSite('runtime.mallocgc < runtime.growslice < main.(*history).add')],
  ['goroutine-memory', heapSite('runtime.malg < runtime.newproc1 < runtime.newproc.func1 < runtime.systemstack')],
];
