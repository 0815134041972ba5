package catalog

import (
	"context"
	"errors"
	"time"
)

// Recommender finds products that go with another.
type Recommender struct {
	catalog  *Catalog
	buffered bool
}

// NewRecommender makes a recommender; buffered says whether a late result has a place to go.
func NewRecommender(c *Catalog, buffered bool) *Recommender {
	return &Recommender{catalog: c, buffered: buffered}
}

// Recommend gives up after 50 ms.
func (r *Recommender) Recommend(ctx context.Context, id int) ([]*Product, error) {
	size := 0
	if r.buffered {
		size = 1
	}
	result := make(chan []*Product, size)
	go func() { result <- r.compute(id) }()
	select {
	case found := <-result:
		return found, nil
	case <-time.After(50 * time.Millisecond):
		return nil, errors.New("recommendations took too long")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Recommender) compute(id int) []*Product {
	pause := time.Duration(id%17) * time.Millisecond
	if id%40 == 0 {
		pause = 80 * time.Millisecond
	}
	time.Sleep(pause)
	return []*Product{r.catalog.Product(id + 1), r.catalog.Product(id + 2)}
}
