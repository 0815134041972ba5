package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

type orderLine struct {
	Product int `json:"product"`
	Count   int `json:"count"`
}

type order struct {
	Customer string      `json:"customer"`
	Lines    []orderLine `json:"lines"`
	Tenant   string      `json:"-"`
	settled  bool
}

// orderBook keeps the last orders in a ring.
type orderBook struct {
	mu   sync.Mutex
	ring []*order
	next int
}

func newOrderBook(size int) *orderBook {
	b := &orderBook{ring: make([]*order, size)}
	for i := range size * 4 / 5 {
		b.add(&order{Customer: fmt.Sprintf("customer-%d", i), Lines: make([]orderLine, 1+i%6)})
	}
	return b
}

func (b *orderBook) add(o *order) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ring[b.next%len(b.ring)] = o
	b.next++
}

func (b *orderBook) settle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.ring {
		if o != nil {
			o.settled = true
		}
	}
}

func (b *orderBook) writeReport(w *bytes.Buffer, day string) {
	b.mu.Lock()
	orders := append([]*order{}, b.ring...)
	b.mu.Unlock()
	for _, o := range orders {
		if o == nil {
			continue
		}
		for _, line := range o.Lines {
			fmt.Fprintf(w, "%s,%s,%s,%d,%d\n", day, o.Tenant, o.Customer, line.Product, line.Count)
		}
	}
}

// reportBuffers lends buffers out, and drops the ones that grew large.
type reportBuffers struct{ pool sync.Pool }

func (p *reportBuffers) get() *bytes.Buffer {
	if buffer, ok := p.pool.Get().(*bytes.Buffer); ok {
		return buffer
	}
	return new(bytes.Buffer)
}

func (p *reportBuffers) put(buffer *bytes.Buffer) {
	if buffer.Cap() > 1<<20 {
		return
	}
	buffer.Reset()
	p.pool.Put(buffer)
}

// workerPool runs tasks on a fixed number of goroutines; submit waits while the queue is full.
type workerPool struct{ tasks chan func() }

func newWorkerPool(ctx context.Context, workers, queue int) *workerPool {
	p := &workerPool{tasks: make(chan func(), queue)}
	for range workers {
		go p.work(ctx)
	}
	return p
}

func (p *workerPool) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case task := <-p.tasks:
			task()
		}
	}
}

func (p *workerPool) submit(ctx context.Context, task func()) error {
	select {
	case p.tasks <- task:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tenantWorkers has one goroutine per tenant, started when the tenant is first seen.
type tenantWorkers struct {
	ctx    context.Context
	mu     sync.Mutex
	queues map[string]chan *order
}

func newTenantWorkers(ctx context.Context) *tenantWorkers {
	return &tenantWorkers{ctx: ctx, queues: map[string]chan *order{}}
}

func (t *tenantWorkers) notify(name string, o *order) {
	t.mu.Lock()
	queue, found := t.queues[name]
	if !found {
		queue = make(chan *order, 16)
		t.queues[name] = queue
		go t.deliver(name, queue)
	}
	t.mu.Unlock()
	select {
	case queue <- o:
	case <-t.ctx.Done():
	}
}

func (t *tenantWorkers) deliver(name string, queue chan *order) {
	digest := sha256.New()
	for {
		select {
		case <-t.ctx.Done():
			return
		case o := <-queue:
			fmt.Fprintf(digest, "%s %s %d", name, o.Customer, len(o.Lines))
			_ = hex.EncodeToString(digest.Sum(nil))
			time.Sleep(2 * time.Millisecond)
		}
	}
}

// ttlCache forgets entries after a while.
type ttlCache struct {
	mu      sync.Mutex
	entries map[string]ttlEntry
	ttl     time.Duration
}

type ttlEntry struct {
	value []byte
	until time.Time
}

func newTTLCache(_ context.Context, ttl time.Duration) *ttlCache {
	return &ttlCache{entries: map[string]ttlEntry{}, ttl: ttl}
}

func (c *ttlCache) get(key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, found := c.entries[key]
	return entry.value, found && time.Now().Before(entry.until)
}

func (c *ttlCache) put(key string, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[key] = ttlEntry{value: value, until: time.Now().Add(c.ttl)}
}

func (c *ttlCache) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, entry := range c.entries {
		if time.Now().After(entry.until) {
			delete(c.entries, key)
		}
	}
}
