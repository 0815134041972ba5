// Tracer writes an execution trace of a program that does a bit of everything that shows in one: workers behind a
// channel, a contended mutex, a condition, timers, loopback TCP, system calls, garbage, short-lived goroutines, tasks,
// regions and logs.
//
//	tracer -requests 20000 -out big.trace
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"time"
)

var (
	requests = flag.Int("requests", 1000, "how many requests are handled")
	workers  = flag.Int("workers", 16, "goroutines that handle them")
	out      = flag.String("out", "tracer.trace", "where the trace goes")
	cpu      = flag.Bool("cpu", false, "take CPU samples too")
	leak     = flag.Int("leak", 0, "goroutines that wait for ever on a channel")
)

type store struct {
	mu     sync.Mutex
	values map[int][]byte
}

func (s *store) put(key int, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key%512] = value
	for i := 0; i < 200; i++ {
		value[i%len(value)]++
	}
}

func main() {
	flag.Parse()
	file, err := os.Create(*out)
	if err != nil {
		log.Fatal(err)
	}
	if *cpu {
		// The samples end up in the trace.
		if err := pprof.StartCPUProfile(io.Discard); err != nil {
			log.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	if err := trace.Start(file); err != nil {
		log.Fatal(err)
	}
	run()
	trace.Stop()
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
}

func run() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	go serve(listener)

	for i := 0; i < *leak; i++ {
		go waitForEver(make(chan int))
	}
	shared := &store{values: map[int][]byte{}}
	jobs := make(chan int, 4)
	results := make(chan int)
	var group sync.WaitGroup
	for i := 0; i < *workers; i++ {
		group.Add(1)
		go work(shared, listener.Addr().String(), jobs, results, &group)
	}
	go func() {
		for i := 0; i < *requests; i++ {
			jobs <- i
		}
		close(jobs)
		group.Wait()
		close(results)
	}()
	sum := 0
	for result := range results {
		sum += result
	}
	runtime.GC()
	fmt.Println("requests:", *requests, "checksum:", sum)
}

func waitForEver(never chan int) {
	<-never
}

func serve(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go echo(connection)
	}
}

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 64)
	for {
		n, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func work(shared *store, address string, jobs <-chan int, results chan<- int, group *sync.WaitGroup) {
	defer group.Done()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	for job := range jobs {
		results <- handle(shared, connection, job)
	}
}

func handle(shared *store, connection net.Conn, job int) int {
	ctx := context.Background()
	if job%10 == 0 {
		var task *trace.Task
		ctx, task = trace.NewTask(ctx, "request")
		defer task.End()
		trace.Logf(ctx, "job", "number %d", job)
	}
	defer trace.StartRegion(ctx, "handle").End()

	// Fan out to goroutines that live for a moment.
	parts := make(chan int)
	for i := 0; i < 4; i++ {
		go func() { parts <- i * job }()
	}
	sum := 0
	for i := 0; i < 4; i++ {
		select {
		case part := <-parts:
			sum += part
		case <-time.After(time.Second):
			log.Fatal("late")
		}
	}
	if job%8 == 0 {
		message := fmt.Appendf(nil, "%08d", job)
		if _, err := connection.Write(message); err != nil {
			log.Fatal(err)
		}
		if _, err := io.ReadFull(connection, message); err != nil {
			log.Fatal(err)
		}
	}
	if job%64 == 0 {
		time.Sleep(50 * time.Microsecond)
	}
	shared.put(job, make([]byte, 2048))
	return sum
}
