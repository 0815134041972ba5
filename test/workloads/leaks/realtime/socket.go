package realtime

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// SocketOptions are the limits of websockets. A timeout of 0 is none. LeaveWriter leaves the writer alone when the
// reader ends.
type SocketOptions struct {
	WriteTimeout, ReadTimeout time.Duration
	LeaveWriter               bool
}

// Socket is one websocket with its two goroutines.
type Socket struct {
	conn         *websocket.Conn
	options      SocketOptions
	subscription *Subscription
	closed       chan struct{}
}

// Sockets serves websockets that get all offers.
func Sockets(hub *Hub, options SocketOptions) http.HandlerFunc {
	upgrader := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		if tcp, ok := conn.NetConn().(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(4096)
		}
		s := &Socket{conn: conn, options: options, subscription: hub.Subscribe("1"), closed: make(chan struct{})}
		go s.writePump()
		go s.readPump(hub)
	}
}

func (s *Socket) readPump(hub *Hub) {
	defer hub.Unsubscribe(s.subscription)
	defer func() {
		if !s.options.LeaveWriter {
			close(s.closed)
		}
		_ = s.conn.Close()
	}()
	extend := func(string) error {
		if s.options.ReadTimeout == 0 {
			return nil
		}
		return s.conn.SetReadDeadline(time.Now().Add(s.options.ReadTimeout))
	}
	_ = extend("")
	s.conn.SetPongHandler(extend)
	for {
		if _, _, err := s.conn.ReadMessage(); err != nil {
			return
		}
	}
}

var padding = strings.Repeat("offer ", 4000)

func (s *Socket) writePump() {
	for {
		select {
		case <-s.closed:
			return
		case message := <-s.subscription.Messages():
			if s.options.WriteTimeout != 0 {
				_ = s.conn.SetWriteDeadline(time.Now().Add(s.options.WriteTimeout))
			}
			if err := s.conn.WriteMessage(websocket.TextMessage, []byte(message.Text+padding)); err != nil {
				_ = s.conn.Close()
				return
			}
			if s.options.ReadTimeout == 0 {
				continue
			}
			if err := s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)); err != nil {
				_ = s.conn.Close()
				return
			}
		}
	}
}
