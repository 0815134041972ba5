package main

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Clients of gRPC services.
var grpcScenarios = []*scenario{
	{
		name: "grpc-conn-per-request", kind: "goroutine", signature: 6,
		about: "a ClientConn for every request, never closed",
		labels: []string{
			`google\.golang\.org/grpc/internal/transport\.(\(\*http2Client\)\.(reader|keepalive)|NewHTTP2Client\.func\d+)\(.* \[(select|IO wait)\]`,
			`google\.golang\.org/grpc/internal/grpcsync\.\(\*CallbackSerializer\)\.run\(.* \[(select|chan receive)\]`,
		},
		heapLabels: []string{`main\.\(\*paymentClient\)\.(connect|check)$`},
		hits:       []hit{post("/payments/%d", 8)},
		install: func(s *service) {
			c := &paymentClient{service: s}
			s.router.Post("/payments/{id}", c.pay)
		},
	},
	{
		name: "grpc-stream-not-drained", kind: "goroutine", signature: 9,
		about:  "a server stream is left after the first message, under a context that lives as long as the process",
		labels: []string{`google\.golang\.org/grpc\.newClientStream\w*\.func\d+\(.* \[select\]`},
		hits:   []hit{get("/warehouse/%d", 30)},
		install: func(s *service) {
			conn, err := grpc.NewClient(s.upstreamGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				panic(err)
			}
			c := &warehouse{service: s, health: grpc_health_v1.NewHealthClient(conn)}
			s.router.Get("/warehouse/{id}", c.status)
		},
	},
}

type paymentClient struct {
	*service
	shared *grpc.ClientConn
}

func (c *paymentClient) connect() (*grpc.ClientConn, error) {
	if c.fixed && c.shared != nil {
		return c.shared, nil
	}
	conn, err := grpc.NewClient(c.upstreamGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err == nil && c.fixed {
		c.shared = conn
	}
	return conn, err
}

func (c *paymentClient) check(ctx context.Context) error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return err
}

func (c *paymentClient) pay(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := c.check(ctx); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

type warehouse struct {
	*service
	health grpc_health_v1.HealthClient
}

func (c *warehouse) status(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	status, err := c.first(id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = io.WriteString(w, status)
}

func (c *warehouse) first(id int) (string, error) {
	ctx := c.ctx
	if c.fixed || id%4 != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(c.ctx)
		defer cancel()
	}
	stream, err := c.health.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return "", err
	}
	answer, err := stream.Recv()
	if err != nil {
		return "", err
	}
	return answer.GetStatus().String(), nil
}
