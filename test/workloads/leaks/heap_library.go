package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
)

// Memory that packages keep for the service, because it does not say that it is done.
var libraryScenarios = []*scenario{
	{
		name: "context-not-cancelled", kind: "heap", signature: 15,
		about:      "children of a context that lives as long as the process are never cancelled",
		heapLabels: []string{`main\.\(\*subscriptions\)\.(renew|scope)$`},
		hits:       []hit{post("/renewals/%d", 1500)},
		install: func(s *service) {
			v := &subscriptions{service: s}
			s.router.Post("/renewals/{id}", v.renew)
		},
	},
	{
		name: "ticker-not-stopped", kind: "heap", signature: 17,
		about:      "a ticker is made for every transfer and not stopped, where timers keep what nobody reads",
		heapLabels: []string{`main\.\(\*progress\)\.(show|begin)$`},
		hits:       []hit{post("/progress/%d", 900)},
		env:        []string{"GODEBUG=asynctimerchan=1"},
		install: func(s *service) {
			p := &progress{service: s}
			s.router.Post("/progress/{id}", p.show)
		},
	},
	{
		name: "time-after-in-loop", kind: "heap", signature: 17,
		about:      "a loop waits with time.After for long times it never reaches, where timers stay until they fire",
		heapLabels: []string{`main\.\(\*dispatcher\)\.loop$`},
		env:        []string{"GODEBUG=asynctimerchan=1"},
		hits:       []hit{post("/dispatch/%d", 900)},
		install: func(s *service) {
			d := &dispatcher{service: s, in: make(chan int, 64)}
			go d.loop()
			s.router.Post("/dispatch/{id}", d.serve)
		},
	},
	{
		name: "regexp-cached-for-ever", kind: "heap", signature: 38,
		about:      "a regular expression is compiled for every filter and cached under its text",
		heapLabels: []string{`main\.\(\*filters\)\.(compiled|matcher)$`},
		hits:       []hit{get("/filter/%d", 240)},
		install: func(s *service) {
			f := &filters{service: s, cache: map[string]*regexp.Regexp{}}
			s.router.Get("/filter/{id}", f.serve)
		},
	},
	{
		name: "finalizer-cycle", kind: "heap", signature: 40,
		about:      "objects with finalizers refer to each other in a cycle, so none is ever collected",
		heapLabels: []string{`main\.(newImage|\(\*images\)\.upload)$`},
		hits:       []hit{post("/images/%d", 120)},
		install: func(s *service) {
			i := &images{service: s}
			s.router.Post("/images/{id}", i.upload)
		},
	},
	{
		name: "logger-with-chain", kind: "heap", signature: 43,
		about:      "a connection's logger is replaced by itself with one more field at every message",
		heapLabels: []string{`main\.\(\*chat\)\.(say|note)$`},
		hits:       []hit{post("/chats/%d", 240)},
		install: func(s *service) {
			c := &chat{service: s, rooms: map[int]*zap.Logger{}}
			s.router.Post("/chats/{id}", c.say)
		},
	},
	{
		name: "logger-hook-per-request", kind: "heap", signature: 43,
		about:      "a hook is added to the shared logger at every request",
		heapLabels: []string{`main\.\(\*complaints\)\.(serve|logger)$`},
		hits:       []hit{post("/complaints/%d", 300)},
		install: func(s *service) {
			c := &complaints{service: s, log: logrus.New()}
			c.log.SetOutput(io.Discard)
			c.log.SetLevel(logrus.ErrorLevel)
			s.router.Post("/complaints/{id}", c.serve)
		},
	},
	{
		name: "cookie-jar-grows", kind: "heap",
		about:      "the jar of a long-lived client keeps a cookie of every document it ever fetched",
		heapLabels: []string{`main\.\(\*crawler\)\.(fetch|visit)$`},
		hits:       []hit{post("/crawl/%d", 150)},
		install: func(s *service) {
			jar, err := cookiejar.New(nil)
			if err != nil {
				panic(err)
			}
			c := &crawler{service: s, client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}}
			if !s.fixed {
				c.client.Jar = jar
			}
			s.router.Post("/crawl/{id}", c.visit)
		},
	},
	{
		name: "defer-in-loop", kind: "heap",
		about:      "a loop that never ends defers a clean-up for every round",
		heapLabels: []string{`main\.\(\*poller\)\.(run|round)$`},
		install: func(s *service) {
			p := &poller{service: s}
			go p.run()
		},
	},
	{
		name: "deep-stacks", kind: "goroutine", signature: 39,
		about:  "leaked goroutines with deep stacks: the memory is in the stacks, not in the heap profile",
		labels: []string{`\(\*tree\)\.expand\.func1\(.* \[chan receive\]`},
		hits:   []hit{post("/trees/%d", 30)},
		install: func(s *service) {
			t := &tree{service: s}
			s.router.Post("/trees/{id}", t.expand)
		},
	},
}

type subscriptions struct{ *service }

type renewal struct {
	ctx    context.Context
	cancel context.CancelFunc
	id     int
}

func (v *subscriptions) scope(id int) *renewal {
	ctx, cancel := context.WithCancel(context.WithValue(v.ctx, requestIDKey, strconv.Itoa(id)))
	return &renewal{ctx: ctx, cancel: cancel, id: id}
}

func (v *subscriptions) renew(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	for part := range 12 {
		one := v.scope(id*12 + part)
		select {
		case <-one.ctx.Done():
			return
		default:
		}
		if v.fixed {
			one.cancel()
		}
	}
	w.WriteHeader(http.StatusAccepted)
}

type progress struct{ *service }

func (p *progress) begin() *time.Ticker { return time.NewTicker(time.Hour) }

func (p *progress) show(w http.ResponseWriter, r *http.Request) {
	for range 8 {
		clock := p.begin()
		if p.fixed {
			defer clock.Stop()
		}
		select {
		case <-clock.C:
			return
		default:
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

type dispatcher struct {
	*service
	in chan int
}

func (d *dispatcher) loop() {
	idle := time.NewTimer(10 * time.Minute)
	sum := 0
	for {
		waits := idle.C
		if d.fixed {
			idle.Reset(10 * time.Minute)
		} else {
			waits = time.After(10 * time.Minute)
		}
		select {
		case <-d.ctx.Done():
			return
		case n := <-d.in:
			sum += n
		case <-waits:
			d.log.Info("idle")
		}
	}
}

func (d *dispatcher) serve(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	for n := range 8 {
		d.in <- id + n
	}
	w.WriteHeader(http.StatusAccepted)
}

type filters struct {
	*service
	mu    sync.Mutex
	cache map[string]*regexp.Regexp
}

func (f *filters) compiled(expression string) (*regexp.Regexp, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found := f.cache[expression]; found != nil {
		return found, nil
	}
	if f.fixed && len(f.cache) > 50 {
		clear(f.cache)
	}
	made, err := regexp.Compile(expression)
	if err == nil {
		f.cache[expression] = made
	}
	return made, err
}

func (f *filters) serve(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	expression, err := f.compiled(fmt.Sprintf(`(?i)^product\s+%d[0-9]{0,4}(\.[a-z]+)?$`, id))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, expression.MatchString(f.catalog.Product(id).Name))
}

type image struct {
	other *image
	bits  []byte
}

func (i *image) free() { i.bits = nil }

func newImage(size int) *image {
	made := &image{bits: make([]byte, size)}
	runtime.SetFinalizer(made, (*image).free)
	return made
}

type images struct{ *service }

func (i *images) upload(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	full, preview := newImage(12<<10+id%9000), newImage(3000)
	preview.other = full
	if !i.fixed {
		full.other = preview
	}
	w.WriteHeader(http.StatusCreated)
}

type chat struct {
	*service
	mu    sync.Mutex
	rooms map[int]*zap.Logger
}

func (c *chat) note(room, id int) *zap.Logger {
	c.mu.Lock()
	defer c.mu.Unlock()
	log := c.rooms[room]
	if log == nil || c.fixed {
		log = c.log.With(zap.Int("room", room))
	}
	log = log.With(zap.String("message", strings.Repeat(strconv.Itoa(id)+" ", 120)), zap.Time("at", time.Now()))
	c.rooms[room] = log
	return log
}

func (c *chat) say(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	c.note(id%60, id).Debug("said")
	w.WriteHeader(http.StatusAccepted)
}

type complaints struct {
	*service
	log *logrus.Logger
}

type complaintHook struct {
	customer string
	text     []byte
}

func (h *complaintHook) Levels() []logrus.Level { return []logrus.Level{logrus.FatalLevel} }
func (h *complaintHook) Fire(*logrus.Entry) error {
	h.text = append(h.text[:0], h.customer...)
	return nil
}

func (c *complaints) logger(customer string) *logrus.Entry {
	if !c.fixed {
		c.log.AddHook(&complaintHook{customer: customer, text: make([]byte, 0, 1024)})
	}
	return c.log.WithField("customer", customer)
}

func (c *complaints) serve(w http.ResponseWriter, r *http.Request) {
	c.logger("customer " + chi.URLParam(r, "id")).Error("complaint")
	w.WriteHeader(http.StatusAccepted)
}

type crawler struct {
	*service
	client *http.Client
}

func (c *crawler) fetch(id string) error {
	answer, err := c.client.Get(c.upstreamHTTP + "/document/" + id + "?size=2048")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func (c *crawler) visit(w http.ResponseWriter, r *http.Request) {
	if err := c.fetch(chi.URLParam(r, "id")); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

type poller struct {
	*service
	open int
}

func (p *poller) run() {
	for number := 0; ; number++ {
		select {
		case <-p.ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
		if p.fixed {
			p.round(number)
			continue
		}
		page := make([]byte, 600)
		p.open++
		defer p.release(page)
	}
}

func (p *poller) release(page []byte) {
	clear(page)
	p.open--
}

func (p *poller) round(number int) {
	page := make([]byte, 600)
	p.open++
	defer p.release(page)
	p.log.Debug("round", zap.Int("number", number))
}

type tree struct{ *service }

func (t *tree) expand(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	leaves := make(chan int)
	go func() { t.walk(2000, leaves) }()
	if t.fixed || id%3 != 0 {
		close(leaves)
	}
	w.WriteHeader(http.StatusAccepted)
}

func (t *tree) walk(depth int, leaves <-chan int) int {
	var path [12]int
	if depth == 0 {
		return <-leaves
	}
	path[depth%12] = t.walk(depth-1, leaves)
	return path[0] + path[depth%12]
}
