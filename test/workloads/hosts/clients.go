package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"strings"
	"time"
)

// call asks through the client that the loads of an instance share, so that its connections do not follow the units.
func (in *instance) call(ctx context.Context, method, url, body string) ([]byte, error) {
	return send(ctx, in.client, method, url, body)
}

func send(ctx context.Context, client *http.Client, method, url, body string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 400 {
		err = fmt.Errorf("%s %s: %s %s", method, url, response.Status, bytes.TrimSpace(answer[:min(len(answer), 200)]))
	}
	return answer, err
}

// undo runs what ends a unit of load, when the window's own context may be over.
func (in *instance) undo(method, url, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := in.call(ctx, method, url, body); err != nil {
		in.complain(err)
	}
}

// ownClient is one client with one connection of its own.
func ownClient() (*http.Client, func()) {
	transport := &http.Transport{MaxConnsPerHost: 1}
	return &http.Client{Transport: transport}, transport.CloseIdleConnections
}

// keepAlive holds one connection that asks for a path now and then.
func keepAlive(port int, path string, every time.Duration) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		client, end := ownClient()
		defer end()
		for ctx.Err() == nil {
			if _, err := send(ctx, client, http.MethodGet, "http://"+in.address(port)+fill(path, in, id), ""); err != nil {
				return err
			}
			pause(ctx, jitter(every))
		}
		return nil
	}
}

// stream holds one request whose answer does not end, such as a watch.
func stream(method string, port int, path, body string) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		client, end := ownClient()
		defer end()
		request, err := http.NewRequestWithContext(ctx, method, "http://"+in.address(port)+fill(path, in, id), strings.NewReader(fill(body, in, id)))
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode >= 400 {
			return fmt.Errorf("%s %s: %s", method, path, response.Status)
		}
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
}

// fill puts the number of the unit and the address of the backend into a template.
func fill(text string, in *instance, id int) string {
	return strings.NewReplacer(
		"{id}", fmt.Sprint(id), "{backend}", in.window.backend.address, "{random}", fmt.Sprint(rand.Int63()), "{dir}", in.dir,
		"{ten}", fmt.Sprint(rand.Intn(10)), "{thousand}", fmt.Sprint(rand.Intn(1000)),
	).Replace(text)
}

// jitter spreads a duration by a half either way.
func jitter(d time.Duration) time.Duration { return time.Duration(float64(d) * (.5 + rand.Float64())) }

// slowReader asks for a path and reads the answer at a rate, over a small receive buffer so that the server feels it.
func slowReader(port int, path string, bytesPerSecond int) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		conn, err := dial(ctx, in.address(port))
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.(*net.TCPConn).SetReadBuffer(4096)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", fill(path, in, id))
		chunk := make([]byte, bytesPerSecond/4)
		for ctx.Err() == nil {
			if _, err := io.ReadFull(conn, chunk); err != nil {
				if err == io.EOF || err == io.ErrUnexpectedEOF {
					return nil
				}
				return err
			}
			pause(ctx, 250*time.Millisecond)
		}
		return nil
	}
}

// dial connects and closes the connection when the context ends, so that blocked reads end too.
func dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn, nil
}

// natsClient subscribes and, where it publishes, does so now and then. Subjects are filled as fill does.
func natsClient(subscribe, publish string, every time.Duration, size int) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		conn, err := dial(ctx, in.address(0))
		if err != nil {
			return err
		}
		defer conn.Close()
		fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\n")
		if subscribe != "" {
			fmt.Fprintf(conn, "SUB %s 1\r\n", fill(subscribe, in, id))
		}
		if publish != "" {
			go func() {
				for pause(ctx, jitter(every)); ctx.Err() == nil; pause(ctx, jitter(every)) {
					fmt.Fprintf(conn, "PUB %s %d\r\n%s\r\n", fill(publish, in, id), size, bytes.Repeat([]byte("x"), size))
				}
			}()
		}
		lines := bufio.NewReader(conn)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return err
			}
			if strings.HasPrefix(line, "PING") {
				fmt.Fprint(conn, "PONG\r\n")
			}
			if strings.HasPrefix(line, "-ERR") {
				return fmt.Errorf("nats: %s", strings.TrimSpace(line))
			}
		}
	}
}

// natsRequest sends one request and waits for its answer.
func natsRequest(ctx context.Context, address, subject, body string) (string, error) {
	conn, err := dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\nSUB answer 1\r\nPUB %s answer %d\r\n%s\r\n", subject, len(body), body)
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(line, "MSG answer") {
			answer, err := lines.ReadString('\n')
			if err == nil && strings.Contains(answer, `"error"`) {
				err = fmt.Errorf("nats %s: %s", subject, answer)
			}
			return answer, err
		}
	}
}

// lineClient speaks a protocol of lines: it sends the opening ones, and then another now and then, and reads what comes.
func lineClient(port int, opening, repeated string, every time.Duration) func(context.Context, *instance, int) error {
	return func(ctx context.Context, in *instance, id int) error {
		conn, err := dial(ctx, in.address(port))
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := fmt.Fprint(conn, fill(opening, in, id)); err != nil {
			return err
		}
		if repeated != "" {
			go func() {
				for pause(ctx, jitter(every)); ctx.Err() == nil; pause(ctx, jitter(every)) {
					fmt.Fprint(conn, fill(repeated, in, id))
				}
			}()
		}
		_, err = io.Copy(io.Discard, conn)
		return err
	}
}
