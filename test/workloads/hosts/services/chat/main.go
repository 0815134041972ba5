// Chat is a room server over gorilla/websocket: per connection a reader and a writer, per room a hub and a bounded history.
//
//	go run . -addr 127.0.0.1:8080 -debug 127.0.0.1:6060
package main

import (
	"flag"
	"log"
	"net/http"
	_ "net/http/pprof"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const historyLength = 100

type room struct {
	join, leave chan *member
	said        chan []byte
}

type member struct {
	conn *websocket.Conn
	out  chan []byte
}

var (
	upgrader = websocket.Upgrader{}
	mu       sync.Mutex
	rooms    = map[string]*room{}
)

func open(name string) *room {
	mu.Lock()
	defer mu.Unlock()
	r := rooms[name]
	if r == nil {
		r = &room{join: make(chan *member), leave: make(chan *member), said: make(chan []byte)}
		rooms[name] = r
		go r.run()
	}
	return r
}

func (r *room) run() {
	members := map[*member]bool{}
	var history [][]byte
	for {
		select {
		case m := <-r.join:
			members[m] = true
		case m := <-r.leave:
			if members[m] {
				delete(members, m)
				close(m.out)
			}
		case text := <-r.said:
			history = append(history, text)
			if len(history) > historyLength {
				history = history[1:]
			}
			for m := range members {
				select {
				case m.out <- text:
				default: // who does not read loses the message, not the room
				}
			}
		}
	}
}

func (m *member) write() {
	ping := time.NewTicker(15 * time.Second)
	defer ping.Stop()
	defer m.conn.Close()
	for {
		select {
		case text, open := <-m.out:
			if !open || m.conn.WriteMessage(websocket.TextMessage, text) != nil {
				return
			}
		case <-ping.C:
			if m.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()
	mux := http.NewServeMux()
	mux.HandleFunc("/rooms/{name}", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		m, in := &member{conn: conn, out: make(chan []byte, 16)}, open(r.PathValue("name"))
		in.join <- m
		go m.write()
		for {
			_, text, err := conn.ReadMessage()
			if err != nil {
				break
			}
			in.said <- text
		}
		in.leave <- m
	})
	log.Fatal(http.ListenAndServe(*addr, mux))
}
