// Mail receives messages with go-smtp and keeps the last thousand.
//
//	go run . -addr 127.0.0.1:2525 -debug 127.0.0.1:6060
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	_ "net/http/pprof"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

const kept = 1000

type mailbox struct {
	mu       sync.Mutex
	messages [][]byte
	next     int
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{mailbox: m}, nil }

type session struct{ mailbox *mailbox }

func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s *session) Reset()                               {}
func (s *session) Logout() error                        { return nil }

func (s *session) Data(r io.Reader) error {
	message, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := s.mailbox
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.messages) < kept {
		m.messages = append(m.messages, message)
	} else {
		m.messages[m.next%kept] = message
		m.next++
	}
	return nil
}

func main() {
	addr := flag.String("addr", "127.0.0.1:2525", "where to serve")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()
	server := smtp.NewServer(&mailbox{})
	server.Addr, server.Domain = *addr, "localhost"
	server.ReadTimeout, server.WriteTimeout = time.Minute, time.Minute
	log.Fatal(server.ListenAndServe())
}
