// Shopfront is a small HTTP service that leaks on purpose: a router with middleware, a catalogue, an SQL store, a worker
// pool, background jobs, caches, metrics and live feeds, and one scenario that adds a bug, or the same code without it.
//
// The program runs the service as a child process (or several, as instances of one service), plays the outside world
// for it (visitors, and the services it calls), and records its diagnostic snapshots while it runs:
//
//	go run . -list
//	go run . -scenario rows-not-closed -out DIR
//	go run . -scenario rows-not-closed -fixed -load up -rate 0.5 -instances 3 -out DIR -snapshots 9 -every 15s
//
// DIR/<scenario>-<buggy|fixed|healthy>/ then has case.json, which says what leaks, and a folder per instance with
// NNN.goroutine-debug2.txt.gz, NNN.goroutine.pb.gz, NNN.heap.pb.gz and NNN.memstats.json. No garbage collection is
// forced: GOGC is set so that collections run between any two snapshots.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	var run recording
	var child serveOptions
	var list, serve bool
	flag.BoolVar(&list, "list", false, "list the scenarios, one in JSON a line")
	flag.StringVar(&run.scenario, "scenario", "", "which scenario to run")
	flag.BoolVar(&run.fixed, "fixed", false, "run the code without the bug")
	flag.StringVar(&run.suffix, "suffix", "", "what to add to the name of the case, as in -suffix 2")
	flag.StringVar(&run.out, "out", "", "folder for the recordings")
	flag.IntVar(&run.snapshots, "snapshots", 9, "how many snapshots to take")
	flag.DurationVar(&run.every, "every", 15*time.Second, "time between two snapshots")
	flag.DurationVar(&run.warmup, "warmup", 10*time.Second, "time from the start of the service to the first snapshot")
	flag.Float64Var(&run.rate, "rate", 1, "multiplies how often the scenario's code is run")
	flag.Float64Var(&run.traffic, "traffic", 1, "multiplies all other traffic")
	flag.StringVar(&run.load, "load", "flat", "how load goes over the window: "+strings.Join(patternNames(), ", "))
	flag.IntVar(&run.instances, "instances", 1, "how many instances share the load, unequally")
	flag.IntVar(&run.restart, "restart", 0, "restart the service before this snapshot, counted from 0")
	flag.StringVar(&run.builds, "builds", "", "with -restart: good,bad or bad,good")
	flag.BoolVar(&run.leakProfile, "leakprofile", false, "record goroutineleak profiles too (Go 1.27, or GOEXPERIMENT=goroutineleakprofile)")
	flag.Int64Var(&run.seed, "seed", 0, "seed of the visitors; 0 takes one from the clock")
	flag.IntVar(&run.gogc, "gogc", 60, "GOGC of the service")
	flag.BoolVar(&serve, "serve", false, "be the service (started by the program itself)")
	flag.StringVar(&child.upstreamHTTP, "upstream-http", "", "with -serve: where the HTTP services it calls are")
	flag.StringVar(&child.upstreamGRPC, "upstream-grpc", "", "with -serve: where the gRPC services it calls are")
	flag.StringVar(&child.upstreamTCP, "upstream-tcp", "", "with -serve: where the devices are that it polls")
	flag.Parse()

	if list {
		for _, s := range scenarios {
			line, err := json.Marshal(map[string]any{
				"name": s.name, "kind": s.kind, "healthy": s.healthy, "signature": s.signature,
				"labels": s.labels, "heapLabels": s.heapLabels, "about": s.about,
			})
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%s\n", line)
		}
		return
	}
	chosen := findScenario(run.scenario)
	if chosen == nil {
		log.Fatalf("no scenario %q; see -list", run.scenario)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if serve {
		child.scenario, child.fixed = chosen, run.fixed
		if err := runService(ctx, child); err != nil {
			log.Fatal(err)
		}
		return
	}
	if run.out == "" {
		log.Fatal("-out is missing")
	}
	folder := filepath.Join(run.out, caseName(chosen, run.fixed, run.suffix))
	if err := run.record(ctx, chosen, folder); err != nil {
		log.Fatalf("%s: %v", filepath.Base(folder), err)
	}
}
