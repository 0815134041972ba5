// Package catalog has the products of the shop and finds them.
package catalog

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
)

// Product is what is sold.
type Product struct {
	ID          int               `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Attributes  map[string]string `json:"attributes"`
	score       int
}

// Catalog is all products, in shards that are searched at the same time.
type Catalog struct {
	shards [][]*Product
	mu     sync.RWMutex
	ranked []*Product
}

// New makes a catalogue of so many products.
func New(size int) *Catalog {
	c := &Catalog{shards: make([][]*Product, 4)}
	for i := range size {
		p := &Product{ID: i, Name: fmt.Sprintf("product %d", i), Description: strings.Repeat(fmt.Sprintf("word%d ", i%50), 40+i%60)}
		p.Attributes = map[string]string{"colour": fmt.Sprint("colour ", i%9), "size": fmt.Sprint("size ", i%5)}
		c.shards[i%4] = append(c.shards[i%4], p)
	}
	c.Rank()
	return c
}

// Product gives the product with this number, counted round.
func (c *Catalog) Product(id int) *Product {
	shard := c.shards[id%4]
	return shard[id/4%len(shard)]
}

// Rank sorts all products anew.
func (c *Catalog) Rank() {
	var all []*Product
	for _, shard := range c.shards {
		all = append(all, shard...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID*7919%1009 < all[j].ID*7919%1009 })
	c.mu.Lock()
	c.ranked = all
	c.mu.Unlock()
}

// Search asks every shard and gives the first products that fit.
func (c *Catalog) Search(ctx context.Context, query string) ([]*Product, error) {
	results := make(chan []*Product, len(c.shards))
	for _, shard := range c.shards {
		go func() { results <- searchShard(shard, query) }()
	}
	var found []*Product
	for range c.shards {
		select {
		case part := <-results:
			found = append(found, part...)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return found, nil
}

func searchShard(shard []*Product, query string) []*Product {
	var found []*Product
	for i := 0; i < len(shard) && len(found) < 4; i += 9 {
		if strings.Contains(shard[i].Name, query[len(query)-1:]) {
			found = append(found, shard[i])
		}
	}
	return found
}
