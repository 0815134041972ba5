package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// What measures other services.
func init() {
	hosts["prometheus"] = &host{
		project: "prometheus", binary: "prometheus",
		arguments: func(in *instance) ([]string, error) {
			err := in.write("prometheus.yml", `
global: {scrape_interval: 4s, scrape_timeout: 3s, evaluation_interval: 5s}
rule_files: [rules.yml]
remote_write: []
scrape_configs:
  - job_name: work
    file_sd_configs: [{files: [targets.json], refresh_interval: 5s}]
`)
			if err == nil {
				err = in.write("rules.yml", "groups: [{name: all, rules: [{record: work_sum, expr: 'sum(rate(work_total[1m])) by (kind)'}]}]\n")
			}
			return []string{"--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.min-block-duration=2m",
				"--web.listen-address=" + in.address(0)}, err
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/api/v1/query?query=up", 2*time.Second)},
			"targets":     {"one scrape loop per target (select) and its series in the head; both follow the target list", scrapeTarget("/metrics/{id}?ms=20")},
			"slow-targets": {"one scrape loop per target and, for targets that take seconds, the transport's read and write loops; all follow the target list",
				scrapeTarget("/metrics/{id}?ms=1500")},
			"queries": {"queries beyond the 20 that run at once wait for the gate (select); as many as clients ask",
				keepAlive(0, "/api/v1/query?query=sum(count_over_time(work_total[10m:1s]))by(instance,kind)&x={id}", 200*time.Millisecond)},
			"federation": {"federation requests by many clients; buffers follow the requests in flight",
				slowReader(0, "/federate?match[]={__name__=~\".%2B\"}", 4000)},
		},
	}
	hosts["alertmanager"] = &host{
		project: "alertmanager", binary: "prometheus-alertmanager",
		arguments: func(in *instance) ([]string, error) {
			err := in.write("alertmanager.yml", fill(`
route: {receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 8s, repeat_interval: 30s}
receivers:
  - name: hook
    webhook_configs: [{url: "http://{backend}/hook?ms=30"}]
`, in, 0))
			return []string{"--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address=",
				"--web.listen-address=" + in.address(0), "--alerts.gc-interval=20s"}, err
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/api/v2/status", 2*time.Second)},
			"groups":      {"one goroutine per alert group (select in aggrGroup.run); groups go when their alerts are resolved", alertGroup(20 * time.Second)},
			"silences": {"silences in memory, each with an end; as many as operators set", func(ctx context.Context, in *instance, id int) error {
				now := time.Now().UTC()
				_, err := in.call(ctx, http.MethodPost, "http://"+in.address(0)+"/api/v2/silences", fmt.Sprintf(
					`{"matchers":[{"name":"alertname","value":"g%d","isRegex":false}],"startsAt":%q,"endsAt":%q,"createdBy":"load","comment":"window %d"}`,
					id, now.Format(time.RFC3339), now.Add(2*time.Minute).Format(time.RFC3339), id))
				if err == nil {
					pause(ctx, time.Minute)
				}
				return err
			}},
		},
	}
	hosts["pushgateway"] = &host{
		project: "pushgateway", binary: "prometheus-pushgateway",
		arguments: func(in *instance) ([]string, error) {
			return []string{"--web.listen-address=" + in.address(0), "--persistence.file=metrics.store", "--persistence.interval=20s"}, nil
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/-/healthy", 2*time.Second)},
			"scrapes":     {"scrapes by many clients that read slowly; handlers in IO wait as many as requests in flight", slowReader(0, "/metrics", 3000)},
			"groups": {"metric groups in memory, one per job instance, deleted when the job ends", func(ctx context.Context, in *instance, id int) error {
				url := fmt.Sprintf("http://%s/metrics/job/batch/instance/i%d", in.address(0), id)
				defer in.undo(http.MethodDelete, url, "")
				for ctx.Err() == nil {
					var text strings.Builder
					for n := 0; n < 30; n++ {
						fmt.Fprintf(&text, "batch_done{part=\"%d\"} %d\n", n, time.Now().UnixMilli())
					}
					if _, err := in.call(ctx, http.MethodPut, url, text.String()); err != nil {
						return err
					}
					pause(ctx, jitter(6*time.Second))
				}
				return nil
			}},
		},
	}
	hosts["nodeexporter"] = &host{
		project: "node_exporter", binary: "prometheus-node-exporter",
		arguments: func(in *instance) ([]string, error) {
			return []string{"--web.listen-address=" + in.address(0), "--web.max-requests=8", "--no-collector.systemd"}, nil
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/", 2*time.Second)},
			"scrapes":     {"scrapes by many clients; each scrape starts one goroutine per collector and a WaitGroup", keepAlive(0, "/metrics", 1500*time.Millisecond)},
			"slow":        {"scrapes by clients that read slowly; per scrape one goroutine for each collector, all gone when it ends", slowReader(0, "/metrics", 6000)},
		},
	}
	hosts["blackbox"] = &host{
		project: "blackbox_exporter", binary: "prometheus-blackbox-exporter",
		arguments: func(in *instance) ([]string, error) {
			err := in.write("blackbox.yml", "modules: {http: {prober: http, timeout: 20s}, tcp: {prober: tcp, timeout: 5s}}\n")
			return []string{"--config.file=blackbox.yml", "--web.listen-address=" + in.address(0), "--history.limit=400"}, err
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/", 2*time.Second)},
			"probes": {"probes of slow targets: per probe a handler in select and the transport's two loops; as many as probes in flight, the history of results is bounded",
				keepAlive(0, "/probe?module=http&target=http://{backend}/slow%3Fms=4000%26x={id}", 300*time.Millisecond)},
		},
	}
	hosts["statsd"] = &host{project: "statsd_exporter", binary: "statsd_exporter", pprofPort: 1,
		arguments: func(in *instance) ([]string, error) {
			err := in.write("mapping.yml", "defaults: {ttl: 20s, observer_type: histogram}\nmappings:\n  - {match: 'work.*.*', name: work, labels: {part: $1, who: $2}}\n")
			return []string{"--web.listen-address=" + in.address(1), "--statsd.listen-tcp=" + in.address(0), "--statsd.listen-udp=",
				"--statsd.mapping-config=mapping.yml", "--log.level=error"}, err
		},
		loads: map[string]load{
			"senders": {"per sender one connection handler (IO wait); series live 20 s after their last sample, the cache of mappings is bounded",
				lineClient(0, "work.start.{id}:1|c\n", "work.done{ten}.{id}:{thousand}|ms\n", 400*time.Millisecond)},
			"series": {"series come and go with their names (20 s); the cache of mappings is bounded", lineClient(0, "work.start.{id}:1|c\n", "work.p{ten}.w{random}:{thousand}|c\n", 100*time.Millisecond)},
		},
	}
	hosts["mtail"] = &host{
		project: "mtail", binary: "mtail",
		arguments: func(in *instance) ([]string, error) {
			err := os.MkdirAll(filepath.Join(in.dir, "logs"), 0o755)
			if err == nil {
				err = in.write("progs/lines.mtail", "counter lines by file\ncounter codes by code\n/code=(?P<code>\\d+)/ {\n  codes[$code]++\n  lines[getfilename()]++\n}\n")
			}
			return []string{"--progs=progs", "--logs=logs/*.log", "--address=127.0.0.1", fmt.Sprintf("--port=%d", in.ports[0]), "--log_dir=.",
				"--poll_interval=1s", "--poll_log_interval=1s", "--stale_log_gc_interval=30s", "--expired_metrics_gc_interval=30s"}, err
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/metrics", 2*time.Second)},
			"logs": {"one stream per log file that is being written, and one line channel; they end when the file is gone", func(ctx context.Context, in *instance, id int) error {
				path := filepath.Join(in.dir, "logs", fmt.Sprintf("w%d.log", id))
				file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
				if err != nil {
					return err
				}
				defer os.Remove(path)
				defer file.Close()
				for n := 0; ctx.Err() == nil; n++ {
					fmt.Fprintf(file, "request %d code=%d\n", n, 200+n%7)
					pause(ctx, jitter(600*time.Millisecond))
				}
				return nil
			}},
		},
	}
	hosts["victoria"] = &host{
		project: "victoria-metrics", binary: "victoria-metrics",
		arguments: func(in *instance) ([]string, error) {
			err := in.write("scrape.yml", "global: {scrape_interval: 4s, scrape_timeout: 3s}\nscrape_configs:\n  - job_name: work\n    file_sd_configs: [{files: [targets.json]}]\n")
			if err == nil && !exists(filepath.Join(in.dir, "targets.json")) {
				err = in.write("targets.json", "[]")
			}
			return []string{"-httpListenAddr=" + in.address(0), "-storageDataPath=data", "-promscrape.config=scrape.yml",
				"-promscrape.fileSDCheckInterval=3s", "-memory.allowedBytes=200000000", "-loggerLevel=ERROR"}, err
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/api/v1/query?query=up", 2*time.Second)},
			"targets":     {"one scrape worker per target (select); follows the target list, caches of names warm", scrapeTarget("/metrics/{id}?ms=20")},
			"imports": {"imports of new and known series; the caches of series names warm up to their bound", func(ctx context.Context, in *instance, id int) error {
				client, end := ownClient()
				defer end()
				for ctx.Err() == nil {
					var text strings.Builder
					for n := 0; n < 100; n++ {
						fmt.Fprintf(&text, "imported{writer=\"%d\",part=\"%d\"} %d\n", id, n, time.Now().UnixMilli())
					}
					if _, err := send(ctx, client, http.MethodPost, "http://"+in.address(0)+"/api/v1/import/prometheus", text.String()); err != nil {
						return err
					}
					pause(ctx, jitter(time.Second))
				}
				return nil
			}},
			"queries": {"queries beyond those that run at once wait (select); as many as clients ask",
				keepAlive(0, "/api/v1/query?query=sum(count_over_time(work_total[10m:1s]))by(instance,kind)&nocache=1&x={id}", 200*time.Millisecond)},
		},
	}
	hosts["influxdb"] = &host{
		project: "influxdb", binary: "influxd",
		arguments: func(in *instance) ([]string, error) {
			err := in.write("influxdb.conf", fmt.Sprintf(`
reporting-enabled = false
bind-address = %q
[meta]
dir = "meta"
[data]
dir = "data"
wal-dir = "wal"
cache-snapshot-memory-size = "2m"
cache-snapshot-write-cold-duration = "20s"
compact-full-write-cold-duration = "1m"
[http]
bind-address = %q
[monitor]
store-enabled = false
`, in.address(1), in.address(0)))
			return []string{"-config", "influxdb.conf"}, err
		},
		prepare: func(ctx context.Context, in *instance) error {
			_, err := in.call(ctx, http.MethodPost, "http://"+in.address(0)+"/query?q=CREATE+DATABASE+work", "")
			return err
		},
		loads: map[string]load{
			"connections": {accepted, keepAlive(0, "/ping", 2*time.Second)},
			"writes":      {"the write cache fills and is snapshotted, files are compacted: a saw-tooth; the series index grows to the number of writers", influxWrites("work")},
			"databases": {"per database a shard with its compaction loops and its log; dropped with the work", func(ctx context.Context, in *instance, id int) error {
				name := fmt.Sprintf("db%d", id)
				base := "http://" + in.address(0) + "/query?q="
				if _, err := in.call(ctx, http.MethodPost, base+"CREATE+DATABASE+"+name, ""); err != nil {
					return err
				}
				defer in.undo(http.MethodPost, base+"DROP+DATABASE+"+name, "")
				return influxWrites(name)(ctx, in, id)
			}},
			"queries": {"queries that wait for the engine; as many as clients ask",
				keepAlive(0, "/query?db=work&q=SELECT+mean(*)+FROM+work+WHERE+time>now()-10m+GROUP+BY+time(1s),host", 400*time.Millisecond)},
		},
	}
}

// scrapeTarget is a target of a scraper that reads a list of targets from a file.
func scrapeTarget(path string) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		if err := in.member(path, id, true); err != nil {
			return err
		}
		<-ctx.Done()
		return in.member(path, id, false)
	}
}

func (in *instance) member(path string, id int, present bool) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if present {
		in.members[id] = true
	} else {
		delete(in.members, id)
	}
	ids := make([]int, 0, len(in.members))
	for each := range in.members {
		ids = append(ids, each)
	}
	sort.Ints(ids)
	rows := make([]string, len(ids))
	for n, each := range ids {
		location, query, _ := strings.Cut(fill(path, in, each), "?")
		key, value, _ := strings.Cut(query, "=")
		rows[n] = fmt.Sprintf(`{"targets":[%q],"labels":{"instance":"i%d","__metrics_path__":%q,"__param_%s":%q}}`,
			in.window.backend.address, each, location, key, value)
	}
	// The service must never read half a list.
	if err := in.write("targets.new", "["+strings.Join(rows, ",\n")+"]"); err != nil {
		return err
	}
	return os.Rename(filepath.Join(in.dir, "targets.new"), filepath.Join(in.dir, "targets.json"))
}

// alertGroup is an alert of its own name that is sent again while it fires, and resolved at the end.
func alertGroup(every time.Duration) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		url := "http://" + in.address(0) + "/api/v2/alerts"
		alert := func(end time.Time) string {
			return fmt.Sprintf(`[{"labels":{"alertname":"g%d","severity":"page"},"annotations":{"summary":"work %d"},"endsAt":%q}]`,
				id, id, end.UTC().Format(time.RFC3339))
		}
		for ctx.Err() == nil {
			if _, err := in.call(ctx, http.MethodPost, url, alert(time.Now().Add(3*every))); err != nil {
				return err
			}
			pause(ctx, jitter(every))
		}
		in.undo(http.MethodPost, url, alert(time.Now()))
		return nil
	}
}

func influxWrites(database string) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		for ctx.Err() == nil {
			var text strings.Builder
			for n := 0; n < 40; n++ {
				fmt.Fprintf(&text, "work,host=h%d,part=p%d value=%d,load=%d\n", id, n, time.Now().UnixMilli(), n)
			}
			if _, err := in.call(ctx, http.MethodPost, "http://"+in.address(0)+"/write?db="+database, text.String()); err != nil {
				return err
			}
			pause(ctx, jitter(time.Second))
		}
		return nil
	}
}
