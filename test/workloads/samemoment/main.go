// Samemoment writes every kind of profile twice, as text (debug=1) and as protobuf, of the same state of one process:
// heap and allocs behind one garbage collection, the others while nothing moves.
//
//	go run . -out DIR -fraction 5
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

var kept [][]byte

//go:noinline
func keep(size int) { kept = append(kept, make([]byte, size)) }

// inlined into its caller, so that frames outnumber program counters.
func keepMany(n, size int) {
	for i := 0; i < n; i++ {
		keep(size)
	}
}

//go:noinline
func recurse(depth int) {
	if depth == 0 {
		keep(40_000)
		return
	}
	recurse(depth - 1)
}

type stack[T any] struct{ items []T }

//go:noinline
func (s *stack[T]) push(item T) { s.items = append(s.items, item) }

func contend(rounds int) {
	var mu sync.Mutex
	var group sync.WaitGroup
	for g := 0; g < 8; g++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < rounds; i++ {
				mu.Lock()
				time.Sleep(20 * time.Microsecond)
				mu.Unlock()
			}
		}()
	}
	group.Wait()
}

func main() {
	out := flag.String("out", ".", "directory for the profiles")
	fraction := flag.Int("fraction", 5, "mutex profile fraction")
	flag.Parse()
	runtime.SetMutexProfileFraction(*fraction)
	runtime.SetBlockProfileRate(1000)

	keepMany(300, 30_000)
	keepMany(20_000, 48)
	for i := 0; i < 60; i++ {
		recurse(i)
	}
	recurse(200)
	var ints stack[int]
	var names stack[string]
	for i := 0; i < 500_000; i++ {
		ints.push(i)
		names.push("x")
	}
	contend(200)
	pool := pprof.NewProfile("example.com/pool.conns")
	for i := 0; i < 12; i++ {
		pool.Add(&kept[i], 0)
	}
	block := make(chan int)
	for i := 0; i < 40; i++ {
		labels := pprof.Labels("path", "/v1/\"q\"\n\x01", "tenant", []string{"acme", "globex"}[i%2])
		go pprof.Do(context.Background(), labels, func(context.Context) { <-block })
	}
	time.Sleep(50 * time.Millisecond)
	// Nobody else may be heard of between a text and its protobuf.
	runtime.SetMutexProfileFraction(0)
	runtime.SetBlockProfileRate(0)
	runtime.SetMutexProfileFraction(*fraction)
	runtime.GC()
	runtime.GC()

	for _, name := range []string{"heap", "allocs", "block", "mutex", "goroutine", "threadcreate", "example.com/pool.conns"} {
		for debug, suffix := range []string{".pb.gz", ".txt"} {
			file, err := os.Create(filepath.Join(*out, filepath.Base(name)+suffix))
			if err != nil {
				log.Fatal(err)
			}
			if err := pprof.Lookup(name).WriteTo(file, debug); err != nil {
				log.Fatal(err)
			}
			if err := file.Close(); err != nil {
				log.Fatal(err)
			}
		}
	}
	runtime.KeepAlive(ints)
	runtime.KeepAlive(names)
	close(block)
}
