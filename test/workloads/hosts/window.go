package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A window is one line of the plan: one service under one load for a while.
type window struct {
	Name         string    // <host>-<scenario>[-n], the folder of the recording
	Host         string    // key of hosts
	Load         string    // key of the host's loads
	Also         string    // a second load beside it, always at its full count: AlsoMost
	Shape        string    // key of shapes
	Most         int       // units of load at level 1
	AlsoMost     int       //
	Churn        float64   // share of the units replaced each second
	Snapshots    int       //
	EverySeconds float64   // between two snapshots
	Instances    []float64 // one factor of the load for each instance
	RestartAt    int       // the number of the snapshot before which every instance is restarted; 0: never
	DeployAt     int       // the same with the newer binary
	Versions     [2]string // before and after a deploy
	Newer        bool      // the newer binary from the start
	Note         string    // added to what the load says of itself

	out, work, bin, newer string
	backend               *backend
	instances             []*instance
	units                 sync.WaitGroup // of load, on all instances
}

// An instance is one process of the service and the load upon it.
type instance struct {
	name    string
	index   int
	dir     string
	path    string // of the binary
	ports   [4]int
	factor  float64
	window  *window
	client  *http.Client
	process *exec.Cmd
	ended   chan struct{}

	mu      sync.Mutex
	members map[int]bool // what a load keeps in a file of the service, such as its scrape targets
	lastID  atomic.Int64
	errors  atomic.Int64
}

func (w *window) check() error {
	h, ok := hosts[w.Host]
	if !ok {
		return fmt.Errorf("no host %q", w.Host)
	}
	for _, name := range []string{w.Load, w.Also} {
		if _, ok := h.loads[name]; !ok && name != "" {
			return fmt.Errorf("host %s has no load %q", w.Host, name)
		}
	}
	if shapes[w.Shape] == nil {
		return fmt.Errorf("no shape %q", w.Shape)
	}
	if !strings.HasPrefix(w.Name, w.Host+"-") {
		return fmt.Errorf("%q does not begin with its host", w.Name)
	}
	return nil
}

// run records the window: start, load and snapshots side by side, stop, case.json last of all.
func (w *window) run(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	if err := errors.Join(os.RemoveAll(w.out), os.RemoveAll(w.work)); err != nil {
		return err
	}
	defer os.RemoveAll(w.work)
	for index, factor := range w.Instances {
		in := &instance{
			name: fmt.Sprintf("%s-%d", w.Host, index), index: index, factor: factor, window: w, members: map[int]bool{},
			client: &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8, MaxConnsPerHost: 8}},
		}
		in.dir = filepath.Join(w.work, in.name)
		if err := os.MkdirAll(in.dir, 0o755); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(w.out, in.name), 0o755); err != nil {
			return err
		}
		for n := range in.ports {
			in.ports[n] = freePort()
		}
		w.instances = append(w.instances, in)
	}
	defer func() {
		cancel()
		for _, in := range w.instances {
			in.stop()
		}
		// The units write into the service's folder, which goes next.
		w.units.Wait()
	}()
	goVersion, folders := "", w.bin
	if w.Newer {
		folders = w.newer
	}
	for _, in := range w.instances {
		version, err := in.start(folders)
		if err != nil {
			return err
		}
		goVersion = version
	}
	for _, in := range w.instances {
		if err := in.awaitReady(ctx); err != nil {
			return err
		}
	}
	begun := time.Now()
	whole := time.Duration(float64(w.Snapshots-1) * w.EverySeconds * float64(time.Second))
	h := hosts[w.Host]
	for _, in := range w.instances {
		shape := shapes[w.Shape]
		w.units.Go(func() {
			in.drive(ctx, h.loads[w.Load], func() float64 {
				return shape(time.Since(begun).Seconds()/whole.Seconds()) * float64(w.Most) * in.factor
			})
		})
		if w.Also != "" {
			w.units.Go(func() {
				in.drive(ctx, h.loads[w.Also], func() float64 { return float64(w.AlsoMost) * in.factor })
			})
		}
	}
	for n := 0; n < w.Snapshots; n++ {
		due := begun.Add(time.Duration(float64(n) * w.EverySeconds * float64(time.Second)))
		if n > 0 && (n == w.RestartAt || n == w.DeployAt) {
			if err := w.replace(ctx, n == w.DeployAt, due); err != nil {
				return err
			}
		}
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, in := range w.instances {
			if err := in.snapshot(ctx, n); err != nil {
				return fmt.Errorf("snapshot %d of %s: %w", n, in.name, err)
			}
		}
	}
	for _, in := range w.instances {
		if count := in.errors.Load(); count > 0 {
			text, _ := os.ReadFile(filepath.Join(in.dir, "load.log"))
			log.Printf("%s: %d errors of the load, the last: %s", in.name, count, text[max(0, len(text)-200):])
		}
	}
	return w.describe(goVersion)
}

// replace stops and starts every instance, half a pace before the next snapshot so that clients are back by then.
func (w *window) replace(ctx context.Context, deploy bool, due time.Time) error {
	time.Sleep(time.Until(due) - time.Duration(w.EverySeconds*float64(time.Second)/2))
	folders := w.bin
	if deploy || w.Newer {
		folders = w.newer
	}
	for _, in := range w.instances {
		in.stop()
		if _, err := in.start(folders); err != nil {
			return err
		}
		if err := in.awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w *window) describe(goVersion string) error {
	builds := map[string][][2]string{}
	if w.DeployAt > 0 {
		for _, in := range w.instances {
			builds[in.name] = [][2]string{{"000", w.Versions[0]}, {fmt.Sprintf("%03d", w.DeployAt), w.Versions[1]}}
		}
	}
	h := hosts[w.Host]
	note := h.loads[w.Load].what
	if w.Also != "" {
		note += "; beside it, steadily: " + h.loads[w.Also].what
	}
	note += fmt.Sprintf("; load %s up to %d", w.Shape, w.Most)
	if w.RestartAt > 0 {
		note += fmt.Sprintf("; restarted before %03d", w.RestartAt)
	}
	if w.Note != "" {
		note += "; " + w.Note
	}
	text, err := json.MarshalIndent(map[string]any{
		"name": w.Name, "project": h.project, "suite": "healthy", "scenario": strings.TrimPrefix(w.Name, w.Host+"-"),
		"go": goVersion, "builds": builds, "labels": []string{}, "note": note,
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.out, "case.json"), append(text, '\n'), 0o644)
}

// drive keeps as many units of the load open as want says.
func (in *instance) drive(ctx context.Context, l load, want func() float64) {
	var open []context.CancelFunc
	replaced := 0.0
	for ctx.Err() == nil {
		count := max(0, int(math.Round(want())))
		replaced += in.window.Churn * float64(len(open)) / 4
		for ; replaced >= 1 && len(open) > 0; replaced-- {
			open[0]()
			open = open[1:]
		}
		for len(open) > count {
			open[0]()
			open = open[1:]
		}
		// A storm of thousands of dials within one tick would measure the kernel's backlog, not the service.
		for started := 0; len(open) < count && started < 400; started++ {
			unit, end := context.WithCancel(ctx)
			open = append(open, end)
			id := int(in.lastID.Add(1))
			in.window.units.Go(func() {
				for unit.Err() == nil {
					if err := l.hold(unit, in, id); err != nil && unit.Err() == nil {
						in.complain(err)
					}
					pause(unit, 500*time.Millisecond)
				}
			})
		}
		pause(ctx, 250*time.Millisecond)
	}
	for _, end := range open {
		end()
	}
}

// complain keeps the errors of the load beside the log of the service. A restart causes many.
func (in *instance) complain(err error) {
	in.errors.Add(1)
	in.mu.Lock()
	defer in.mu.Unlock()
	file, openErr := os.OpenFile(filepath.Join(in.dir, "load.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if openErr != nil {
		return
	}
	fmt.Fprintln(file, time.Now().Format(time.TimeOnly), err)
	file.Close()
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// start runs the binary from the first folder that has it and returns its Go version.
func (in *instance) start(folders string) (string, error) {
	h := hosts[in.window.Host]
	path := ""
	for _, folder := range filepath.SplitList(folders) {
		if candidate := filepath.Join(folder, h.binary); path == "" && exists(candidate) {
			path = candidate
		}
	}
	if path == "" {
		return "", fmt.Errorf("no %s in %s", h.binary, folders)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return "", err
	}
	args, err := h.arguments(in)
	if err != nil {
		return "", err
	}
	output, err := os.OpenFile(filepath.Join(in.dir, "service.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return "", err
	}
	defer output.Close()
	in.path, in.process = path, exec.Command(path, args...)
	in.process.Dir = in.dir
	in.process.Stdout, in.process.Stderr = output, output
	// The services are small: with the usual GOGC some would not collect once in a window.
	in.process.Env = append(os.Environ(), "GOGC=50", "HOME="+in.dir, "XDG_CONFIG_HOME="+in.dir, "XDG_DATA_HOME="+in.dir)
	if h.environment != nil {
		in.process.Env = append(in.process.Env, h.environment(in)...)
	}
	in.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := in.process.Start(); err != nil {
		return "", err
	}
	ended, process := make(chan struct{}), in.process
	in.ended = ended
	go func() {
		defer close(ended)
		_ = process.Wait()
	}()
	return info.GoVersion, nil
}

func (in *instance) stop() {
	if in.process == nil {
		return
	}
	_ = syscall.Kill(-in.process.Process.Pid, syscall.SIGTERM)
	select {
	case <-in.ended:
	case <-time.After(4 * time.Second):
		_ = syscall.Kill(-in.process.Process.Pid, syscall.SIGKILL)
		<-in.ended
	}
	in.process = nil
}

func (in *instance) awaitReady(ctx context.Context) error {
	for begun := time.Now(); time.Since(begun) < 40*time.Second && ctx.Err() == nil; pause(ctx, 200*time.Millisecond) {
		select {
		case <-in.ended:
			return in.failed("ended at once")
		default:
		}
		if _, err := in.fetch(ctx, "goroutine?debug=1"); err == nil {
			if prepare := hosts[in.window.Host].prepare; prepare != nil {
				return prepare(ctx, in)
			}
			return nil
		}
	}
	return in.failed("did not get ready")
}

func (in *instance) failed(what string) error {
	text, _ := os.ReadFile(filepath.Join(in.dir, "service.log"))
	return fmt.Errorf("%s %s: %s", in.name, what, text[max(0, len(text)-600):])
}

func (in *instance) address(port int) string {
	return fmt.Sprintf("127.0.0.1:%d", in.ports[port])
}

var lastPort atomic.Int64

// freePort gives each port once. They lie below those that the kernel gives to clients.
func freePort() int {
	for {
		port := 21000 + int(lastPort.Add(1))%11000
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			listener.Close()
			return port
		}
	}
}
