// Cachepeer is one of several groupcache peers over a slow source: the cache warms up to its bound, and requests for
// what is being fetched wait for one fetch.
//
//	go run . -addr 127.0.0.1:8080 -debug 127.0.0.1:6060 -peers 127.0.0.1:8080,127.0.0.1:8081
package main

import (
	"bytes"
	"context"
	"flag"
	"log"
	"math/rand"
	"net/http"
	_ "net/http/pprof"
	"strings"
	"time"

	"github.com/golang/groupcache"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	peers := flag.String("peers", "127.0.0.1:8080", "the addresses of all")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()
	pool := groupcache.NewHTTPPoolOpts("http://"+*addr, nil)
	var urls []string
	for _, peer := range strings.Split(*peers, ",") {
		urls = append(urls, "http://"+peer)
	}
	pool.Set(urls...)
	thumbnails := groupcache.NewGroup("thumbnails", 24<<20, groupcache.GetterFunc(
		func(_ context.Context, key string, into groupcache.Sink) error {
			time.Sleep(time.Duration(300+rand.Intn(1500)) * time.Millisecond)
			return into.SetBytes(bytes.Repeat([]byte(key), 4000/len(key)))
		}))
	mux := http.NewServeMux()
	mux.Handle("/_groupcache/", pool)
	mux.HandleFunc("/thumbnails/{name}", func(w http.ResponseWriter, r *http.Request) {
		var picture []byte
		if err := thumbnails.Get(r.Context(), r.PathValue("name"), groupcache.AllocatingByteSliceSink(&picture)); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = w.Write(picture)
	})
	log.Fatal(http.ListenAndServe(*addr, mux))
}
