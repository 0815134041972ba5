// Gossip is a member of a hashicorp/memberlist cluster with a session table: sessions are told to the others and end by
// themselves.
//
//	go run . -addr 127.0.0.1:8080 -debug 127.0.0.1:6060 -gossip 7946 -join 127.0.0.1:7947
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net/http"
	_ "net/http/pprof"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

const sessionLife = 15 * time.Second

type sessions struct {
	mu    sync.Mutex
	cond  *sync.Cond
	until map[string]time.Time
	born  int // sessions ever
	queue *memberlist.TransmitLimitedQueue
}

type news string

func (n news) Invalidates(other memberlist.Broadcast) bool { return false }
func (n news) Message() []byte                             { return []byte(n) }
func (n news) Finished()                                   {}

func (s *sessions) NodeMeta(int) []byte                    { return nil }
func (s *sessions) LocalState(bool) []byte                 { return nil }
func (s *sessions) MergeRemoteState([]byte, bool)          {}
func (s *sessions) GetBroadcasts(over, limit int) [][]byte { return s.queue.GetBroadcasts(over, limit) }
func (s *sessions) NotifyMsg(told []byte)                  { s.touch(string(told)) }

// touch keeps a session alive. A session that nobody touches ends in its own goroutine.
func (s *sessions) touch(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.until[id]
	s.until[id] = time.Now().Add(sessionLife)
	if !known {
		s.born++
		go s.expire(id)
		s.cond.Broadcast()
	}
}

func (s *sessions) expire(id string) {
	for {
		s.mu.Lock()
		left := time.Until(s.until[id])
		if left <= 0 {
			delete(s.until, id)
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		time.Sleep(left)
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	port := flag.Int("gossip", 7946, "the port of the gossip")
	join := flag.String("join", "", "members to join, separated by commas")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()
	s := &sessions{until: map[string]time.Time{}}
	s.cond = sync.NewCond(&s.mu)
	config := memberlist.DefaultLocalConfig()
	config.Name, config.BindAddr, config.BindPort, config.AdvertiseAddr, config.AdvertisePort = *addr, "127.0.0.1", *port, "127.0.0.1", *port
	config.Delegate, config.LogOutput = s, io.Discard
	list, err := memberlist.Create(config)
	if err != nil {
		log.Fatal(err)
	}
	s.queue = &memberlist.TransmitLimitedQueue{NumNodes: list.NumMembers, RetransmitMult: 3}
	go func() {
		// The others may start later.
		for *join != "" && list.NumMembers() < 2 {
			_, _ = list.Join(strings.Split(*join, ","))
			time.Sleep(time.Second)
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sessions/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.touch(r.PathValue("id"))
		s.queue.QueueBroadcast(news(r.PathValue("id")))
	})
	// A caller that waits for the next new session.
	mux.HandleFunc("GET /next", func(w http.ResponseWriter, r *http.Request) {
		// Who has gone must not wait on.
		stop := context.AfterFunc(r.Context(), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.cond.Broadcast()
		})
		defer stop()
		s.mu.Lock()
		defer s.mu.Unlock()
		for seen := s.born; s.born == seen && r.Context().Err() == nil; {
			s.cond.Wait()
		}
	})
	log.Fatal(http.ListenAndServe(*addr, mux))
}
