package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Metrics with more label values than anybody reads.
var cardinalityScenarios = []*scenario{
	{
		name: "prometheus-labels", kind: "heap", signature: 32,
		about:      "a histogram is labelled with the path and the customer instead of the route",
		heapLabels: []string{`main\.\(\*customerMetrics\)\.observe$`},
		hits:       []hit{get("/customers/%d", 500)},
		install: func(s *service) {
			m := &customerMetrics{service: s}
			m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "customer_seconds"}, []string{"path", "customer"})
			s.metrics.registry.MustRegister(m.seconds)
			s.router.Get("/customers/{id}", m.serve)
		},
	},
	{
		name: "prometheus-curried-counter", kind: "heap", signature: 32,
		about:      "a counter is curried with the number of the request",
		heapLabels: []string{`main\.\(\*requestCounters\)\.count$`},
		hits:       []hit{get("/counted/%d", 900)},
		install: func(s *service) {
			c := &requestCounters{service: s}
			c.requests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "counted_total"}, []string{"tenant", "request"})
			s.metrics.registry.MustRegister(c.requests)
			s.router.Get("/counted/{id}", c.serve)
		},
	},
	{
		name: "otel-attributes", kind: "heap", signature: 33,
		about:      "a histogram is recorded with the user's number as an attribute, with no limit of cardinality",
		heapLabels: []string{`main\.\(\*telemetry\)\.record$`},
		hits:       []hit{get("/measured/%d", 500)},
		install: func(s *service) {
			reader := sdkmetric.NewManualReader()
			provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithCardinalityLimit(0))
			histogram, err := provider.Meter("shopfront").Float64Histogram("measured")
			if err != nil {
				panic(err)
			}
			t := &telemetry{service: s, seconds: histogram}
			go t.collect(reader)
			s.router.Get("/measured/{id}", t.serve)
		},
	},
}

type customerMetrics struct {
	*service
	seconds *prometheus.HistogramVec
}

func (m *customerMetrics) observe(path, customer string, took time.Duration) {
	m.seconds.WithLabelValues(path, customer).Observe(took.Seconds())
}

func (m *customerMetrics) serve(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	writeJSON(w, m.catalog.Product(id))
	path, customer := r.URL.Path, fmt.Sprintf("customer-%d", id)
	if m.fixed {
		path, customer = "/customers/{id}", tenant(r.Context())
	}
	m.observe(path, customer, time.Since(started))
}

type requestCounters struct {
	*service
	requests *prometheus.CounterVec
}

func (c *requestCounters) count(tenant, request string) {
	c.requests.MustCurryWith(prometheus.Labels{"tenant": tenant}).WithLabelValues(request).Inc()
}

func (c *requestCounters) serve(w http.ResponseWriter, r *http.Request) {
	request := requestID(r.Context())
	if c.fixed {
		request = "any"
	}
	c.count(tenant(r.Context()), request)
	w.WriteHeader(http.StatusNoContent)
}

type telemetry struct {
	*service
	seconds metric.Float64Histogram
}

func (t *telemetry) record(ctx context.Context, user string, took time.Duration) {
	t.seconds.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("user", user), attribute.String("tenant", tenant(ctx))))
}

func (t *telemetry) serve(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	user := "user-" + chi.URLParam(r, "id")
	if t.fixed {
		user = "any"
	}
	w.WriteHeader(http.StatusNoContent)
	t.record(r.Context(), user, time.Since(started))
}

func (t *telemetry) collect(reader *sdkmetric.ManualReader) {
	var collected metricdata.ResourceMetrics
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-time.After(10 * time.Second):
			_ = reader.Collect(t.ctx, &collected)
		}
	}
}
