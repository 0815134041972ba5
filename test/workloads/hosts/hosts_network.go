package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// What passes messages on.
func init() {
	hosts["nats"] = &host{
		project: "nats-server", binary: "nats-server", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			err := in.write("nats.conf", fmt.Sprintf(
				"listen: %q\nprof_port: %d\nhttp: %q\njetstream { store_dir: %q, max_mem: 256M, max_file: 2G }\nmax_connections: 30000\nwrite_deadline: \"20s\"\n",
				in.address(0), in.ports[1], in.address(2), filepath.Join(in.dir, "js")))
			return []string{"-c", "nats.conf"}, err
		},
		loads: map[string]load{
			"subscribers": {"per client a read loop (IO wait) and a write loop (sync.Cond.Wait); as many as clients are connected",
				natsClient("room.{id}", "room.{ten}", 2*time.Second, 200)},
			"idle": {"per client a read loop (IO wait) and a write loop (sync.Cond.Wait); as many as clients are connected", natsClient("room.{id}", "", 0, 0)},
			"fan-out": {"per client a read loop and a write loop (sync.Cond.Wait), all subscribed to one subject; buffers follow the messages in flight",
				natsClient("all.>", "all.{ten}", 5*time.Second, 2000)},
			"consumers": {"per JetStream consumer its delivery loop (select) and its timers; deleted when the reader goes", natsJetStream(false)},
			"streams":   {"per JetStream stream its internal loop (select) and its store's flusher; deleted with the work", natsJetStream(true)},
		},
	}
	hosts["caddy"] = &host{
		project: "caddy", binary: "caddy", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			err := in.write("caddy.json", fill(fmt.Sprintf(`{
 "admin": {"listen": %q}, "apps": {"http": {"servers": {"main": {"listen": [%q], "automatic_https": {"disable": true}, "routes": [
  {"match": [{"path": ["/slow", "/events", "/hook"]}], "handle": [{"handler": "reverse_proxy", "flush_interval": -1, "upstreams": [{"dial": "{backend}"}]}]},
  {"match": [{"path": ["*.txt"]}], "handle": [{"handler": "file_server", "root": %[3]q}]},
  {"handle": [{"handler": "encode", "encodings": {"gzip": {}}, "prefer": ["gzip"]}, {"handler": "templates"}, {"handler": "file_server", "root": %[3]q}]}
 ]}}}}}`, in.address(1), in.address(0), in.dir+"/site"), in, 0))
			if err == nil {
				err = in.write("site/index.html", "<p>{{now}}</p>"+strings.Repeat("<p>all is well</p>\n", 400))
			}
			if err == nil {
				err = in.write("site/big.txt", strings.Repeat("0123456789abcde\n", 1<<18))
			}
			return []string{"run", "--config", "caddy.json"}, err
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/index.html", 2*time.Second)},
			"streams": {"per stream through the proxy a handler, a flusher (select) and the transport's loops; as many as clients listen",
				stream(http.MethodGet, 0, "/events", "")},
			"slow":      {"requests to a slow upstream: handlers in select in the transport's roundTrip, as many as are in flight", keepAlive(0, "/slow?ms=3000", 300*time.Millisecond)},
			"downloads": {"downloads by clients that read slowly; handlers in IO wait as many as downloads in flight", slowReader(0, "/big.txt", 30000)},
		},
	}
	hosts["gobgp"] = &host{project: "gobgp", binary: "gobgpd", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			err := in.write("gobgp.toml", fmt.Sprintf(
				"[global.config]\n  as = 65000\n  router-id = \"10.0.0.1\"\n  port = %d\n  local-address-list = [\"127.0.0.1\"]\n", in.ports[0]))
			return []string{"-f", "gobgp.toml", "--log-level=error", "--api-hosts", in.address(2), "--pprof-host", in.address(1)}, err
		},
		loads: map[string]load{
			"neighbors": {"per configured neighbour its state machine's loops (select); deleted with the neighbour", func(ctx context.Context, in *instance, id int) error {
				neighbor := fmt.Sprintf("127.%d.%d.%d", 1+id>>16&63, id>>8&255, id&255)
				if err := in.bgp(ctx, "neighbor", "add", neighbor, "as", "65001"); err != nil {
					return err
				}
				<-ctx.Done()
				last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				return in.bgp(last, "neighbor", "del", neighbor)
			}},
			"routes": {"the routing table grows with the routes that are announced and shrinks with those withdrawn", func(ctx context.Context, in *instance, id int) error {
				prefix := fmt.Sprintf("10.%d.%d.0/24", id>>8&255, id&255)
				if err := in.bgp(ctx, "global", "rib", "add", prefix, "nexthop", "10.0.0.9"); err != nil {
					return err
				}
				<-ctx.Done()
				last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				return in.bgp(last, "global", "rib", "del", prefix, "nexthop", "10.0.0.9")
			}},
		},
	}
}

func natsJetStream(streams bool) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		name, subject := "shared", "work.>"
		if streams {
			name, subject = fmt.Sprintf("s%d", id), fmt.Sprintf("own.%d.>", id)
		}
		api := func(ctx context.Context, call, body string) error {
			_, err := natsRequest(ctx, in.address(0), "$JS.API."+call, body)
			return err
		}
		if err := api(ctx, "STREAM.CREATE."+name, fmt.Sprintf(
			`{"name":%q,"subjects":[%q],"storage":"file","retention":"limits","max_msgs":2000,"num_replicas":1}`, name, subject)); err != nil {
			return err
		}
		end := "STREAM.DELETE." + name
		if !streams {
			durable := fmt.Sprintf("c%d", id)
			if err := api(ctx, "CONSUMER.DURABLE.CREATE."+name+"."+durable, fmt.Sprintf(
				`{"stream_name":%q,"config":{"durable_name":%q,"ack_policy":"none","deliver_policy":"new","deliver_subject":"to.%d"}}`, name, durable, id)); err != nil {
				return err
			}
			end = "CONSUMER.DELETE." + name + "." + durable
		}
		defer func() {
			last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := api(last, end, ""); err != nil {
				in.complain(err)
			}
		}()
		publish := "work.{ten}"
		if streams {
			publish = "own.{id}.a"
		}
		if id%8 != 0 {
			publish = ""
		}
		return natsClient("to.{id}", publish, 2*time.Second, 300)(ctx, in, id)
	}
}

// bgp runs the command line of the router, which stands beside it.
func (in *instance) bgp(ctx context.Context, args ...string) error {
	_, port, _ := strings.Cut(in.address(2), ":")
	command := exec.CommandContext(ctx, strings.TrimSuffix(in.path, "d"), append([]string{"-p", port}, args...)...)
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("gobgp %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}
