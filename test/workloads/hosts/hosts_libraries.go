package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The programs of the folder services, around libraries that many services are made of.
func init() {
	own := func(in *instance) ([]string, error) {
		return []string{"-addr", in.address(0), "-debug", in.address(1)}, nil
	}
	all := func(in *instance, port int) string {
		var addresses []string
		for _, other := range in.window.instances {
			addresses = append(addresses, other.address(port))
		}
		return strings.Join(addresses, ",")
	}
	hosts["chat"] = &host{project: "chat (gorilla/websocket)", binary: "chat", pprofPort: 1, arguments: own, loads: map[string]load{
		"members": {"per member a reader (IO wait) and a writer (select), per room one hub with a bounded history", webSocket("/rooms/r{ten}", 3*time.Second, 300)},
	}}
	hosts["rpc"] = &host{project: "grpc-go", binary: "rpc", pprofPort: 1, arguments: own, loads: map[string]load{
		"watches": {"per client a transport's reader, writer (select) and keep-alive, per stream its handler (select)", grpcStream("/grpc.health.v1.Health/Watch")},
	}}
	hosts["shop"] = &host{project: "shop (gin, database/sql)", binary: "shop", pprofPort: 1, arguments: own, loads: map[string]load{
		"orders":      {"orders beyond the pool's four connections wait in database/sql (select); as many as customers", keepOrdering},
		"articles":    {"a bounded cache of articles warms up to its bound", keepAlive(0, "/articles/{random}", 30*time.Millisecond)},
		"connections": {accepted, keepAlive(0, "/articles/{thousand}", 2*time.Second)},
	}}
	hosts["kv"] = &host{project: "kv (badger)", binary: "kv", pprofPort: 1, arguments: own, loads: map[string]load{
		"writes": {"memtables fill and are flushed, tables are compacted in batches; values live a minute", func(ctx context.Context, in *instance, id int) error {
			client, end := ownClient()
			defer end()
			for ctx.Err() == nil {
				if _, err := send(ctx, client, http.MethodPut, fill("http://"+in.address(0)+"/k{thousand}-{ten}", in, id), strings.Repeat("value ", 300)); err != nil {
					return err
				}
				pause(ctx, jitter(60*time.Millisecond))
			}
			return nil
		}},
		"connections": {accepted, keepAlive(0, "/", 2*time.Second)},
	}}
	hosts["consensus"] = &host{project: "consensus (hashicorp/raft)", binary: "consensus", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			return []string{"-addr", in.address(0), "-debug", in.address(1), "-raft", in.address(2), "-peers", all(in, 2)}, nil
		},
		loads: map[string]load{
			"adds": {"appliers wait for the quorum (select); the log is cut by snapshots", func(ctx context.Context, in *instance, id int) error {
				client, end := ownClient()
				defer end()
				for ctx.Err() == nil {
					if _, err := send(ctx, client, http.MethodPost, "http://"+in.address(0)+"/add", strings.Repeat("x", 1+id%900)); err != nil {
						return err
					}
					pause(ctx, jitter(150*time.Millisecond))
				}
				return nil
			}},
			"readers": {"blocking reads wait for the counter to move on (select); as many as readers", stream(http.MethodGet, 0, "/next", "")},
		},
	}
	hosts["broker"] = &host{project: "broker (mochi-mqtt)", binary: "broker", pprofPort: 1, arguments: own, loads: map[string]load{
		"devices": {"per device a reader (IO wait), a writer (chan receive) and its buffers", mqttClient("to/{id}", "from/{ten}", 3*time.Second, 200)},
		"listeners": {"per device a reader and a writer, all subscribed to the same topics; buffers follow the messages in flight",
			mqttClient("from/#", "from/{ten}", 20*time.Second, 400)},
	}}
	hosts["resolver"] = &host{project: "resolver (miekg/dns)", binary: "resolver", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			return []string{"-addr", in.address(0), "-debug", in.address(1), "-upstream", in.address(2)}, nil
		},
		loads: map[string]load{
			"questions": {"per client a reader; questions in flight wait for the upstream, later ones for the same name in singleflight (semacquire); answers live 20 s",
				dnsClient(3000, 150*time.Millisecond)},
			"same-name": {"many questions for few names wait in singleflight for one answer (semacquire); as many as clients", dnsClient(400, 50*time.Millisecond)},
		},
	}
	hosts["queue"] = &host{project: "queue (asynq, miniredis)", binary: "queue", pprofPort: 1, arguments: own, loads: map[string]load{
		"reports": {"callers wait for their task (select), beyond the pool's size in a queue; workers as many as tasks at work", func(ctx context.Context, in *instance, id int) error {
			client, end := ownClient()
			defer end()
			for ctx.Err() == nil {
				if _, err := send(ctx, client, http.MethodPost, "http://"+in.address(0)+"/reports", ""); err != nil {
					return err
				}
				pause(ctx, jitter(time.Second))
			}
			return nil
		}},
	}}
	hosts["front"] = &host{project: "front (fiber)", binary: "front", pprofPort: 1, arguments: own, loads: map[string]load{
		"pages": {"requests wait for one lock (sync.Mutex.Lock); as many as clients ask", keepAlive(0, "/pages/{id}", 200*time.Millisecond)},
		"fan":   {"requests wait for their parts (sync.WaitGroup.Wait), parts sleep; as many as are in flight", keepAlive(0, "/fan/12", 500*time.Millisecond)},
		"short": {"connections come and go; idle workers of the pool stay ten seconds (chan receive)", func(ctx context.Context, in *instance, id int) error {
			return oneRequest(ctx, in, "/fan/4", id)
		}},
	}}
	hosts["mail"] = &host{project: "mail (go-smtp)", binary: "mail", pprofPort: 1, arguments: own, loads: map[string]load{
		"senders": {"per sender one session (IO wait); the last thousand messages are kept, a bounded store that fills",
			lineClient(0, "EHLO localhost\r\n", "MAIL FROM:<a@localhost>\r\nRCPT TO:<b@localhost>\r\nDATA\r\n"+strings.Repeat("all is well {random}\r\n", 60)+".\r\n", 2*time.Second)},
	}}
	hosts["cachepeer"] = &host{project: "cachepeer (groupcache)", binary: "cachepeer", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			return []string{"-addr", in.address(0), "-debug", in.address(1), "-peers", all(in, 0)}, nil
		},
		loads: map[string]load{
			"thumbnails": {"misses sleep for the source or wait for a peer, later ones wait for the same fetch (sync.WaitGroup.Wait); the cache warms to its bound",
				keepAlive(0, "/thumbnails/t{thousand}-{ten}", 100*time.Millisecond)},
		},
	}
	hosts["gossip"] = &host{project: "gossip (memberlist)", binary: "gossip", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			join := ""
			if in.index > 0 {
				join = in.window.instances[0].address(2)
			}
			return []string{"-addr", in.address(0), "-debug", in.address(1), "-gossip", fmt.Sprint(in.ports[2]), "-join", join}, nil
		},
		loads: map[string]load{
			"sessions": {"per live session one goroutine that sleeps until it ends, 15 s after the last touch, on each member", func(ctx context.Context, in *instance, id int) error {
				for ctx.Err() == nil {
					if _, err := in.call(ctx, http.MethodPost, fmt.Sprintf("http://%s/sessions/%s-%d", in.address(0), in.name, id), ""); err != nil {
						return err
					}
					pause(ctx, jitter(7*time.Second))
				}
				return nil
			}},
			"readers": {"readers wait for the next session (sync.Cond.Wait); as many as readers", stream(http.MethodGet, 0, "/next", "")},
		},
	}
}

func keepOrdering(ctx context.Context, in *instance, id int) error {
	client, end := ownClient()
	defer end()
	for ctx.Err() == nil {
		if _, err := send(ctx, client, http.MethodPost, fmt.Sprintf("http://%s/orders/%d", in.address(0), id), ""); err != nil {
			return err
		}
		pause(ctx, jitter(400*time.Millisecond))
	}
	return nil
}

// oneRequest is a client that closes its connection after each request.
func oneRequest(ctx context.Context, in *instance, path string, id int) error {
	client, end := ownClient()
	defer end()
	_, err := send(ctx, client, http.MethodGet, "http://"+in.address(0)+fill(path, in, id), "")
	return err
}
