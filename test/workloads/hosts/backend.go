package main

import (
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"strconv"
	"time"
)

// The backend is what the services talk to: scrape targets, slow upstreams, streams without end, receivers of hooks.
type backend struct{ address string }

func startBackend() (*backend, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(milliseconds(r, "ms"))
		for n := 0; n < 40; n++ {
			fmt.Fprintf(w, "work_total{part=\"%d\",kind=\"k%d\"} %d\n", n, n%3, time.Now().UnixMilli()+rand.Int63n(1000))
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(milliseconds(r, "ms"))
		_, _ = w.Write(make([]byte, 2000+rand.Intn(20000)))
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			fmt.Fprintf(w, "data: %d\n\n", rand.Int63())
			w.(http.Flusher).Flush()
			pause(r.Context(), time.Duration(500+rand.Intn(1500))*time.Millisecond)
		}
	})
	mux.HandleFunc("/hook", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(milliseconds(r, "ms"))
	})
	go func() { _ = http.Serve(listener, mux) }()
	return &backend{address: listener.Addr().String()}, nil
}

// milliseconds reads a duration from the query and spreads it by a half either way.
func milliseconds(r *http.Request, name string) time.Duration {
	n, _ := strconv.Atoi(r.URL.Query().Get(name))
	return time.Duration(float64(n) * (.5 + rand.Float64()) * float64(time.Millisecond))
}
