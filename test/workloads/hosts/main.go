// Hosts records healthy Go services under adversarial load: evaluation data for the ranking of leaks.
//
// A plan lists windows, one JSON object a line. A window starts one service (or several instances of it), raises and
// lowers the load on it after a shape, and takes the goroutines (debug=2 and the binary profile) and the heap profile
// at a steady pace. Every address is on the loopback interface; a window ends by itself.
//
//	go build -o /tmp/hosts . && (cd services && go build -o /tmp/bin/ ./...)
//	/tmp/hosts -plan plan.jsonl -bin /tmp/bin:/usr/sbin -newer /tmp/newer -out healthy -at-once 8 -only '^nats'
//
// -bin is searched for the binaries that hosts.go names, -newer for those that a deploy changes to. A window that has
// its case.json already is left alone, so a plan can grow and be run again.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"
)

func main() {
	plan := flag.String("plan", "plan.jsonl", "the windows, one JSON object a line")
	out := flag.String("out", "healthy", "folder for the recordings")
	work := flag.String("work", filepath.Join(os.TempDir(), "hosts-run"), "folder for the services' own files")
	bin := flag.String("bin", os.Getenv("PATH"), "folders with the binaries, separated by colons")
	newer := flag.String("newer", "", "folders with the binaries that a deploy changes to")
	only := flag.String("only", "", "regular expression: run only windows with such names")
	atOnce := flag.Int("at-once", 6, "windows at the same time")
	flag.Parse()

	chosen, err := regexp.Compile(*only)
	if err != nil {
		log.Fatal(err)
	}
	windows, err := readPlan(*plan)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	backend, err := startBackend()
	if err != nil {
		log.Fatal(err)
	}

	slots := make(chan struct{}, *atOnce)
	var running sync.WaitGroup
	for _, w := range windows {
		w.out = filepath.Join(*out, w.Name)
		w.work = filepath.Join(*work, w.Name)
		w.bin, w.newer, w.backend = *bin, *newer, backend
		if !chosen.MatchString(w.Name) || exists(filepath.Join(w.out, "case.json")) {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		running.Add(1)
		go func() {
			defer running.Done()
			defer func() { <-slots }()
			begun := time.Now()
			if err := w.run(ctx); err != nil {
				log.Printf("%s: %v", w.Name, err)
				return
			}
			log.Printf("%s: recorded in %s", w.Name, time.Since(begun).Round(time.Second))
		}()
		// Windows that begin together would take their snapshots together as well.
		time.Sleep(700 * time.Millisecond)
	}
	running.Wait()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readPlan(path string) ([]*window, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var windows []*window
	seen := map[string]bool{}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		w := &window{Snapshots: 10, EverySeconds: 12, Instances: []float64{1}}
		if err := json.Unmarshal(lines.Bytes(), w); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if err := w.check(); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if seen[w.Name] {
			return nil, fmt.Errorf("%s:%d: a second window %s", path, n, w.Name)
		}
		seen[w.Name] = true
		windows = append(windows, w)
	}
	return windows, lines.Err()
}
