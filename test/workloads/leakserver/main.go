// Leakserver serves /debug/pprof and leaks, slowly and on purpose: sessions that nobody removes from a map, and
// goroutines that wait for an answer that never comes.
//
//	go run . -addr 127.0.0.1:6060
package main

import (
	"crypto/rand"
	"encoding/hex"
	"flag"
	"log"
	"net/http"
	_ "net/http/pprof"
	"sync"
	"time"
)

type session struct {
	id   string
	cart []byte
}

type store struct {
	mu       sync.Mutex
	sessions map[string]*session
}

func (s *store) open() *session {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	opened := &session{id: hex.EncodeToString(raw), cart: make([]byte, 16<<10)}
	s.mu.Lock()
	s.sessions[opened.id] = opened
	s.mu.Unlock()
	return opened
}

// askAndForget starts a question whose answer nobody reads.
func askAndForget(s *session) {
	answer := make(chan int)
	go func() { answer <- len(s.cart) }()
}

func main() {
	addr := flag.String("addr", "127.0.0.1:6060", "where to serve /debug/pprof")
	every := flag.Duration("every", 10*time.Millisecond, "time between two leaked sessions")
	flag.Parse()
	sessions := &store{sessions: map[string]*session{}}
	go func() {
		for n := 0; ; n++ {
			opened := sessions.open()
			if n%10 == 0 {
				askAndForget(opened)
			}
			time.Sleep(*every)
		}
	}()
	log.Fatal(http.ListenAndServe(*addr, nil))
}
