package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// recording is one run of a scenario: the service as child processes, the outside world, and the snapshots.
type recording struct {
	scenario, suffix, out, load, builds string
	fixed, leakProfile                  bool
	snapshots, instances, restart, gogc int
	every, warmup                       time.Duration
	rate, traffic                       float64
	seed                                int64
}

// caseFile is case.json: what is in the recording and what a ranking should find in it.
type caseFile struct {
	Name       string                 `json:"name"`
	Project    string                 `json:"project"`
	Suite      string                 `json:"suite"`
	Kind       string                 `json:"kind"`
	Signature  *int                   `json:"signature"`
	Go         string                 `json:"go"`
	Labels     []string               `json:"labels"`
	HeapLabels []string               `json:"heapLabels"`
	Builds     map[string][][2]string `json:"builds,omitempty"`
	Restarts   map[string][]string    `json:"restarts,omitempty"`
	Note       string                 `json:"note"`
}

func caseName(s *scenario, fixed bool, suffix string) string {
	name := s.name + "-buggy"
	if s.healthy {
		name = s.name + "-healthy"
	} else if fixed {
		name = s.name + "-fixed"
	}
	if suffix != "" {
		name += "-" + suffix
	}
	return name
}

// instance is one instance of the service over all its restarts.
type instance struct {
	name  string
	share float64      // of the load, all instances together have their number
	base  atomic.Value // string, URL of the process that runs now
	child *exec.Cmd
	gone  chan error
}

func (i *instance) url() string { return i.base.Load().(string) }

// instanceShares is how unequal the load of instances is.
var instanceShares = map[int][]float64{1: {1}, 2: {1.4, 0.6}, 3: {1.7, 0.9, 0.4}, 4: {1.8, 1.1, 0.7, 0.4}}

func (r *recording) record(ctx context.Context, s *scenario, folder string) (err error) {
	shares := instanceShares[r.instances]
	level, known := patterns[r.load]
	if shares == nil || !known {
		return errors.New("unknown -load or -instances")
	}
	good := r.fixed
	if r.builds != "" {
		if r.restart == 0 || (r.builds != "good,bad" && r.builds != "bad,good") {
			return errors.New("-builds is good,bad or bad,good and needs -restart")
		}
		good = r.builds == "good,bad"
	}
	if r.seed == 0 {
		r.seed = time.Now().UnixNano()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outside, err := openWorld(ctx)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	var instances []*instance
	defer func() {
		for _, i := range instances {
			i.stop()
		}
		if err != nil {
			_ = os.RemoveAll(folder)
		}
	}()
	for n, share := range shares {
		one := &instance{name: fmt.Sprintf("shopfront-%d", n), share: share}
		if err := os.MkdirAll(filepath.Join(folder, one.name), 0o755); err != nil {
			return err
		}
		if err := one.start(ctx, r, s, good, outside); err != nil {
			return err
		}
		instances = append(instances, one)
	}
	begun := time.Now()
	window := r.warmup + time.Duration(r.snapshots-1)*r.every
	fraction := func() float64 { return min(1, float64(time.Since(begun))/float64(window)) }
	for n, one := range instances {
		v := &visitors{
			instance: one, scenario: s, rate: r.rate, traffic: r.traffic,
			level:  func() float64 { return level(fraction()) * one.share },
			random: rand.New(rand.NewSource(r.seed + int64(n))),
		}
		v.begin(ctx)
	}
	c := caseFile{
		Name: filepath.Base(folder), Project: s.name, Suite: "leak", Kind: s.kind, Go: runtime.Version(),
		Labels: append([]string{}, s.labels...), HeapLabels: append([]string{}, s.heapLabels...), Note: s.about + "; " + r.conditions(),
	}
	if s.signature != 0 {
		c.Signature = &s.signature
	}
	switch {
	case s.healthy:
		c.Suite = "healthy"
	case r.fixed && r.builds == "":
		c.Suite = "fixed"
	}
	for k := range r.snapshots {
		if r.restart != 0 && k == r.restart {
			if r.builds != "" {
				good = !good
			}
			c.Restarts, c.Builds = map[string][]string{}, nil
			if r.builds != "" {
				c.Builds = map[string][][2]string{}
			}
			for _, one := range instances {
				one.stop()
				if err := one.start(ctx, r, s, good, outside); err != nil {
					return err
				}
				at := fmt.Sprintf("%03d", k)
				c.Restarts[one.name] = []string{at}
				if r.builds != "" {
					before, after, _ := strings.Cut(r.builds, ",")
					c.Builds[one.name] = [][2]string{{"000", before}, {at, after}}
				}
			}
		}
		at := begun.Add(r.warmup + time.Duration(k)*r.every)
		for _, one := range instances {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case err := <-one.gone:
				return fmt.Errorf("%s ended: %w", one.name, err)
			case <-time.After(time.Until(at)):
			}
		}
		var wg sync.WaitGroup
		failures := make([]error, len(instances))
		for n, one := range instances {
			wg.Go(func() { failures[n] = one.snapshot(filepath.Join(folder, one.name), k, r.leakProfile) })
		}
		wg.Wait()
		if err := errors.Join(failures...); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "case.json"), append(text, '\n'), 0o644)
}

// conditions says in words under which load the recording was made.
func (r *recording) conditions() string {
	said := fmt.Sprintf("%d snapshots every %v, load %s, rate %g, traffic %g", r.snapshots, r.every, r.load, r.rate, r.traffic)
	if r.instances > 1 {
		said += fmt.Sprintf(", %d instances at unequal load", r.instances)
	}
	if r.restart != 0 {
		said += fmt.Sprintf(", restarted before snapshot %03d", r.restart)
	}
	if r.builds != "" {
		said += ", builds " + r.builds
	}
	return said
}

// start runs the service and waits until it says where it listens.
func (i *instance) start(ctx context.Context, r *recording, s *scenario, good bool, outside *world) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.CommandContext(ctx, self, "-serve", "-scenario", s.name, "-fixed="+strconv.FormatBool(good),
		"-upstream-http", outside.httpURL, "-upstream-grpc", outside.grpcAddr, "-upstream-tcp", outside.tcpAddr)
	child.Env = append(os.Environ(), append([]string{"GOGC=" + strconv.Itoa(r.gogc)}, s.env...)...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = child.Process.Kill()
		return fmt.Errorf("the service did not say where it listens: %w", err)
	}
	gone := make(chan error, 1)
	go func() {
		_, _ = io.Copy(io.Discard, out)
		gone <- fmt.Errorf("exit: %v", child.Wait())
	}()
	i.child, i.gone = child, gone
	i.base.Store("http://" + strings.TrimSpace(line))
	return nil
}

func (i *instance) stop() {
	_ = i.child.Process.Kill()
	<-i.gone
}

var scraper = &http.Client{Timeout: 30 * time.Second}

func (i *instance) snapshot(folder string, k int, leakProfile bool) error {
	parts := []struct {
		path, name string
		zip        bool
	}{
		{"/debug/pprof/heap", "heap.pb.gz", false},
		{"/debug/pprof/goroutine", "goroutine.pb.gz", false},
		{"/debug/pprof/goroutine?debug=2", "goroutine-debug2.txt.gz", true},
		{"/debug/memstats", "memstats.json", false},
	}
	if leakProfile {
		// Last: it marks leaked goroutines in every later dump, as it would in a service that is asked for it.
		parts = append(parts, parts[0])
		parts[len(parts)-1].path, parts[len(parts)-1].name = "/debug/pprof/goroutineleak", "goroutineleak.pb.gz"
	}
	for _, part := range parts {
		if err := i.fetch(part.path, filepath.Join(folder, fmt.Sprintf("%03d.%s", k, part.name)), part.zip); err != nil {
			return err
		}
	}
	return nil
}

func (i *instance) fetch(path, file string, zip bool) error {
	answer, err := scraper.Get(i.url() + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, answer.Status)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	var to io.WriteCloser = out
	if zip {
		to, _ = gzip.NewWriterLevel(out, gzip.BestCompression)
	}
	_, err = io.Copy(to, answer.Body)
	if zip {
		err = errors.Join(err, to.Close())
	}
	return errors.Join(err, out.Close())
}
