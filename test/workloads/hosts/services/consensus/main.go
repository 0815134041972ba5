// Consensus is a counter that several processes agree on with hashicorp/raft.
//
//	go run . -addr 127.0.0.1:8080 -debug 127.0.0.1:6060 -raft 127.0.0.1:7000 -peers 127.0.0.1:7000,127.0.0.1:7001,127.0.0.1:7002
package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

type counter struct{ value atomic.Uint64 }

func (c *counter) Apply(entry *raft.Log) any { return c.value.Add(uint64(len(entry.Data))) }

func (c *counter) Snapshot() (raft.FSMSnapshot, error) { return snapshot(c.value.Load()), nil }

func (c *counter) Restore(from io.ReadCloser) error {
	defer from.Close()
	var value uint64
	err := binary.Read(from, binary.LittleEndian, &value)
	c.value.Store(value)
	return err
}

type snapshot uint64

func (s snapshot) Persist(sink raft.SnapshotSink) error {
	return errors.Join(binary.Write(sink, binary.LittleEndian, uint64(s)), sink.Close())
}

func (s snapshot) Release() {}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	own := flag.String("raft", "127.0.0.1:7000", "where to speak raft")
	peers := flag.String("peers", "127.0.0.1:7000", "the raft addresses of all")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()

	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(*own)
	config.SnapshotInterval, config.SnapshotThreshold, config.TrailingLogs = 10*time.Second, 2000, 1000
	config.LogLevel = "ERROR"
	store, err := raftboltdb.New(raftboltdb.Options{Path: "raft.db", NoSync: true})
	if err != nil {
		log.Fatal(err)
	}
	snapshots, err := raft.NewFileSnapshotStore(".", 2, io.Discard)
	if err != nil {
		log.Fatal(err)
	}
	advertised, err := net.ResolveTCPAddr("tcp", *own)
	if err != nil {
		log.Fatal(err)
	}
	transport, err := raft.NewTCPTransport(*own, advertised, 3, 5*time.Second, io.Discard)
	if err != nil {
		log.Fatal(err)
	}
	state := &counter{}
	node, err := raft.NewRaft(config, state, store, store, snapshots, transport)
	if err != nil {
		log.Fatal(err)
	}
	var servers []raft.Server
	for _, peer := range strings.Split(*peers, ",") {
		servers = append(servers, raft.Server{ID: raft.ServerID(peer), Address: raft.ServerAddress(peer)})
	}
	if err := node.BootstrapCluster(raft.Configuration{Servers: servers}).Error(); err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		applied := node.Apply(body, 5*time.Second)
		if err := applied.Error(); errors.Is(err, raft.ErrNotLeader) {
			w.WriteHeader(http.StatusAccepted) // the client asks elsewhere
		} else if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		} else {
			fmt.Fprintln(w, applied.Response())
		}
	})
	// A reader that waits until the counter has moved on, as blocking queries do.
	mux.HandleFunc("GET /next", func(w http.ResponseWriter, r *http.Request) {
		seen := state.value.Load()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for state.value.Load() < seen+200000 {
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
		fmt.Fprintln(w, state.value.Load())
	})
	log.Fatal(http.ListenAndServe(*addr, mux))
}
