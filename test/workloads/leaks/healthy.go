package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/shopfront/realtime"
	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Goroutines that become more for good reasons.
var healthyScenarios = []*scenario{
	{
		name: "traffic-only", kind: "goroutine", healthy: true,
		about:   "the shop with its ordinary traffic and nothing else",
		install: func(*service) {},
	},
	{
		name: "websocket-ramp", kind: "goroutine", healthy: true,
		about: "websockets, each with a reader and a writer, follow the load",
		install: func(s *service) {
			s.router.Get("/socket", realtime.Sockets(s.hub, realtime.SocketOptions{WriteTimeout: 2 * time.Second, ReadTimeout: 20 * time.Second}))
		},
		clients: func(ctx context.Context, v *visitors) { v.keepSockets(ctx, 180, 50*time.Second) },
	},
	{
		name: "connections-with-cond", kind: "goroutine", healthy: true,
		about:   "a line server: each connection's writer waits on a condition for something to write",
		install: func(s *service) { (&lineServer{service: s, style: "cond"}).listen() },
		clients: func(ctx context.Context, v *visitors) { v.keepLines(ctx, 150, 60*time.Second) },
	},
	{
		name: "connections-with-waitgroup", kind: "goroutine", healthy: true,
		about:   "a line server: each connection's goroutine waits for its reader, its writer and its clock",
		install: func(s *service) { (&lineServer{service: s, style: "waitgroup"}).listen() },
		clients: func(ctx context.Context, v *visitors) { v.keepLines(ctx, 100, 60*time.Second) },
	},
	{
		name: "connections-with-channel", kind: "goroutine", healthy: true,
		about:   "a line server: each connection's writer ranges over a channel that its reader closes",
		install: func(s *service) { (&lineServer{service: s, style: "channel"}).listen() },
		clients: func(ctx context.Context, v *visitors) { v.keepLines(ctx, 150, 60*time.Second) },
	},
	{
		name: "work-items-ramp", kind: "goroutine", healthy: true,
		about: "every job has a goroutine and a group of four for some ten seconds; jobs follow the load",
		hits:  []hit{{method: "POST", path: "/jobs/%d", perMinute: 120, ordinary: true}},
		install: func(s *service) {
			j := &jobRunner{service: s}
			s.router.Post("/jobs/{id}", j.start)
		},
	},
	{
		name: "big-worker-pool", kind: "goroutine", healthy: true,
		about: "a worker pool grows in steps to 5,200 goroutines and stays",
		install: func(s *service) {
			tasks := make(chan func(), 1000)
			go func() {
				for range 13 {
					pool := &workerPool{tasks: tasks}
					for range 400 {
						go pool.work(s.ctx)
					}
					time.Sleep(4 * time.Second)
				}
			}()
			go func() {
				for {
					time.Sleep(5 * time.Millisecond)
					tasks <- func() { time.Sleep(3 * time.Millisecond) }
				}
			}()
		},
	},
	{
		name: "queue-with-backpressure", kind: "goroutine", healthy: true,
		about: "producers wait to send to a full queue that is drained all the time, at the speed of its consumer",
		hits:  []hit{{method: "POST", path: "/events/%d", perMinute: 2600, ordinary: true}},
		install: func(s *service) {
			q := &eventQueue{service: s, events: make(chan int, 8)}
			go q.consume()
			s.router.Post("/events/{id}", q.accept)
		},
	},
	{
		name: "mutex-contention", kind: "goroutine", healthy: true,
		about: "handlers wait for one lock that is held for some milliseconds by each",
		hits:  []hit{{method: "POST", path: "/votes/%d", perMinute: 3300, ordinary: true}},
		install: func(s *service) {
			b := &ballot{service: s}
			s.router.Post("/votes/{id}", b.vote)
		},
	},
	{
		name: "slow-start", kind: "goroutine", healthy: true,
		about: "consumers of 300 partitions are started one after the other in the first minute and a half",
		install: func(s *service) {
			go func() {
				for partition := range 300 {
					go s.consumePartition(partition)
					time.Sleep(300 * time.Millisecond)
				}
			}()
		},
	},
	{
		name: "tenant-workers-plateau", kind: "goroutine", healthy: true,
		about: "every tenant gets a worker when it is first seen, until all 150 have one",
		hits:  []hit{{method: "POST", path: "/tenants/%d", perMinute: 240, ordinary: true}},
		install: func(s *service) {
			workers := newTenantWorkers(s.ctx)
			s.router.Post("/tenants/{id}", func(w http.ResponseWriter, r *http.Request) {
				workers.notify(fmt.Sprintf("tenant-%d", rand.Intn(150)), &order{Customer: r.URL.Path})
				w.WriteHeader(http.StatusAccepted)
			})
		},
	},
	{
		name: "long-polling", kind: "goroutine", healthy: true,
		about: "visitors poll with requests that wait up to 25 s for news",
		install: func(s *service) {
			s.router.Get("/poll", func(w http.ResponseWriter, r *http.Request) {
				subscription := s.hub.Subscribe("none")
				defer s.hub.Unsubscribe(subscription)
				select {
				case message := <-subscription.Messages():
					writeJSON(w, message)
				case <-time.After(25 * time.Second):
					w.WriteHeader(http.StatusNoContent)
				case <-r.Context().Done():
				}
			})
		},
		clients: func(ctx context.Context, v *visitors) {
			v.keep(ctx, func() float64 { return 160 * v.traffic * v.level() }, 30*time.Second, func(ctx context.Context, n int) {
				v.request(ctx, hit{method: "GET", path: "/poll", timeout: 40 * time.Second}, n)
			})
		},
	},
	{
		name: "upstream-slow-for-a-while", kind: "goroutine", healthy: true,
		about: "a service that is called answers slowly for a while, then fast again; handlers pile up and drain",
		hits:  []hit{{method: "GET", path: "/availability/%d", perMinute: 1200, ordinary: true}},
		install: func(s *service) {
			a := &availability{service: s, started: time.Now(), client: &http.Client{
				Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100, IdleConnTimeout: 8 * time.Second},
			}}
			s.router.Get("/availability/{id}", a.serve)
		},
	},
	{
		name: "client-pool-fills", kind: "goroutine", healthy: true,
		about: "the pool of connections to another service fills up to its bound of 80 and keeps them",
		hits:  []hit{{method: "GET", path: "/slowquote/%d", perMinute: 700, ordinary: true}},
		install: func(s *service) {
			c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 80, MaxConnsPerHost: 80}}
			s.router.Get("/slowquote/{id}", func(w http.ResponseWriter, r *http.Request) {
				id, _ := strconv.Atoi(chi.URLParam(r, "id"))
				answer, err := c.Get(s.upstreamHTTP + "/slow?ms=" + strconv.Itoa(20*(id%300)))
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadGateway)
					return
				}
				defer answer.Body.Close()
				_, _ = io.Copy(w, answer.Body)
			})
		},
	},
	{
		name: "grpc-stream-per-visitor", kind: "goroutine", healthy: true,
		about: "every visitor of a live page has a stream to another service, which ends with the visit",
		install: func(s *service) {
			conn, err := grpc.NewClient(s.upstreamGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				panic(err)
			}
			p := &livePage{service: s, health: grpc_health_v1.NewHealthClient(conn)}
			s.router.Get("/live", p.serve)
		},
		clients: func(ctx context.Context, v *visitors) {
			v.keep(ctx, func() float64 { return 90 * v.traffic * v.level() }, 40*time.Second, func(ctx context.Context, n int) {
				v.request(ctx, hit{method: "GET", path: "/live", timeout: 2 * time.Minute}, n)
			})
		},
	},
	{
		name: "delayed-reminders", kind: "goroutine", healthy: true,
		about: "a reminder waits 45 s in a goroutine of its own; their number rises until as many end as begin",
		hits:  []hit{{method: "POST", path: "/reminders/%d", perMinute: 150, ordinary: true}},
		install: func(s *service) {
			s.router.Post("/reminders/{id}", func(w http.ResponseWriter, r *http.Request) {
				go s.remind(chi.URLParam(r, "id"))
				w.WriteHeader(http.StatusAccepted)
			})
		},
	},
}

// lineServer is a server of its own protocol: each connection has a reader and a writer.
type lineServer struct {
	*service
	style string
}

func (l *lineServer) listen() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	l.router.Get("/lines", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, listener.Addr()) })
	go l.accept(listener)
}

func (l *lineServer) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		switch l.style {
		case "cond":
			c := &condConn{conn: conn}
			c.cond = sync.NewCond(&c.mu)
			go c.readLoop()
			go c.writeLoop()
		case "waitgroup":
			go l.supervise(conn)
		case "channel":
			c := &channelConn{conn: conn, out: make(chan string, 4)}
			go c.readLoop()
			go c.writeLoop()
		}
	}
}

type condConn struct {
	conn   net.Conn
	mu     sync.Mutex
	cond   *sync.Cond
	out    []string
	closed bool
}

func (c *condConn) readLoop() {
	lines := bufio.NewScanner(c.conn)
	for lines.Scan() {
		c.mu.Lock()
		c.out = append(c.out, strings.ToUpper(lines.Text())+"\n")
		c.mu.Unlock()
		c.cond.Signal()
	}
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cond.Broadcast()
	_ = c.conn.Close()
}

func (c *condConn) writeLoop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for len(c.out) == 0 && !c.closed {
			c.cond.Wait()
		}
		if c.closed {
			return
		}
		text := strings.Join(c.out, "")
		c.out = c.out[:0]
		c.mu.Unlock()
		_, err := io.WriteString(c.conn, text)
		c.mu.Lock()
		if err != nil {
			return
		}
	}
}

type channelConn struct {
	conn net.Conn
	out  chan string
}

func (c *channelConn) readLoop() {
	defer c.conn.Close()
	defer close(c.out)
	lines := bufio.NewScanner(c.conn)
	for lines.Scan() {
		c.out <- strings.ToUpper(lines.Text()) + "\n"
	}
}

func (c *channelConn) writeLoop() {
	for text := range c.out {
		if _, err := io.WriteString(c.conn, text); err != nil {
			_ = c.conn.Close()
		}
	}
}

func (l *lineServer) supervise(conn net.Conn) {
	defer conn.Close()
	c := &channelConn{conn: conn, out: make(chan string, 4)}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		c.readLoop()
	})
	wg.Go(c.writeLoop)
	wg.Go(func() {
		clock := time.NewTicker(5 * time.Second)
		defer clock.Stop()
		for {
			select {
			case <-done:
				return
			case <-clock.C:
				_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
			}
		}
	})
	wg.Wait()
}

// keepLines holds connections to the line server open that say something now and then.
func (v *visitors) keepLines(ctx context.Context, count float64, life time.Duration) {
	v.keep(ctx, func() float64 { return count * v.traffic * v.level() }, life, func(ctx context.Context, n int) {
		answer, err := v.http.Get(v.instance.url() + "/lines")
		if err != nil {
			time.Sleep(200 * time.Millisecond)
			return
		}
		address, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		conn, err := net.Dial("tcp", string(address))
		if err != nil {
			return
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		answers := bufio.NewReader(conn)
		for {
			if _, err := fmt.Fprintf(conn, "hello from %d\n", n); err != nil {
				return
			}
			if _, err := answers.ReadString('\n'); err != nil {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(1+n%5) * time.Second):
			}
		}
	})
}

type jobRunner struct{ *service }

func (j *jobRunner) start(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	go j.run(id)
	w.WriteHeader(http.StatusAccepted)
}

func (j *jobRunner) run(id int) {
	group, ctx := errgroup.WithContext(j.ctx)
	for part := range 4 {
		group.Go(func() error { return j.part(ctx, id, part) })
	}
	if err := group.Wait(); err != nil {
		j.log.Warn("job: " + err.Error())
	}
}

func (j *jobRunner) part(ctx context.Context, id, part int) error {
	finished := make(chan struct{})
	time.AfterFunc(time.Duration(4+(id+part*3)%11)*time.Second, func() { close(finished) })
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type eventQueue struct {
	*service
	events chan int
}

func (q *eventQueue) consume() {
	sum := 0
	for event := range q.events {
		sum += event
		time.Sleep(21 * time.Millisecond)
	}
}

func (q *eventQueue) accept(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	q.events <- id
	w.WriteHeader(http.StatusAccepted)
}

type ballot struct {
	*service
	mu    sync.Mutex
	votes map[string]int
}

func (b *ballot) vote(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.votes == nil {
		b.votes = map[string]int{}
	}
	b.votes[tenant(r.Context())]++
	time.Sleep(16 * time.Millisecond)
	w.WriteHeader(http.StatusAccepted)
}

func (s *service) consumePartition(partition int) {
	offset := 0
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(time.Duration(2+partition%5) * time.Second):
			offset++
		}
	}
}

type availability struct {
	*service
	started time.Time
	client  *http.Client
}

func (a *availability) serve(w http.ResponseWriter, r *http.Request) {
	millis := 20
	if since := time.Since(a.started); since > 45*time.Second && since < 100*time.Second {
		millis = 3000 + rand.Intn(4000)
	}
	request, err := http.NewRequestWithContext(r.Context(), "GET", a.upstreamHTTP+"/slow?ms="+strconv.Itoa(millis), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer, err := a.client.Do(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	_, _ = io.Copy(w, answer.Body)
}

type livePage struct {
	*service
	health grpc_health_v1.HealthClient
}

func (p *livePage) serve(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stream, err := p.health.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	flusher := http.NewResponseController(w)
	for {
		status, err := stream.Recv()
		if err != nil {
			return
		}
		if err := json.NewEncoder(w).Encode(status.GetStatus().String()); err != nil {
			return
		}
		_ = flusher.Flush()
	}
}

func (s *service) remind(id string) {
	select {
	case <-s.ctx.Done():
	case <-time.After(45 * time.Second):
		s.log.Info("reminder " + id)
	}
}
