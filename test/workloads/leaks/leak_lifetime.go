package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"example.com/shopfront/realtime"
	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Things with a goroutine of their own that nobody stops.
var lifetimeScenarios = []*scenario{
	{
		name: "custom-parent-context", kind: "goroutine", signature: 16,
		about:      "a child of a context type of the application's own is never cancelled; package context gives each a goroutine",
		labels:     []string{`context\.\(\*cancelCtx\)\.propagateCancel\.func\d+\(.* \[select\]`},
		heapLabels: []string{`main\.\(\*checkout\)\.begin$`},
		hits:       []hit{post("/checkouts/%d", 60)},
		install: func(s *service) {
			c := &checkout{service: s, life: &drainContext{Context: context.Background(), drained: make(chan struct{})}}
			s.router.Post("/checkouts/{id}", c.serve)
		},
	},
	{
		name: "ticker-without-exit", kind: "goroutine", signature: 18,
		about:  "a heartbeat per session ranges over a ticker and is not told when the session ends",
		labels: []string{`\(\*presence\)\.track\.func1\(.* \[(chan receive|select)\]`},
		hits:   []hit{post("/presence/%d", 20)},
		install: func(s *service) {
			p := &presence{service: s, seen: map[int]time.Time{}}
			s.router.Post("/presence/{id}", p.track)
		},
	},
	{
		name: "stop-never-called", kind: "goroutine", signature: 23,
		about:  "a batcher is made for every import and never stopped",
		labels: []string{`\(\*batcher\)\.run\(.* \[select\]`},
		hits:   []hit{post("/ingest/%d", 14)},
		install: func(s *service) {
			i := &ingest{service: s}
			s.router.Post("/ingest/{id}", i.serve)
		},
	},
	{
		name: "log-buffer-not-stopped", kind: "goroutine", signature: 23,
		about:      "a buffered log writer of a library is made for every audit and never stopped",
		labels:     []string{`go\.uber\.org/zap/zapcore\.\(\*BufferedWriteSyncer\)\.flushLoop\(.* \[select\]`},
		heapLabels: []string{`main\.\(\*audits\)\.(writer|run)$`},
		hits:       []hit{post("/audits/%d", 9)},
		install: func(s *service) {
			a := &audits{service: s}
			s.router.Post("/audits/{id}", a.run)
		},
	},
	{
		name: "tenant-worker-replaced", kind: "goroutine",
		about:  "a new worker of a tenant starts at every change of its settings, the one before goes on waiting",
		labels: []string{`\(\*tenantSettings\)\.work\(.* \[select\]`},
		hits:   []hit{post("/settings/%d", 25)},
		install: func(s *service) {
			t := &tenantSettings{service: s, current: map[string]*settingsWorker{}}
			s.router.Post("/settings/{id}", t.change)
		},
	},
	{
		name: "subscriber-not-removed", kind: "goroutine",
		about:  "a subscriber's goroutine is not ended when the visitor goes",
		labels: []string{`example\.com/shopfront/realtime\.\(\*Hub\)\.Follow\.func1\(.* \[chan receive\]`},
		hits:   []hit{post("/follow/%d", 30)},
		install: func(s *service) {
			s.router.Post("/follow/{id}", func(w http.ResponseWriter, r *http.Request) {
				id, _ := strconv.Atoi(chi.URLParam(r, "id"))
				stop := s.hub.Follow(strconv.Itoa(id%12), func(realtime.Message) { s.metrics.requests.WithLabelValues("PUSH", "follow").Inc() })
				time.Sleep(30 * time.Millisecond)
				if s.fixed || id%3 != 0 {
					stop()
				}
				w.WriteHeader(http.StatusNoContent)
			})
		},
	},
	{
		name: "timer-chain", kind: "goroutine",
		about:  "a watchdog arms itself again from its own timer for ever; each round waits for a job that is gone",
		labels: []string{`\(\*watchdog\)\.arm\.[^ ]*\(.* \[chan receive\]`},
		hits:   []hit{post("/watch/%d", 10)},
		install: func(s *service) {
			d := &watchdog{service: s}
			s.router.Post("/watch/{id}", d.serve)
		},
	},
	{
		name: "job-overlap", kind: "goroutine",
		about:  "a cron-like job starts on its clock although the run before still waits for its lease",
		labels: []string{`\(\*nightly\)\.tick\.func1\(.* \[(chan receive|select)\]`},
		install: func(s *service) {
			n := &nightly{service: s, lease: make(chan struct{}, 1)}
			n.lease <- struct{}{}
			go n.tick()
		},
	},
}

// drainContext ends when the service has drained.
type drainContext struct {
	context.Context
	drained chan struct{}
}

func (d *drainContext) Done() <-chan struct{} { return d.drained }

type checkout struct {
	*service
	life *drainContext
}

// purchase is one checkout under way.
type purchase struct {
	id     int
	ctx    context.Context
	cancel context.CancelFunc
}

func (c *checkout) begin(id int) *purchase {
	ctx, cancel := context.WithCancel(c.life)
	return &purchase{id: id, ctx: ctx, cancel: cancel}
}

func (p *purchase) pay() error {
	if p.id%4 == 0 {
		return errors.New("card refused")
	}
	return p.ctx.Err()
}

func (c *checkout) serve(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	begun := c.begin(id)
	if c.fixed {
		defer begun.cancel()
	}
	if err := begun.pay(); err != nil {
		http.Error(w, err.Error(), http.StatusPaymentRequired)
		return
	}
	begun.cancel()
	w.WriteHeader(http.StatusCreated)
}

type presence struct {
	*service
	mu   sync.Mutex
	seen map[int]time.Time
}

func (p *presence) track(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	clock := time.NewTicker(900 * time.Millisecond)
	gone := make(chan struct{})
	go func() {
		if !p.fixed {
			for at := range clock.C {
				p.beat(id, at)
			}
		}
		defer clock.Stop()
		for {
			select {
			case at := <-clock.C:
				p.beat(id, at)
			case <-gone:
				return
			}
		}
	}()
	time.AfterFunc(3*time.Second, func() { close(gone) })
	w.WriteHeader(http.StatusNoContent)
}

func (p *presence) beat(id int, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[id%100] = at
}

type batcher struct {
	in   chan int
	stop chan struct{}
	sum  int
}

func newBatcher() *batcher {
	b := &batcher{in: make(chan int, 8), stop: make(chan struct{})}
	go b.run()
	return b
}

func (b *batcher) run() {
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	for {
		select {
		case n := <-b.in:
			b.sum += n
		case <-clock.C:
			b.sum = 0
		case <-b.stop:
			return
		}
	}
}

func (b *batcher) Stop() { close(b.stop) }

type ingest struct{ *service }

func (i *ingest) serve(w http.ResponseWriter, r *http.Request) {
	b := newBatcher()
	if i.fixed {
		defer b.Stop()
	}
	for n := range 20 {
		b.in <- n
	}
	w.WriteHeader(http.StatusAccepted)
}

type audits struct{ *service }

func (a *audits) writer() *zapcore.BufferedWriteSyncer {
	return &zapcore.BufferedWriteSyncer{WS: zapcore.AddSync(io.Discard), Size: 16 << 10, FlushInterval: 2 * time.Second}
}

func (a *audits) run(w http.ResponseWriter, r *http.Request) {
	out := a.writer()
	if a.fixed {
		defer out.Stop()
	}
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), out, zap.InfoLevel))
	for range 30 {
		log.Info("audited", zap.String("tenant", tenant(r.Context())))
	}
	_ = log.Sync()
	w.WriteHeader(http.StatusNoContent)
}

type tenantSettings struct {
	*service
	mu      sync.Mutex
	current map[string]*settingsWorker
}

type settingsWorker struct {
	wake   chan int
	cancel context.CancelFunc
}

func (t *tenantSettings) change(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	name := tenant(r.Context())
	t.mu.Lock()
	defer t.mu.Unlock()
	if before := t.current[name]; before != nil {
		if id%4 != 0 {
			before.wake <- id
			return
		}
		if t.fixed {
			before.cancel()
		}
	}
	ctx, cancel := context.WithCancel(t.ctx)
	worker := &settingsWorker{wake: make(chan int, 4), cancel: cancel}
	t.current[name] = worker
	go t.work(ctx, worker)
	w.WriteHeader(http.StatusAccepted)
}

func (t *tenantSettings) work(ctx context.Context, worker *settingsWorker) {
	sum := 0
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-worker.wake:
			sum += n
		}
	}
}

type watchdog struct{ *service }

func (d *watchdog) serve(w http.ResponseWriter, r *http.Request) {
	job := make(chan int)
	d.arm(job, 1)
	if d.fixed {
		defer close(job)
	}
	w.WriteHeader(http.StatusNoContent)
}

// arm looks after a job again and again; the job is over when its channel is closed.
func (d *watchdog) arm(job <-chan int, round int) {
	time.AfterFunc(time.Duration(round)*4*time.Second, func() {
		if round < 3 {
			d.arm(job, round+1)
		}
		<-job
	})
}

type nightly struct {
	*service
	lease chan struct{}
}

func (n *nightly) tick() {
	for number := 0; ; number++ {
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(4 * time.Second):
		}
		go func() {
			if n.fixed {
				select {
				case <-n.lease:
				case <-time.After(time.Second):
					return // The run before is still at it.
				}
			} else {
				<-n.lease
			}
			n.catalog.Rank()
			if number%9 != 4 || n.fixed {
				n.lease <- struct{}{}
			}
		}()
	}
}
