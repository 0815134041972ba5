package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	lru "github.com/hashicorp/golang-lru/v2"
	"go.uber.org/zap"
)

// Memory that becomes more for good reasons.
var healthyHeapScenarios = []*scenario{
	{
		name: "lru-warming", kind: "heap", healthy: true,
		about: "an LRU cache of pages fills up to its bound",
		hits:  []hit{{method: "GET", path: "/pages/%d", perMinute: 900, ordinary: true}},
		install: func(s *service) {
			p := &pageCache{service: s}
			var err error
			if p.pages, err = lru.New[int, []byte](900); err != nil {
				panic(err)
			}
			s.router.Get("/pages/{id}", p.serve)
		},
	},
	{
		name: "ttl-cache-warming", kind: "heap", healthy: true,
		about: "a cache of entries that live 50 s rises until as many expire as are added",
		hits:  []hit{{method: "GET", path: "/offers/%d", perMinute: 500, ordinary: true}},
		install: func(s *service) {
			c := newTTLCache(s.ctx, 50*time.Second)
			go s.runJob("expire offers", 5*time.Second, func(context.Context) { c.expire() })
			s.router.Get("/offers/{id}", func(w http.ResponseWriter, r *http.Request) {
				key := chi.URLParam(r, "id")
				text, found := c.get(key)
				if !found {
					text = bytes.Repeat([]byte(key), 900)
					c.put(key, text)
				}
				_, _ = w.Write(text)
			})
		},
	},
	{
		name: "batch-job-sawtooth", kind: "heap", healthy: true,
		about: "a batch job collects rows for half a minute, writes them and drops them, again and again",
		install: func(s *service) {
			b := &batchJob{service: s}
			go b.run()
		},
	},
	{
		name: "gc-sawtooth", kind: "heap", healthy: true,
		about: "large short-lived objects make HeapAlloc a high sawtooth over a steady live heap",
		hits:  []hit{{method: "GET", path: "/render/%d", perMinute: 300, ordinary: true}},
		install: func(s *service) {
			s.router.Get("/render/{id}", func(w http.ResponseWriter, r *http.Request) {
				id, _ := strconv.Atoi(chi.URLParam(r, "id"))
				canvas := make([]byte, 600<<10)
				for i := 0; i < len(canvas); i += 4096 {
					canvas[i] = byte(id)
				}
				_, _ = w.Write(canvas[:100])
			})
		},
	},
	{
		name: "pool-to-working-set", kind: "heap", healthy: true,
		about: "pooled encoder buffers become as many as there are requests at a time, which follow the load",
		hits:  []hit{{method: "GET", path: "/encode/%d", perMinute: 700, ordinary: true}},
		install: func(s *service) {
			e := &encoders{service: s}
			s.router.Get("/encode/{id}", e.serve)
		},
	},
	{
		name: "sessions-with-expiry", kind: "heap", healthy: true,
		about: "sessions live 60 s; their number rises until as many expire as begin",
		hits:  []hit{{method: "POST", path: "/login/%d", perMinute: 300, ordinary: true}},
		install: func(s *service) {
			store := &expiringSessions{sessions: map[string]*session{}}
			go s.runJob("expire sessions", 3*time.Second, store.expire)
			s.router.Post("/login/{id}", func(w http.ResponseWriter, r *http.Request) {
				writeJSON(w, store.begin(chi.URLParam(r, "id")))
			})
		},
	},
	{
		name: "table-double-buffer", kind: "heap", healthy: true,
		about: "a table of prices is read anew every 25 s, and is there twice while it is read",
		install: func(s *service) {
			t := &priceTable{service: s}
			go t.reload()
		},
	},
	{
		name: "catalogue-loading", kind: "heap", healthy: true,
		about: "an index is loaded in the first minute and then stays",
		install: func(s *service) {
			x := &loadingIndex{service: s, words: map[string][]int{}}
			go x.load()
			s.router.Get("/index/{word}", x.find)
		},
	},
	{
		name: "rolling-window", kind: "heap", healthy: true,
		about: "statistics of the last 60 s: buckets are added and dropped every second",
		hits:  []hit{{method: "POST", path: "/clicks/%d", perMinute: 900, ordinary: true}},
		install: func(s *service) {
			c := &clickWindow{service: s}
			s.router.Post("/clicks/{id}", c.add)
		},
	},
	{
		name: "words-interned", kind: "heap", healthy: true,
		about: "words are interned; new ones become rare as most are known",
		hits:  []hit{{method: "POST", path: "/texts/%d", perMinute: 600, ordinary: true}},
		install: func(s *service) {
			d := &dictionary{service: s, words: map[string]*wordEntry{}}
			s.router.Post("/texts/{id}", d.learn)
		},
	},
	{
		name: "buffers-per-visitor", kind: "heap", healthy: true,
		about: "every long visit has buffers of 128 KiB; visits follow the load",
		install: func(s *service) {
			s.router.Get("/visit", func(w http.ResponseWriter, r *http.Request) {
				view := newVisitorView(chi.URLParam(r, "id"))
				<-r.Context().Done()
				s.log.Info("visit ended", zap.Int("bytes", view.close()))
			})
		},
		clients: func(ctx context.Context, v *visitors) {
			v.keep(ctx, func() float64 { return 100 * v.traffic * v.level() }, 40*time.Second, func(ctx context.Context, n int) {
				v.request(ctx, hit{method: "GET", path: "/visit", timeout: 2 * time.Minute}, n)
			})
		},
	},
	{
		name: "traffic-heap", kind: "heap", healthy: true,
		about:   "the shop with its ordinary traffic and nothing else, seen for its heap",
		install: func(*service) {},
	},
}

type pageCache struct {
	*service
	pages *lru.Cache[int, []byte]
}

func (p *pageCache) page(id int) []byte {
	if found, ok := p.pages.Get(id); ok {
		return found
	}
	var b bytes.Buffer
	for i := range 8 {
		b.WriteString(p.catalog.Product(id + i).Description)
	}
	p.pages.Add(id, b.Bytes())
	return b.Bytes()
}

func (p *pageCache) serve(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	_, _ = w.Write(p.page(id))
}

type batchRow struct {
	id   int
	text []byte
}

type batchJob struct {
	*service
	rows []*batchRow
}

func (b *batchJob) run() {
	for {
		for number := range 1200 {
			b.rows = append(b.rows, b.read(number))
			select {
			case <-b.ctx.Done():
				return
			case <-time.After(28 * time.Millisecond):
			}
		}
		size := 0
		for _, row := range b.rows {
			size += len(row.text)
		}
		b.log.Info("batch written")
		b.rows = nil
	}
}

func (b *batchJob) read(number int) *batchRow {
	return &batchRow{id: number, text: bytes.Repeat([]byte(strconv.Itoa(number)), 4000)}
}

type encoders struct {
	*service
	pool sync.Pool
}

func (e *encoders) serve(w http.ResponseWriter, r *http.Request) {
	buffer, ok := e.pool.Get().(*bytes.Buffer)
	if !ok {
		buffer = bytes.NewBuffer(make([]byte, 0, 200<<10))
	}
	defer e.pool.Put(buffer)
	buffer.Reset()
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	for i := range 40 {
		fmt.Fprintf(buffer, "%v\n", e.catalog.Product(id+i).Attributes)
	}
	time.Sleep(time.Duration(1000+rand.Intn(1500)) * time.Millisecond)
	_, _ = w.Write(buffer.Bytes())
}

type expiringSessions struct {
	mu       sync.Mutex
	sessions map[string]*session
}

func (e *expiringSessions) begin(id string) string {
	begun := &session{id: "session " + id, opened: time.Now(), basket: make([]byte, 12<<10)}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sessions[begun.id] = begun
	return begun.id
}

func (e *expiringSessions) expire(context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, s := range e.sessions {
		if time.Since(s.opened) > 60*time.Second {
			delete(e.sessions, id)
		}
	}
}

type priceTable struct {
	*service
	prices atomic.Pointer[map[int]*offerRow]
}

type offerRow struct {
	price int
	text  string
}

func (t *priceTable) reload() {
	for {
		read := map[int]*offerRow{}
		for i := range 24_000 {
			read[i] = t.readRow(i)
			if i%600 == 0 {
				time.Sleep(50 * time.Millisecond)
			}
		}
		t.prices.Store(&read)
		select {
		case <-t.ctx.Done():
			return
		case <-time.After(23 * time.Second):
		}
	}
}

func (t *priceTable) readRow(i int) *offerRow {
	return &offerRow{price: i, text: fmt.Sprintf("price list entry %0200d", i)}
}

type loadingIndex struct {
	*service
	mu    sync.Mutex
	words map[string][]int
}

func (x *loadingIndex) find(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	defer x.mu.Unlock()
	writeJSON(w, x.words[chi.URLParam(r, "word")])
}

func (x *loadingIndex) load() {
	for i := range 30_000 {
		x.mu.Lock()
		x.index(i)
		x.mu.Unlock()
		if i%100 == 0 {
			time.Sleep(200 * time.Millisecond)
		}
	}
}

func (x *loadingIndex) index(i int) {
	word := fmt.Sprintf("word-%0120d", i)
	x.words[word] = append(make([]int, 0, 60), i)
}

type clickWindow struct {
	*service
	mu      sync.Mutex
	buckets [60]clickBucket
}

type clickBucket struct {
	second int64
	clicks []click
}

type click struct {
	path, tenant string
	at           time.Time
	position     [200]byte
}

func (c *clickWindow) add(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	bucket := &c.buckets[now.Unix()%60]
	if bucket.second != now.Unix() {
		*bucket = clickBucket{second: now.Unix()}
	}
	for range 6 {
		bucket.clicks = append(bucket.clicks, click{path: r.URL.Path, tenant: tenant(r.Context()), at: now})
	}
	w.WriteHeader(http.StatusAccepted)
}

type wordEntry struct {
	word string
	seen int
	near [300]byte
}

type dictionary struct {
	*service
	mu    sync.Mutex
	words map[string]*wordEntry
}

func (d *dictionary) learn(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range 40 {
		// Most words are frequent ones.
		d.intern(fmt.Sprintf("word %d", int(20_000*rand.Float64()*rand.Float64()*rand.Float64())))
	}
	w.WriteHeader(http.StatusAccepted)
}

func (d *dictionary) intern(word string) *wordEntry {
	entry := d.words[word]
	if entry == nil {
		entry = &wordEntry{word: word}
		d.words[word] = entry
	}
	entry.seen++
	return entry
}

type visitorView struct {
	id   string
	page []byte
	back *bytes.Buffer
}

func newVisitorView(id string) *visitorView {
	return &visitorView{id: id, page: make([]byte, 96<<10), back: bytes.NewBuffer(make([]byte, 0, 32<<10))}
}

// close gives how much of the view was used.
func (v *visitorView) close() int {
	return len(bytes.TrimRight(v.page, "\x00")) + v.back.Len()
}
