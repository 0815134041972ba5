// Command goroutinedump writes the dump (debug=2) of a process with many goroutines, most of which wait somewhere in a
// few hundred distinct stacks.
//
//	goroutinedump -goroutines 10000 -out FILE
package main

import (
	"flag"
	"log"
	"net"
	"os"
	"runtime/pprof"
	"sync"
	"time"
)

type worker struct {
	jobs  chan int
	done  chan struct{}
	mutex sync.Mutex
}

// descend makes the stacks differ: each turn has a bit of path, and so a line of its own.
func (w *worker) descend(depth, path int, wait func()) {
	if depth == 0 {
		wait()
		return
	}
	if path&1 == 0 {
		w.descend(depth-1, path>>1, wait)
	} else {
		w.descend(depth-1, path>>1, wait)
	}
	_ = depth
}

func (w *worker) receive() { <-w.jobs }
func (w *worker) selects() {
	select {
	case <-w.jobs:
	case <-w.done:
	}
}
func (w *worker) lock()    { w.mutex.Lock() }
func (w *worker) sleep()   { time.Sleep(time.Hour) }
func (w *worker) forever() { select {} }

func read(connection net.Conn) {
	var buffer [64]byte
	_, _ = connection.Read(buffer[:])
}

func main() {
	count := flag.Int("goroutines", 10000, "goroutines")
	out := flag.String("out", "", "file")
	flag.Parse()
	w := &worker{jobs: make(chan int), done: make(chan struct{})}
	w.mutex.Lock()
	left, right := net.Pipe()
	defer right.Close()
	for i := 0; i < *count; i++ {
		waits := []func(){w.receive, w.selects, w.lock, w.sleep, w.forever, func() { read(left) }}
		go w.descend(3+i%8, i/7%64, waits[i%len(waits)])
	}
	time.Sleep(500 * time.Millisecond)
	file, err := os.Create(*out)
	if err != nil {
		log.Fatal(err)
	}
	if err := pprof.Lookup("goroutine").WriteTo(file, 2); err != nil {
		log.Fatal(err)
	}
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
}
