package main

import (
	"bytes"
	"container/list"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/shopfront/catalog"
	"github.com/go-chi/chi/v5"
	lru "github.com/hashicorp/golang-lru/v2"
)

// Memory that the service's own structures keep.
var retentionScenarios = []*scenario{
	{
		name: "audit-log-append", kind: "heap", signature: 36,
		about:      "every action is appended to a slice that nothing shortens",
		heapLabels: []string{`main\.\(\*auditLog\)\.add$`},
		hits:       []hit{post("/actions/%d", 600)},
		install: func(s *service) {
			a := &auditLog{service: s}
			s.router.Post("/actions/{id}", a.serve)
		},
	},
	{
		name: "query-cache-unbounded", kind: "heap", signature: 35,
		about:      "results are cached under the whole query, without a bound",
		heapLabels: []string{`example\.com/shopfront/catalog\.\(\*QueryCache\)\.(Find|store)$`},
		hits:       []hit{get("/find?q=%d", 500)},
		install: func(s *service) {
			c := catalog.NewQueryCache(s.catalog, fixedOr(s.fixed, 300, 0))
			s.router.Get("/find", func(w http.ResponseWriter, r *http.Request) {
				found, err := c.Find(r.Context(), r.URL.Query().Get("q"))
				if err != nil {
					http.Error(w, err.Error(), http.StatusServiceUnavailable)
					return
				}
				_, _ = w.Write(found)
			})
		},
	},
	{
		name: "sessions-not-expired", kind: "heap", signature: 35,
		about:      "sessions are opened and never expire",
		heapLabels: []string{`main\.\(\*sessionStore\)\.open$`},
		hits:       []hit{post("/login/%d", 400)},
		install: func(s *service) {
			store := &sessionStore{service: s, sessions: map[string]*session{}}
			s.router.Post("/login/{id}", store.login)
			if s.fixed {
				go store.sweep()
			}
		},
	},
	{
		name: "lru-without-byte-bound", kind: "heap", signature: 35,
		about:      "an LRU cache is bounded by entries and its entries are documents of any size",
		heapLabels: []string{`main\.\(\*documentCache\)\.(load|get)$`},
		hits:       []hit{get("/documents/%d", 60)},
		install: func(s *service) {
			c := &documentCache{service: s}
			var err error
			if c.entries, err = lru.New[string, []byte](fixedOr(s.fixed, 40, 100_000)); err != nil {
				panic(err)
			}
			s.router.Get("/documents/{id}", c.serve)
		},
	},
	{
		name: "tombstones-in-sync-map", kind: "heap", signature: 35,
		about:      "deleted entries of a sync.Map are replaced by a tombstone that stays",
		heapLabels: []string{`main\.\(\*wishlists\)\.(remove|put)$`},
		hits:       []hit{post("/wishes/%d", 900)},
		install: func(s *service) {
			l := &wishlists{service: s}
			s.router.Post("/wishes/{id}", l.change)
		},
	},
	{
		name: "history-list-grows", kind: "heap", signature: 36,
		about:      "a linked list of visits gets a new element for each and never loses one",
		heapLabels: []string{`main\.\(\*visitHistory\)\.record$`},
		hits:       []hit{post("/visits/%d", 800)},
		install: func(s *service) {
			h := &visitHistory{service: s, visits: list.New()}
			s.router.Post("/visits/{id}", h.serve)
		},
	},
	{
		name: "event-listeners-added", kind: "heap",
		about:      "a listener, a closure over the request's data, is added at every preview and not removed",
		heapLabels: []string{`main\.\(\*previews\)\.(show|listen)$`},
		hits:       []hit{get("/preview/%d", 240)},
		install: func(s *service) {
			p := &previews{service: s, listeners: map[int]func(string){}}
			s.router.Get("/preview/{id}", p.show)
		},
	},
	{
		name: "pending-never-acknowledged", kind: "heap", signature: 35,
		about:      "messages wait in a map for an acknowledgement; refused ones are not removed",
		heapLabels: []string{`main\.\(\*outbox\)\.send$`},
		hits:       []hit{post("/outbox/%d", 500)},
		install: func(s *service) {
			o := &outbox{service: s, pending: map[int][]byte{}}
			s.router.Post("/outbox/{id}", o.serve)
		},
	},
	{
		name: "raw-samples-kept", kind: "heap", signature: 36,
		about:      "a home-made histogram keeps every raw sample",
		heapLabels: []string{`main\.\(\*latencies\)\.observe$`},
		hits:       []hit{get("/timed/%d", 900)},
		install: func(s *service) {
			l := &latencies{service: s, samples: map[string][]sample{}}
			s.router.Get("/timed/{id}", l.serve)
		},
	},
	{
		name: "errors-joined-for-ever", kind: "heap",
		about:      "the last errors of a job are joined to the ones before, in one error that grows",
		heapLabels: []string{`main\.\(\*syncJob\)\.(run|step)$`},
		install: func(s *service) {
			j := &syncJob{service: s}
			go j.run()
		},
	},
	{
		name: "index-postings-repeated", kind: "heap", signature: 36,
		about:      "each refresh of a search index adds the postings again",
		heapLabels: []string{`example\.com/shopfront/catalog\.\(\*Index\)\.(Refresh|add)$`},
		install: func(s *service) {
			index := catalog.NewIndex(s.catalog, s.fixed)
			go func() {
				for {
					index.Refresh()
					select {
					case <-s.ctx.Done():
						return
					case <-time.After(5 * time.Second):
					}
				}
			}()
		},
	},
	{
		name: "token-keeps-body", kind: "heap", signature: 37,
		about:      "a short token is a sub-slice of the whole body it was found in",
		heapLabels: []string{`main\.\(\*tokenStore\)\.(learn|fetch)$`, `main\.\(\*service\)\.fetchDocument$`},
		hits:       []hit{post("/tokens/%d", 30)},
		install: func(s *service) {
			t := &tokenStore{service: s, tokens: map[int][]byte{}}
			s.router.Post("/tokens/{id}", t.learn)
		},
	},
	{
		name: "title-keeps-page", kind: "heap", signature: 37,
		about:      "a title is a substring of the page it was cut from",
		heapLabels: []string{`main\.\(\*titles\)\.(extract|page|learn)$`},
		hits:       []hit{post("/titles/%d", 120)},
		install: func(s *service) {
			t := &titles{service: s, known: map[int]string{}}
			s.router.Post("/titles/{id}", t.learn)
		},
	},
	{
		name: "whole-profile-kept", kind: "heap",
		about:      "decoded profiles are kept whole where only their language is wanted",
		heapLabels: []string{`main\.\(\*profiles\)\.(remember|save|decode)$`},
		hits:       []hit{{method: "POST", path: "/profiles/%d", perMinute: 240, body: profileBody}},
		install: func(s *service) {
			p := &profiles{service: s, known: map[int]*profile{}}
			s.router.Post("/profiles/{id}", p.save)
		},
	},
	{
		name: "buffers-grow-in-free-list", kind: "heap", signature: 34,
		about:      "a free list takes back buffers of any size and lends out small needs and large ones alike",
		heapLabels: []string{`main\.\(\*exports\)\.(render|write)$`},
		hits:       []hit{get("/exports/%d", 240)},
		install: func(s *service) {
			e := &exports{service: s, free: make(chan *bytes.Buffer, 400)}
			for range cap(e.free) {
				e.free <- new(bytes.Buffer)
			}
			s.router.Get("/exports/{id}", e.serve)
		},
	},
}

type action struct {
	at            time.Time
	tenant, what  string
	before, after []byte
}

type auditLog struct {
	*service
	mu      sync.Mutex
	actions []action
}

func (a *auditLog) add(tenant, what string, before []byte) {
	entry := action{at: time.Now(), tenant: tenant, what: what, before: bytes.Clone(before), after: bytes.ToUpper(before)}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.actions = append(a.actions, entry)
	if a.fixed && len(a.actions) > 200 {
		a.actions = append([]action{}, a.actions[100:]...)
	}
}

func (a *auditLog) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.add(tenant(r.Context()), r.URL.Path, body)
	w.WriteHeader(http.StatusAccepted)
}

type session struct {
	id     string
	opened time.Time
	rights map[string]bool
	basket []byte
}

type sessionStore struct {
	*service
	mu       sync.Mutex
	sessions map[string]*session
}

func (t *sessionStore) open(id int) *session {
	opened := &session{id: fmt.Sprintf("%032x", id), opened: time.Now(), rights: map[string]bool{}, basket: make([]byte, 4096)}
	for right := range 6 {
		opened.rights[fmt.Sprintf("right-%d-%d", id%50, right)] = true
	}
	t.mu.Lock()
	t.sessions[opened.id] = opened
	t.mu.Unlock()
	return opened
}

func (t *sessionStore) login(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	writeJSON(w, t.open(id).id)
}

func (t *sessionStore) sweep() {
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-time.After(2 * time.Second):
		}
		t.mu.Lock()
		for id, s := range t.sessions {
			if time.Since(s.opened) > 10*time.Second {
				delete(t.sessions, id)
			}
		}
		t.mu.Unlock()
	}
}

type documentCache struct {
	*service
	entries *lru.Cache[string, []byte]
}

func (c *documentCache) get(id string) ([]byte, error) {
	if found, ok := c.entries.Get(id); ok {
		return found, nil
	}
	loaded, err := c.load(id)
	if err == nil {
		c.entries.Add(id, loaded)
	}
	return loaded, err
}

func (c *documentCache) load(id string) ([]byte, error) {
	number, _ := strconv.Atoi(id)
	return c.fetchDocument(id, 8<<10+number*7919%61*1024)
}

func (c *documentCache) serve(w http.ResponseWriter, r *http.Request) {
	text, err := c.get(chi.URLParam(r, "id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = w.Write(text)
}

func (s *service) fetchDocument(id string, size int) ([]byte, error) {
	answer, err := s.outbound.Get(s.upstreamHTTP + "/document/" + id + "?size=" + strconv.Itoa(size))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

type wishlists struct {
	*service
	wishes sync.Map
}

type wish struct {
	deleted bool
	at      time.Time
	note    [180]byte
}

func (l *wishlists) put(id int) { l.wishes.Store(fmt.Sprintf("wish-%016d", id), &wish{at: time.Now()}) }

func (l *wishlists) remove(id int) {
	key := fmt.Sprintf("wish-%016d", id)
	if l.fixed {
		l.wishes.Delete(key)
		return
	}
	l.wishes.Store(key, &wish{deleted: true, at: time.Now()})
}

func (l *wishlists) change(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	for i := range 4 {
		l.put(id*4 + i)
		l.remove(id*4 + i - 40)
	}
	w.WriteHeader(http.StatusAccepted)
}

type visit struct {
	tenant, path, agent string
	at                  time.Time
	headers             http.Header
	seen                []byte
}

type visitHistory struct {
	*service
	mu     sync.Mutex
	visits *list.List
}

func (h *visitHistory) record(r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.visits.PushBack(&visit{tenant: tenant(r.Context()), path: r.URL.Path, agent: r.UserAgent(), at: time.Now(), headers: r.Header.Clone(), seen: make([]byte, 1500)})
	for h.fixed && h.visits.Len() > 500 {
		h.visits.Remove(h.visits.Front())
	}
}

func (h *visitHistory) serve(w http.ResponseWriter, r *http.Request) {
	h.record(r)
	w.WriteHeader(http.StatusNoContent)
}

type previews struct {
	*service
	mu        sync.Mutex
	next      int
	listeners map[int]func(string)
}

func (p *previews) listen(listener func(string)) (remove func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	number := p.next
	p.listeners[number] = listener
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.listeners, number)
	}
}

func (p *previews) show(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	shown := make([]byte, 0, 2048)
	for i := range 3 {
		shown = append(shown, p.catalog.Product(id+i).Description...)
	}
	remove := p.listen(func(theme string) { shown = append(shown[:0], theme...) })
	if p.fixed {
		defer remove()
	}
	_, _ = w.Write(shown)
}

type outbox struct {
	*service
	mu      sync.Mutex
	pending map[int][]byte
}

func (o *outbox) send(id int, text []byte) {
	message := append([]byte(strconv.Itoa(id)+": "), text...)
	message = append(message, bytes.Repeat([]byte("."), 1500)...)
	o.mu.Lock()
	o.pending[id] = message
	o.mu.Unlock()
	time.AfterFunc(300*time.Millisecond, func() { o.answered(id, id%3 != 0) })
}

func (o *outbox) answered(id int, accepted bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if accepted || o.fixed {
		delete(o.pending, id)
	}
}

func (o *outbox) serve(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o.send(id, body)
	w.WriteHeader(http.StatusAccepted)
}

type sample struct {
	took   time.Duration
	at     time.Time
	labels [6]string
}

type latencies struct {
	*service
	mu      sync.Mutex
	samples map[string][]sample
}

func (l *latencies) observe(route, tenant string, started time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for part := range 16 {
		kept := append(l.samples[route], sample{took: time.Since(started), at: started, labels: [6]string{route, tenant, strconv.Itoa(part)}})
		if l.fixed && len(kept) > 400 {
			kept = append([]sample{}, kept[200:]...)
		}
		l.samples[route] = kept
	}
}

func (l *latencies) serve(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	writeJSON(w, l.catalog.Product(id))
	l.observe(fmt.Sprintf("route-%d", id%5), tenant(r.Context()), started)
}

type syncJob struct {
	*service
	failed error
}

func (j *syncJob) run() {
	for number := 0; ; number++ {
		select {
		case <-j.ctx.Done():
			return
		case <-time.After(25 * time.Millisecond):
		}
		if err := j.step(number); err != nil {
			if j.fixed {
				j.failed = err
				continue
			}
			j.failed = &syncError{before: j.failed, err: err}
		}
	}
}

type syncError struct{ before, err error }

func (e *syncError) Error() string { return e.err.Error() }
func (e *syncError) Unwrap() []error {
	return []error{e.before, e.err}
}

func (j *syncJob) step(number int) error {
	if number%2 == 0 {
		return nil
	}
	return fmt.Errorf("record %d: %w", number, errors.New("conflict with "+strings.Repeat(strconv.Itoa(number), 600)))
}

type tokenStore struct {
	*service
	mu     sync.Mutex
	tokens map[int][]byte
}

func (t *tokenStore) learn(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	body, err := t.fetchDocument(strconv.Itoa(id), 64<<10)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	from := bytes.Index(body, []byte(`"token":"`)) + len(`"token":"`)
	token := body[from : from+bytes.IndexByte(body[from:], '"')]
	if t.fixed {
		token = bytes.Clone(token)
	}
	t.mu.Lock()
	t.tokens[id] = token
	t.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
}

type titles struct {
	*service
	mu    sync.Mutex
	known map[int]string
}

func (t *titles) page(id int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<html><title>page %d</title>", id)
	for i := range 6 {
		b.WriteString(t.catalog.Product(id + i).Description)
	}
	return b.String()
}

func (t *titles) extract(page string) string {
	from := strings.Index(page, "<title>") + len("<title>")
	title := page[from : from+strings.Index(page[from:], "<")]
	if t.fixed {
		return strings.Clone(title)
	}
	return title
}

func (t *titles) learn(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	title := t.extract(t.page(id))
	t.mu.Lock()
	t.known[id] = title
	t.mu.Unlock()
	_, _ = io.WriteString(w, title)
}

type profile struct {
	Language json.RawMessage `json:"language"`
	Settings json.RawMessage `json:"settings"`
}

type profiles struct {
	*service
	mu    sync.Mutex
	known map[int]*profile
}

func profileBody(n int) string {
	return fmt.Sprintf(`{"language":"lang-%d","settings":{"text":%q}}`, n%20, strings.Repeat("setting ", 300+n%200))
}

func (p *profiles) decode(from io.Reader) (*profile, error) {
	var decoded profile
	return &decoded, json.NewDecoder(from).Decode(&decoded)
}

func (p *profiles) save(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	decoded, err := p.decode(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.remember(id, decoded)
	w.WriteHeader(http.StatusNoContent)
}

// remember keeps a profile for its language.
func (p *profiles) remember(id int, decoded *profile) {
	if p.fixed {
		decoded = &profile{Language: bytes.Clone(decoded.Language)}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[id] = decoded
}

type exports struct {
	*service
	free chan *bytes.Buffer
}

func (e *exports) render(buffer *bytes.Buffer, id int) {
	parts := 4
	if id%6 == 0 {
		parts = 300
	}
	for i := range parts {
		e.write(buffer, id+i)
	}
}

func (e *exports) write(buffer *bytes.Buffer, id int) {
	buffer.WriteString(e.catalog.Product(id).Description)
}

func (e *exports) serve(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	buffer := <-e.free
	e.render(buffer, id)
	_, _ = w.Write(buffer.Bytes())
	if e.fixed && buffer.Cap() > 16<<10 {
		buffer = new(bytes.Buffer)
	}
	buffer.Reset()
	e.free <- buffer
}
