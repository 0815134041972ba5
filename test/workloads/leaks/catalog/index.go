package catalog

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
)

// QueryCache keeps the results of queries.
type QueryCache struct {
	catalog *Catalog
	limit   int
	mu      sync.Mutex
	results map[string][]byte
	order   []string
}

// NewQueryCache makes a cache of so many queries; 0 is no limit.
func NewQueryCache(c *Catalog, limit int) *QueryCache {
	return &QueryCache{catalog: c, limit: limit, results: map[string][]byte{}}
}

// Find searches, or finds the result of an earlier search.
func (c *QueryCache) Find(ctx context.Context, query string) ([]byte, error) {
	c.mu.Lock()
	found, known := c.results[query]
	c.mu.Unlock()
	if known {
		return found, nil
	}
	products, err := c.catalog.Search(ctx, query)
	if err != nil {
		return nil, err
	}
	if len(products) > 6 {
		products = products[:6]
	}
	text, err := json.Marshal(products)
	if err != nil {
		return nil, err
	}
	c.store(query, text)
	return text, nil
}

func (c *QueryCache) store(query string, text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results[query] = text
	if c.limit == 0 {
		return
	}
	c.order = append(c.order, query)
	if len(c.order) > c.limit {
		delete(c.results, c.order[0])
		c.order = c.order[1:]
	}
}

// Index finds products by the words of their descriptions.
type Index struct {
	catalog  *Catalog
	rebuild  bool
	mu       sync.Mutex
	postings map[string][]posting
}

type posting struct {
	product  *Product
	position int
}

// NewIndex makes an empty index; rebuild says that a refresh begins anew.
func NewIndex(c *Catalog, rebuild bool) *Index {
	return &Index{catalog: c, rebuild: rebuild, postings: map[string][]posting{}}
}

// Refresh takes up all products.
func (x *Index) Refresh() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.rebuild {
		x.postings = map[string][]posting{}
	}
	for _, shard := range x.catalog.shards {
		for i := 0; i < len(shard); i += 11 {
			x.add(shard[i])
		}
	}
}

func (x *Index) add(p *Product) {
	for position, word := range strings.Fields(p.Description) {
		if position%8 == 0 {
			x.postings[word] = append(x.postings[word], posting{product: p, position: position})
		}
	}
}
