// Command panicparse prints the median time in which github.com/maruel/panicparse reads and groups a goroutine dump.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
	"time"

	"github.com/maruel/panicparse/v2/stack"
)

func main() {
	runs := flag.Int("runs", 10, "measured runs")
	flag.Parse()
	data, err := os.ReadFile(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	millis := make([]float64, 0, *runs)
	goroutines, groups := 0, 0
	for i := -2; i < *runs; i++ {
		start := time.Now()
		opts := stack.DefaultOpts()
		opts.GuessPaths = false
		opts.AnalyzeSources = false
		opts.NameArguments = false
		snapshot, _, err := stack.ScanSnapshot(bytes.NewReader(data), io.Discard, opts)
		if err != nil && err != io.EOF {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		goroutines = len(snapshot.Goroutines)
		groups = len(snapshot.Aggregate(stack.AnyValue).Buckets)
		if i >= 0 {
			millis = append(millis, float64(time.Since(start).Nanoseconds())/1e6)
		}
	}
	sort.Float64s(millis)
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"medianMillis": millis[len(millis)/2], "goroutines": goroutines, "groups": groups,
	})
}
