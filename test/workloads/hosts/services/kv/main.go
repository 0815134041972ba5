// Kv keeps values in badger behind HTTP: memtables fill and are flushed, tables are compacted, the block cache warms.
//
//	go run . -addr 127.0.0.1:8080 -debug 127.0.0.1:6060
package main

import (
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	_ "net/http/pprof"
	"time"

	"github.com/dgraph-io/badger/v4"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()
	options := badger.DefaultOptions("badger").WithMemTableSize(4 << 20).WithValueThreshold(1 << 16).WithBlockCacheSize(32 << 20).WithValueLogFileSize(16 << 20).WithLogger(nil)
	db, err := badger.Open(options)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for range time.Tick(10 * time.Second) {
			for db.RunValueLogGC(.5) == nil {
			}
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{key}", func(w http.ResponseWriter, r *http.Request) {
		err := db.View(func(txn *badger.Txn) error {
			item, err := txn.Get([]byte(r.PathValue("key")))
			if err != nil {
				return err
			}
			return item.Value(func(value []byte) error {
				_, err := w.Write(value)
				return err
			})
		})
		if errors.Is(err, badger.ErrKeyNotFound) {
			http.NotFound(w, r)
		} else if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("PUT /{key}", func(w http.ResponseWriter, r *http.Request) {
		value, err := io.ReadAll(r.Body)
		if err == nil {
			err = db.Update(func(txn *badger.Txn) error {
				return txn.SetEntry(badger.NewEntry([]byte(r.PathValue("key")), value).WithTTL(time.Minute))
			})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	log.Fatal(http.ListenAndServe(*addr, mux))
}
