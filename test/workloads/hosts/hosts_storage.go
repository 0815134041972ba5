package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What keeps files and keys.
func init() {
	hosts["etcd"] = &host{
		project: "etcd", binary: "etcd",
		arguments: func(in *instance) ([]string, error) {
			var members []string
			for _, other := range in.window.instances {
				members = append(members, fmt.Sprintf("%s=http://%s", other.name, other.address(1)))
			}
			client, peer := "http://"+in.address(0), "http://"+in.address(1)
			return []string{"--name", in.name, "--data-dir", "data", "--enable-pprof", "--unsafe-no-fsync", "--snapshot-count=5000",
				"--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
				"--initial-cluster", strings.Join(members, ","), "--auto-compaction-mode=revision", "--auto-compaction-retention=2000", "--log-level=error"}, nil
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/version", 2*time.Second)},
			"watchers": {"per watcher a stream with its send loop (select) and the gateway's goroutines; as many as watchers are open",
				stream(http.MethodPost, 0, "/v3/watch", `{"create_request":{"key":"YQ==","range_end":"Yg=="}}`)},
			"writes": {"keys written and overwritten; the key index grows to its bound and old revisions are compacted away", etcdPut},
			"leases": {"leases that are kept alive while their holder lives, then expire", etcdLease},
		},
	}
	hosts["registry"] = &host{project: "docker-registry", binary: "docker-registry", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			err := in.write("registry.yml", fmt.Sprintf(`version: 0.1
log: {level: error}
storage:
  cache: {blobdescriptor: inmemory}
  filesystem: {rootdirectory: %s}
http:
  addr: %s
  secret: window
  debug: {addr: %s}
`, filepath.Join(in.dir, "blobs"), in.address(0), in.address(1)))
			return []string{"serve", "registry.yml"}, err
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/v2/", 2*time.Second)},
			"uploads": {"uploads that trickle in: per upload a handler that reads its body (IO wait) and a file; as many as are in flight", func(ctx context.Context, in *instance, id int) error {
				client, end := ownClient()
				defer end()
				for ctx.Err() == nil {
					location, err := startUpload(ctx, client, "http://"+in.address(0)+fmt.Sprintf("/v2/images/i%d/blobs/uploads/", id%20))
					if err != nil {
						return err
					}
					request, err := http.NewRequestWithContext(ctx, http.MethodPatch, location, &trickle{ctx: ctx, left: 40})
					if err != nil {
						return err
					}
					response, err := client.Do(request)
					if err != nil {
						return err
					}
					last := response.Header.Get("Location")
					response.Body.Close()
					if _, err := send(ctx, client, http.MethodDelete, last, ""); err != nil {
						return err
					}
				}
				return nil
			}},
		},
	}
	hosts["rclone"] = &host{project: "rclone", binary: "rclone", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			err := in.write("files/big.bin", strings.Repeat("0123456789abcdef", 1<<18))
			for n := 0; err == nil && n < 1000; n++ {
				err = in.write(fmt.Sprintf("files/f%d.txt", n), strings.Repeat("a file\n", 1000))
			}
			return []string{"serve", "webdav", filepath.Join(in.dir, "files"), "--addr", in.address(0), "--rc", "--rc-addr", in.address(1), "--rc-no-auth",
				"--vfs-cache-mode", "full", "--vfs-cache-max-size", "2M", "--vfs-cache-poll-interval", "10s", "--cache-dir", filepath.Join(in.dir, "cache"), "--log-level", "ERROR"}, err
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/f{thousand}.txt", 2*time.Second)},
			"downloads":   {"downloads by clients that read slowly; per download a handler in IO wait and an open file of the cache", slowReader(0, "/big.bin", 30000)},
			"files": {"the tree of files and their cache entries warm up to a thousand files; old ones are thrown out by size",
				keepAlive(0, "/f{thousand}.txt", 150*time.Millisecond)},
			"jobs": {"asynchronous jobs: per running job a goroutine, finished ones are kept a minute", func(ctx context.Context, in *instance, id int) error {
				body := fmt.Sprintf(`{"_async":true,"fs":%q,"remote":""}`, filepath.Join(in.dir, "files"))
				_, err := in.call(ctx, http.MethodPost, "http://"+in.address(1)+"/operations/list", body)
				if err == nil {
					pause(ctx, jitter(3*time.Second))
				}
				return err
			}},
		},
	}
	hosts["syncthing"] = &host{project: "syncthing", binary: "syncthing", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			var err error
			if !exists(filepath.Join(in.dir, "home", "config.xml")) {
				// Nothing of it may leave the machine: no discovery, no relays, no reports.
				err = in.write("home/config.xml", fmt.Sprintf(`<configuration version="35">
<gui enabled="true" tls="false"><address>%s</address><apikey>window</apikey></gui>
<options><listenAddress>tcp://%s</listenAddress><globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
<relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><urAccepted>-1</urAccepted><crashReportingEnabled>false</crashReportingEnabled>
<startBrowser>false</startBrowser><autoUpgradeIntervalH>0</autoUpgradeIntervalH><stunKeepaliveStartS>0</stunKeepaliveStartS></options>
</configuration>`, in.address(0), in.address(2)))
			}
			return []string{"serve", "--home=home", "--no-browser", "--no-restart", "--no-default-folder", "--skip-port-probing", "--logfile=-"}, err
		},
		environment: func(in *instance) []string {
			return []string{"STPROFILER=" + in.address(1), "STNOUPGRADE=1", "STNODEFAULTFOLDER=1"}
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/rest/noauth/health", 2*time.Second)},
			"events": {"per long poll a handler that waits for events (select); as many as clients listen", func(ctx context.Context, in *instance, id int) error {
				client, end := ownClient()
				defer end()
				for ctx.Err() == nil {
					if err := in.syncthing(ctx, client, http.MethodGet, "/rest/events?since=1000000&timeout=30", ""); err != nil {
						return err
					}
				}
				return nil
			}},
			"folders": {"per folder its service (select), its watcher and its puller's loops; they end with the folder", func(ctx context.Context, in *instance, id int) error {
				path := filepath.Join(in.dir, fmt.Sprintf("folder%d", id))
				if err := os.MkdirAll(path, 0o755); err != nil {
					return err
				}
				for n := 0; n < 5; n++ {
					if err := os.WriteFile(filepath.Join(path, fmt.Sprintf("f%d", n)), []byte(strings.Repeat("content ", 1000)), 0o644); err != nil {
						return err
					}
				}
				location := fmt.Sprintf("/rest/config/folders/w%d", id)
				if err := in.syncthing(ctx, in.client, http.MethodPut, location, fmt.Sprintf(`{"id":"w%d","path":%q,"rescanIntervalS":20}`, id, path)); err != nil {
					return err
				}
				<-ctx.Done()
				last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				return in.syncthing(last, in.client, http.MethodDelete, location, "")
			}},
		},
	}
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// etcdPut overwrites keys of its own, so that watchers have something to see.
func etcdPut(ctx context.Context, in *instance, id int) error {
	for ctx.Err() == nil {
		body := fmt.Sprintf(`{"key":%q,"value":%q}`, encoded(fmt.Sprintf("a/%d/%d", id, rand.Intn(40))), encoded(strings.Repeat("v", 200+rand.Intn(400))))
		if _, err := in.call(ctx, http.MethodPost, "http://"+in.address(0)+"/v3/kv/put", body); err != nil {
			return err
		}
		pause(ctx, jitter(300*time.Millisecond))
	}
	return nil
}

// etcdLease keeps a lease and a key under it alive.
func etcdLease(ctx context.Context, in *instance, id int) error {
	base := "http://" + in.address(0) + "/v3/"
	answer, err := in.call(ctx, http.MethodPost, base+"lease/grant", `{"TTL":20}`)
	if err != nil {
		return err
	}
	var lease struct{ ID string }
	if err := json.Unmarshal(answer, &lease); err != nil {
		return err
	}
	body := fmt.Sprintf(`{"key":%q,"value":"eA==","lease":%q}`, encoded(fmt.Sprintf("lease/%d", id)), lease.ID)
	if _, err := in.call(ctx, http.MethodPost, base+"kv/put", body); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if _, err := in.call(ctx, http.MethodPost, base+"lease/keepalive", fmt.Sprintf(`{"ID":%q}`, lease.ID)); err != nil {
			return err
		}
		pause(ctx, jitter(6*time.Second))
	}
	return nil
}

func (in *instance) syncthing(ctx context.Context, client *http.Client, method, path, body string) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+in.address(0)+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("X-API-Key", "window")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 400 {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	// The head of a long poll comes at once, its end with the events.
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func startUpload(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("%s: %s", url, response.Status)
	}
	return response.Header.Get("Location"), nil
}

// A trickle is a body that comes in pieces, two a second.
type trickle struct {
	ctx  context.Context
	left int
}

func (t *trickle) Read(into []byte) (int, error) {
	if t.left == 0 {
		return 0, io.EOF
	}
	t.left--
	pause(t.ctx, 500*time.Millisecond)
	return min(len(into), 4000), t.ctx.Err()
}
