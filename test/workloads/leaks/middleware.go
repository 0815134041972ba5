package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

type contextKey int

const (
	tenantKey contextKey = iota
	requestIDKey
)

func tenant(ctx context.Context) string {
	name, _ := ctx.Value(tenantKey).(string)
	return name
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

func recoverPanics(log *zap.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if found := recover(); found != nil {
					log.Error("panic", zap.Any("value", found), zap.ByteString("stack", debug.Stack()))
					http.Error(w, "internal error", http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
}

func requestIDs(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey, id)))
	})
}

func tenantOf(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tenantKey, r.Header.Get("X-Tenant"))))
	})
}

func accessLog(log *zap.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			started := time.Now()
			next.ServeHTTP(w, r)
			log.Info("request", zap.String("method", r.Method), zap.String("path", r.URL.Path),
				zap.String("id", requestID(r.Context())), zap.Duration("took", time.Since(started)))
		})
	}
}

// metrics are the service's own, by route and not by path.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"method", "route"})
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "request_seconds"}, []string{"route"})
	m.registry.MustRegister(m.requests, m.seconds)
	return m
}

func (m *metrics) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		next.ServeHTTP(w, r)
		route := chi.RouteContext(r.Context()).RoutePattern()
		m.requests.WithLabelValues(r.Method, route).Inc()
		m.seconds.WithLabelValues(route).Observe(time.Since(started).Seconds())
	})
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// push gathers all metrics, as for a gateway.
func (m *metrics) push() {
	families, err := m.registry.Gather()
	if err != nil {
		return
	}
	size := 0
	for _, family := range families {
		size += len(fmt.Sprint(family))
	}
	_ = size
}
