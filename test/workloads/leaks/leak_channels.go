package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"example.com/shopfront/catalog"
	"github.com/go-chi/chi/v5"
)

// Goroutines that are left alone at a channel.
var channelScenarios = []*scenario{
	{
		name: "early-return-send", kind: "goroutine", signature: 21,
		about:  "a fan-out returns at the first error, the other members send to a channel that nobody reads any more",
		labels: []string{`\(\*priceFinder\)\.ask\.func1\(.* \[chan send\]`},
		hits:   []hit{get("/prices/%d", 120)},
		install: func(s *service) {
			p := &priceFinder{service: s}
			s.router.Get("/prices/{id}", p.serve)
		},
	},
	{
		name: "timeout-send", kind: "goroutine", signature: 21,
		about:  "the caller gives up after a timeout, the worker sends its result to an unbuffered channel",
		labels: []string{`example\.com/shopfront/catalog\.\(\*Recommender\)\.Recommend\.func1\(.* \[chan send\]`},
		hits:   []hit{get("/recommend/%d", 150)},
		install: func(s *service) {
			c := catalog.NewRecommender(s.catalog, s.fixed)
			s.router.Get("/recommend/{id}", func(w http.ResponseWriter, r *http.Request) {
				id, _ := strconv.Atoi(chi.URLParam(r, "id"))
				found, err := c.Recommend(r.Context(), id)
				if err != nil {
					http.Error(w, err.Error(), http.StatusGatewayTimeout)
					return
				}
				writeJSON(w, found)
			})
		},
	},
	{
		name: "range-not-closed", kind: "goroutine", signature: 22,
		about:  "an upload's consumer ranges over a channel that the producer does not close when the upload is refused",
		labels: []string{`\(\*uploads\)\.consume\(.* \[chan receive\]`},
		hits:   []hit{post("/uploads/%d", 60)},
		install: func(s *service) {
			u := &uploads{service: s}
			s.router.Post("/uploads/{id}", u.receive)
		},
	},
	{
		name: "nil-channel", kind: "goroutine", signature: 19,
		about:  "a watcher of a cart waits on a channel that one constructor forgets to make",
		labels: []string{`\(\*cart\)\.watch\(.* \[chan receive \(nil chan\)\]`},
		hits:   []hit{post("/carts/%d", 40)},
		install: func(s *service) {
			c := &carts{service: s}
			s.router.Post("/carts/{id}", c.open)
		},
	},
	{
		name: "select-no-cases", kind: "goroutine", signature: 20,
		about:  "a plugin keeps its goroutine with an empty select",
		labels: []string{`\(\*plugins\)\.load\.func1\(.* \[select \(no cases\)\]`},
		hits:   []hit{post("/plugins/%d", 12)},
		install: func(s *service) {
			p := &plugins{service: s}
			s.router.Post("/plugins/{id}", p.load)
		},
	},
	{
		name: "token-not-returned", kind: "goroutine", signature: 21,
		about:  "a token of a limiter is not given back on the error path; at the end all tasks wait for one",
		labels: []string{`\(\*thumbnails\)\.enqueue\.func1\(.* \[chan send\]`},
		hits:   []hit{post("/thumbnails/%d", 90)},
		install: func(s *service) {
			t := &thumbnails{service: s, tokens: make(chan struct{}, 8)}
			s.router.Post("/thumbnails/{id}", t.enqueue)
		},
	},
}

type priceFinder struct{ *service }

func (p *priceFinder) serve(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	price, err := p.best(r.Context(), id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	writeJSON(w, price)
}

type offer struct {
	price int
	err   error
}

func (p *priceFinder) best(ctx context.Context, id int) (int, error) {
	size := 0
	if p.fixed {
		size = 4
	}
	offers := make(chan offer, size)
	for seller := range 4 {
		p.ask(ctx, id, seller, offers)
	}
	best := 1 << 30
	for range 4 {
		o := <-offers
		if o.err != nil {
			return 0, o.err
		}
		best = min(best, o.price)
	}
	return best, nil
}

func (p *priceFinder) ask(ctx context.Context, id, seller int, offers chan<- offer) {
	go func() {
		text, err := p.fetchQuote(ctx, strconv.Itoa(id*4+seller))
		if err == nil && id%30 == 0 && seller == 2 {
			err = errors.New("seller has closed")
		}
		offers <- offer{price: len(text) + seller, err: err}
	}()
}

type uploads struct{ *service }

func (u *uploads) receive(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	lines := make(chan string)
	go u.consume(id, lines)
	if err := u.produce(id, lines); err != nil {
		if u.fixed {
			close(lines)
		}
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	close(lines)
	w.WriteHeader(http.StatusCreated)
}

func (u *uploads) produce(id int, lines chan<- string) error {
	for i := range 10 {
		if id%8 == 0 && i == 6 {
			return errors.New("line 6 is too long")
		}
		lines <- strconv.Itoa(i)
	}
	return nil
}

func (u *uploads) consume(_ int, lines <-chan string) {
	size := 0
	for line := range lines {
		size += len(line)
	}
	u.log.Info("uploaded")
}

type carts struct{ *service }

type cart struct {
	id      int
	changes chan int
}

func (c *carts) open(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	opened := &cart{id: id, changes: make(chan int, 1)}
	if id%5 == 0 {
		opened = c.restore(id)
	}
	go opened.watch()
	if opened.changes != nil {
		opened.changes <- 1
		close(opened.changes)
	}
	w.WriteHeader(http.StatusCreated)
}

// restore makes a cart from a saved one.
func (c *carts) restore(id int) *cart {
	restored := &cart{id: id}
	if c.fixed {
		restored.changes = make(chan int, 1)
	}
	return restored
}

func (c *cart) watch() {
	for change := range c.changes {
		c.id += change
	}
}

type plugins struct{ *service }

func (p *plugins) load(w http.ResponseWriter, r *http.Request) {
	ready := make(chan struct{})
	ctx, cancel := context.WithTimeout(p.ctx, time.Second)
	go func() {
		time.Sleep(5 * time.Millisecond)
		close(ready)
		if p.fixed {
			<-ctx.Done()
			return
		}
		select {}
	}()
	<-ready
	defer cancel()
	w.WriteHeader(http.StatusCreated)
}

type thumbnails struct {
	*service
	tokens chan struct{}
}

func (t *thumbnails) enqueue(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	go func() {
		t.tokens <- struct{}{}
		if err := t.draw(id); err != nil {
			if t.fixed {
				<-t.tokens
			}
			return
		}
		<-t.tokens
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (t *thumbnails) draw(id int) error {
	time.Sleep(20 * time.Millisecond)
	if id%9 == 0 {
		return errors.New("not an image")
	}
	return nil
}
