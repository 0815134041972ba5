package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"
)

// Goroutines that wait for a lock, a group or a condition.
var lockScenarios = []*scenario{
	{
		name: "waitgroup-missed-done", kind: "goroutine", signature: 24,
		about:  "a worker returns on an error before Done; the closer waits for ever",
		labels: []string{`\(\*shipments\)\.dispatch\.func1\(.* \[sync\.WaitGroup\.Wait\]`},
		hits:   []hit{post("/shipments/%d", 60)},
		install: func(s *service) {
			d := &shipments{service: s}
			s.router.Post("/shipments/{id}", d.dispatch)
		},
	},
	{
		name: "cond-missed-signal", kind: "goroutine", signature: 25,
		about:  "closing a queue wakes one of its readers and not all",
		labels: []string{`\(\*condQueue\)\.drain\(.* \[sync\.Cond\.Wait\]`},
		hits:   []hit{post("/queues/%d", 16)},
		install: func(s *service) {
			q := &queues{service: s}
			s.router.Post("/queues/{id}", q.serve)
		},
	},
	{
		name: "mutex-not-unlocked", kind: "goroutine", signature: 26,
		about:  "an account's lock is kept on the error path; all that come later for the account wait",
		labels: []string{`\(\*ledger\)\.enqueue\.func1\(.* \[sync\.Mutex\.Lock\]`},
		hits:   []hit{post("/ledger/%d", 200)},
		install: func(s *service) {
			l := &ledger{service: s}
			s.router.Post("/ledger/{id}", l.enqueue)
		},
	},
	{
		name: "lock-order", kind: "goroutine", signature: 26,
		about:  "transfers take the locks of two accounts in the order of the request and not in one order",
		labels: []string{`\(\*transfers\)\.start\.func1\(.* \[sync\.Mutex\.Lock\]`},
		hits:   []hit{post("/transfers/%d", 300)},
		install: func(s *service) {
			t := &transfers{service: s}
			s.router.Post("/transfers/{id}", t.start)
		},
	},
	{
		name: "rwmutex-recursive-read", kind: "goroutine", signature: 26,
		about: "a read lock is taken twice by one goroutine while a writer waits between; then all wait",
		labels: []string{
			`\(\*priceLists\)\.refresh\.func1\(.* \[sync\.RWMutex\.Lock\]`,
			`\(\*priceLists\)\.(read|refresh)\.func1\(.* \[sync\.RWMutex\.RLock\]`,
			`\(\*priceLists\)\.refresh\.func1\(.* \[sync\.Mutex\.Lock\]`,
			`\(\*priceList\)\.total\(.* \[sync\.RWMutex\.RLock\]`,
		},
		hits: []hit{post("/pricelists/%d/refresh", 40), post("/pricelists/%d/read", 150)},
		install: func(s *service) {
			p := &priceLists{service: s}
			s.router.Post("/pricelists/{id}/refresh", p.refresh)
			s.router.Post("/pricelists/{id}/read", p.read)
		},
	},
	{
		name: "errgroup-stuck-member", kind: "goroutine", signature: 27,
		about: "one member of an errgroup waits for a message that another one only sends on success",
		labels: []string{
			`\(\*fulfilment\)\.start\.func1\(.* \[sync\.WaitGroup\.Wait\]`,
			`golang\.org/x/sync/errgroup\.\(\*Group\)\.Go\.func1\(.* \[chan receive\]`,
		},
		hits: []hit{post("/fulfilments/%d", 60)},
		install: func(s *service) {
			f := &fulfilment{service: s}
			s.router.Post("/fulfilments/{id}", f.start)
		},
	},
	{
		name: "semaphore-not-released", kind: "goroutine", signature: 27,
		about:  "a weighted semaphore is not released on the error path; at the end all renderings wait",
		labels: []string{`\(\*renderer\)\.start\.func1\(.* \[select\]`},
		hits:   []hit{post("/renderings/%d", 70)},
		install: func(s *service) {
			r := &renderer{service: s, slots: semaphore.NewWeighted(12)}
			s.router.Post("/renderings/{id}", r.start)
		},
	},
	{
		name: "singleflight-stuck", kind: "goroutine", signature: 27,
		about: "the first call for a key never comes back, all later ones for the key wait for it",
		labels: []string{
			`\(\*rateTable\)\.prefetch\.func1\(.* \[sync\.WaitGroup\.Wait\]`,
			`\(\*rateTable\)\.prefetch\.func1\(.* \[(select|chan receive)\]`,
		},
		hits: []hit{post("/prefetch/%d", 90)},
		install: func(s *service) {
			t := &rateTable{service: s, lost: make(chan []byte)}
			s.router.Post("/prefetch/{id}", t.prefetch)
		},
	},
}

type shipments struct{ *service }

func (d *shipments) dispatch(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	var wg sync.WaitGroup
	for parcel := range 3 {
		wg.Add(1)
		go d.pack(&wg, id, parcel)
	}
	go func() {
		wg.Wait()
		d.log.Info("dispatched")
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (d *shipments) pack(wg *sync.WaitGroup, id, parcel int) {
	if d.fixed {
		defer wg.Done()
	}
	time.Sleep(time.Duration(id%40) * time.Millisecond)
	if id%7 == 0 && parcel == 1 {
		return
	}
	if !d.fixed {
		wg.Done()
	}
}

type condQueue struct {
	mu     sync.Mutex
	cond   *sync.Cond
	items  []int
	closed bool
}

func newCondQueue() *condQueue {
	q := &condQueue{}
	q.cond = sync.NewCond(&q.mu)
	return q
}

func (q *condQueue) put(item int) {
	q.mu.Lock()
	q.items = append(q.items, item)
	q.mu.Unlock()
	q.cond.Signal()
}

func (q *condQueue) drain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for len(q.items) == 0 && !q.closed {
			q.cond.Wait()
		}
		if len(q.items) == 0 {
			return
		}
		q.items = q.items[1:]
	}
}

type queues struct{ *service }

func (q *queues) serve(w http.ResponseWriter, r *http.Request) {
	queue := newCondQueue()
	for range 2 {
		go queue.drain()
	}
	for item := range 8 {
		queue.put(item)
	}
	time.Sleep(10 * time.Millisecond)
	queue.mu.Lock()
	queue.closed = true
	queue.mu.Unlock()
	if q.fixed {
		queue.cond.Broadcast()
	} else {
		queue.cond.Signal()
	}
	w.WriteHeader(http.StatusNoContent)
}

type ledger struct {
	*service
	locks [60]sync.Mutex
}

func (l *ledger) enqueue(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	go func() {
		if err := l.book(id); err != nil {
			l.log.Warn("ledger: " + err.Error())
		}
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (l *ledger) book(id int) error {
	account := id * 2654435761 >> 9 % len(l.locks)
	lock := &l.locks[account]
	lock.Lock()
	if l.fixed {
		defer lock.Unlock()
	}
	if id%30 == 0 {
		return fmt.Errorf("account %d is closed", account)
	}
	time.Sleep(time.Millisecond)
	if !l.fixed {
		lock.Unlock()
	}
	return nil
}

type transfers struct {
	*service
	locks [40]sync.Mutex
}

func (t *transfers) start(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	for _, pair := range [][2]int{{id % 40, (id*7 + 3) % 40}, {(id*7 + 3) % 40, id % 40}} {
		if id%25 != 0 && pair[0] > pair[1] {
			continue
		}
		go func() { t.move(pair[0], pair[1]) }()
	}
	w.WriteHeader(http.StatusAccepted)
}

func (t *transfers) move(from, to int) {
	if from == to {
		return
	}
	if t.fixed {
		from, to = min(from, to), max(from, to)
	}
	t.locks[from].Lock()
	defer t.locks[from].Unlock()
	time.Sleep(3 * time.Millisecond)
	t.locks[to].Lock()
	defer t.locks[to].Unlock()
}

type priceLists struct {
	*service
	lists [60]priceList
}

type priceList struct {
	mu     sync.RWMutex
	prices []int
}

func (p *priceLists) of(r *http.Request) (*priceList, int) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	return &p.lists[id*31%len(p.lists)], id
}

func (p *priceLists) refresh(w http.ResponseWriter, r *http.Request) {
	list, id := p.of(r)
	go func() {
		if id%12 == 0 {
			// A reader that looks at the size twice, with a writer between.
			go list.total(p.fixed)
			time.Sleep(2 * time.Millisecond)
		}
		list.mu.Lock()
		defer list.mu.Unlock()
		list.prices = append(list.prices[:0], id, id+1, id+2)
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (p *priceLists) read(w http.ResponseWriter, r *http.Request) {
	list, _ := p.of(r)
	go func() {
		list.mu.RLock()
		defer list.mu.RUnlock()
		time.Sleep(time.Millisecond)
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (l *priceList) total(fixed bool) int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	time.Sleep(10 * time.Millisecond)
	if fixed {
		return len(l.prices)
	}
	return l.size()
}

func (l *priceList) size() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.prices)
}

type fulfilment struct{ *service }

func (f *fulfilment) start(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	go func() {
		if err := f.run(id); err != nil {
			f.log.Warn("fulfilment: " + err.Error())
		}
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (f *fulfilment) run(id int) error {
	group, ctx := errgroup.WithContext(f.ctx)
	packed := make(chan int)
	group.Go(func() error {
		time.Sleep(5 * time.Millisecond)
		if id%8 == 0 {
			return errors.New("out of stock")
		}
		select {
		case packed <- id:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	group.Go(func() error {
		if f.fixed {
			select {
			case <-packed:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		<-packed
		return nil
	})
	return group.Wait()
}

type renderer struct {
	*service
	slots *semaphore.Weighted
}

func (d *renderer) start(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	go func() {
		if err := d.render(d.ctx, id); err != nil {
			d.log.Warn("rendering: " + err.Error())
		}
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (d *renderer) render(ctx context.Context, id int) error {
	if err := d.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	if d.fixed {
		defer d.slots.Release(1)
	}
	time.Sleep(15 * time.Millisecond)
	if id%9 == 0 {
		return errors.New("no such template")
	}
	if !d.fixed {
		d.slots.Release(1)
	}
	return nil
}

type rateTable struct {
	*service
	flights singleflight.Group
	lost    chan []byte
}

func (t *rateTable) prefetch(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	go func() {
		currency := strconv.Itoa(id * 31 % 60)
		_, err, _ := t.flights.Do(currency, func() (any, error) { return t.fetch(id, currency) })
		if err != nil {
			t.log.Warn("rates: " + err.Error())
		}
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (t *rateTable) fetch(id int, currency string) ([]byte, error) {
	if id%35 != 0 {
		return t.fetchQuote(t.ctx, currency)
	}
	if t.fixed {
		select {
		case answer := <-t.lost:
			return answer, nil
		case <-time.After(time.Second):
			return nil, errors.New("no answer")
		}
	}
	return <-t.lost, nil
}
