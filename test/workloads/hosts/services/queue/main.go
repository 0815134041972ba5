// Queue runs tasks with asynq, on a miniredis in the same process: a pool of workers, a goroutine for each task at work,
// and callers that wait for the end of theirs.
//
//	go run . -addr 127.0.0.1:8080 -debug 127.0.0.1:6060
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"math/rand"
	"net/http"
	_ "net/http/pprof"
	"strconv"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	workers := flag.Int("workers", 60, "tasks at the same time")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()
	redis, err := miniredis.Run()
	if err != nil {
		log.Fatal(err)
	}
	// The store's clock stands still unless told, and locks would never end.
	go func() {
		for range time.Tick(time.Second) {
			redis.FastForward(time.Second)
		}
	}()
	options := asynq.RedisClientOpt{Addr: redis.Addr()}
	client := asynq.NewClient(options)
	var waiting sync.Map
	server := asynq.NewServer(options, asynq.Config{Concurrency: *workers, LogLevel: asynq.FatalLevel})
	tasks := asynq.NewServeMux()
	tasks.HandleFunc("report", func(ctx context.Context, task *asynq.Task) error {
		page := make([]byte, 20_000+rand.Intn(60_000))
		time.Sleep(time.Duration(500+rand.Intn(2500)) * time.Millisecond)
		var id string
		if err := json.Unmarshal(task.Payload(), &id); err != nil {
			return err
		}
		if done, ok := waiting.LoadAndDelete(id); ok {
			done.(chan int) <- len(page)
		}
		return nil
	})
	if err := server.Start(tasks); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /reports", func(w http.ResponseWriter, r *http.Request) {
		id := strconv.FormatInt(rand.Int63(), 36)
		done := make(chan int, 1)
		waiting.Store(id, done)
		defer waiting.Delete(id)
		payload, _ := json.Marshal(id)
		if _, err := client.Enqueue(asynq.NewTask("report", payload), asynq.MaxRetry(0)); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		select {
		case <-done:
		case <-r.Context().Done():
		}
	})
	log.Fatal(http.ListenAndServe(*addr, mux))
}
