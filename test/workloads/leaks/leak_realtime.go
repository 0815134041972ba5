package main

import (
	"context"
	"net"
	"strings"
	"time"

	"example.com/shopfront/realtime"
	"github.com/gorilla/websocket"
)

// Connections that stay.
var realtimeScenarios = []*scenario{
	{
		name: "websocket-slow-writer", kind: "goroutine",
		about: "a visitor stops reading; the goroutine that writes to it has no deadline, and its reader no pong timeout",
		labels: []string{
			`example\.com/shopfront/realtime\.\(\*Socket\)\.writePump\(.* \[IO wait\]`,
			`example\.com/shopfront/realtime\.\(\*Socket\)\.readPump\(.* \[IO wait\]`,
		},
		install: func(s *service) {
			s.router.Get("/socket", realtime.Sockets(s.hub, realtime.SocketOptions{WriteTimeout: fixedOr(s.fixed, 2*time.Second, 0), ReadTimeout: fixedOr(s.fixed, 6*time.Second, 0)}))
		},
		clients: func(ctx context.Context, v *visitors) {
			go v.keepSockets(ctx, 50, 30*time.Second)
			v.abandonSockets(ctx, 10*v.rate)
		},
	},
	{
		name: "websocket-reader-left", kind: "goroutine",
		about:  "when a websocket's reader ends, its writer is not told and waits for messages for ever",
		labels: []string{`example\.com/shopfront/realtime\.\(\*Socket\)\.writePump\(.* \[select\]`},
		install: func(s *service) {
			s.router.Get("/socket", realtime.Sockets(s.hub, realtime.SocketOptions{
				WriteTimeout: 2 * time.Second, ReadTimeout: 20 * time.Second, LeaveWriter: !s.fixed,
			}))
		},
		clients: func(ctx context.Context, v *visitors) { v.keepSockets(ctx, 60, 40*time.Second) },
	},
}

func fixedOr[T any](fixed bool, good, bad T) T {
	if fixed {
		return good
	}
	return bad
}

// keepSockets holds websockets open that read what they are sent and answer pings.
func (v *visitors) keepSockets(ctx context.Context, count float64, life time.Duration) {
	v.keep(ctx, func() float64 { return count * v.traffic * v.level() }, life, func(ctx context.Context, _ int) {
		conn, _, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(v.instance.url(), "http", "ws", 1)+"/socket", nil)
		if err != nil {
			time.Sleep(200 * time.Millisecond)
			return
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	})
}

// abandonSockets opens so many websockets a minute that are never read from.
func (v *visitors) abandonSockets(ctx context.Context, perMinute float64) {
	dialer := websocket.Dialer{NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(2048)
		}
		return conn, err
	}}
	var kept []*websocket.Conn
	for {
		select {
		case <-ctx.Done():
			for _, conn := range kept {
				_ = conn.Close()
			}
			return
		case <-time.After(time.Duration(60 / (perMinute * v.level()) * (0.5 + v.float()) * float64(time.Second))):
		}
		conn, _, err := dialer.DialContext(ctx, strings.Replace(v.instance.url(), "http", "ws", 1)+"/socket", nil)
		if err == nil {
			kept = append(kept, conn)
		}
	}
}
