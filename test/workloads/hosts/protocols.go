package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"time"
)

// webSocket joins and says something now and then. What it says is one small frame, masked as clients must.
func webSocket(path string, every time.Duration, size int) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		conn, err := dial(ctx, in.address(0))
		if err != nil {
			return err
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", fill(path, in, id))
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusSwitchingProtocols {
			return fmt.Errorf("websocket %s: %s", path, response.Status)
		}
		go func() {
			for pause(ctx, jitter(every)); ctx.Err() == nil; pause(ctx, jitter(every)) {
				frame := append([]byte{0x81, 0x80 | 126, byte(size >> 8), byte(size), 0, 0, 0, 0}, bytes.Repeat([]byte("x"), size)...)
				if _, err := conn.Write(frame); err != nil {
					return
				}
			}
		}()
		_, err = io.Copy(io.Discard, reader)
		return err
	}
}

// mqttClient subscribes to a topic and publishes to one now and then (MQTT 3.1.1, QoS 0).
func mqttClient(subscribe, publish string, every time.Duration, size int) func(context.Context, *instance, int) error {
	text := func(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
	packet := func(head byte, parts ...[]byte) []byte {
		body := bytes.Join(parts, nil)
		return append(binary.AppendUvarint([]byte{head}, uint64(len(body))), body...)
	}
	return func(ctx context.Context, in *instance, id int) error {
		conn, err := dial(ctx, in.address(0))
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.Write(packet(0x10, text("MQTT"), []byte{4, 2, 0, 120}, text(fmt.Sprintf("c%d", id)))); err != nil {
			return err
		}
		if _, err := conn.Write(packet(0x82, []byte{0, 1}, text(fill(subscribe, in, id)), []byte{0})); err != nil {
			return err
		}
		go func() {
			for pause(ctx, jitter(every)); ctx.Err() == nil; pause(ctx, jitter(every)) {
				if _, err := conn.Write(packet(0x30, text(fill(publish, in, id)), bytes.Repeat([]byte("x"), size))); err != nil {
					return
				}
			}
		}()
		_, err = io.Copy(io.Discard, conn)
		return err
	}
}

// dnsClient asks over TCP, one question after another, for names out of a number of them.
func dnsClient(names int, every time.Duration) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		conn, err := dial(ctx, in.address(0))
		if err != nil {
			return err
		}
		defer conn.Close()
		for ctx.Err() == nil {
			label := fmt.Sprintf("n%d", rand.Intn(names))
			question := binary.BigEndian.AppendUint16(nil, uint16(rand.Intn(1<<16)))
			question = append(question, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, byte(len(label)))
			question = append(append(question, label...), 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1)
			if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(question))), question...)); err != nil {
				return err
			}
			var length [2]byte
			if _, err := io.ReadFull(conn, length[:]); err == io.EOF {
				return nil // the server answers so many questions on one connection, not more
			} else if err != nil {
				return err
			}
			if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint16(length[:]))); err != nil {
				return err
			}
			pause(ctx, jitter(every))
		}
		return nil
	}
}

// grpcStream holds a call without TLS whose request is an empty message and whose answer does not end.
func grpcStream(method string) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, _ int) error {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		defer transport.CloseIdleConnections()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+in.address(0)+method, bytes.NewReader(make([]byte, 5)))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/grpc")
		request.Header.Set("TE", "trailers")
		response, err := transport.RoundTrip(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
}
