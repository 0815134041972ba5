package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// world is what the service calls: other HTTP and gRPC services, and devices that answer on TCP or stay silent.
type world struct {
	httpURL, grpcAddr, tcpAddr string
}

func openWorld(ctx context.Context) (*world, error) {
	var listeners [3]net.Listener
	for i := range listeners {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners[i] = listener
	}
	go func() {
		<-ctx.Done()
		for _, l := range listeners {
			_ = l.Close()
		}
	}()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /rates/{id}", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(3 * time.Millisecond)
		fmt.Fprintf(w, `{"id":%q,"rate":1.17}`, r.PathValue("id"))
	})
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		millis, _ := strconv.Atoi(r.URL.Query().Get("ms"))
		select {
		case <-time.After(time.Duration(millis) * time.Millisecond):
		case <-r.Context().Done():
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /hang", func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	})
	mux.HandleFunc("GET /busy", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, strings.Repeat(`{"error":"try again later"}`, 300))
	})
	mux.HandleFunc("GET /document/{id}", func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		http.SetCookie(w, &http.Cookie{Name: "doc-" + r.PathValue("id"), Value: strings.Repeat("v", 1200), Path: r.URL.Path})
		fmt.Fprintf(w, `{"token":"token-%s","text":"`, r.PathValue("id"))
		for range max(1, size/1024) {
			fmt.Fprint(w, strings.Repeat("lorem ipsum dolo", 64))
		}
		fmt.Fprint(w, `"}`)
	})
	go func() { _ = http.Serve(listeners[0], mux) }()

	server := grpc.NewServer()
	status := health.NewServer()
	status.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, status)
	go func() { _ = server.Serve(listeners[1]) }()

	go acceptDevices(listeners[2])
	return &world{
		httpURL: "http://" + listeners[0].Addr().String(), grpcAddr: listeners[1].Addr().String(),
		tcpAddr: listeners[2].Addr().String(),
	}, nil
}

// acceptDevices answers "ping" with "pong"; asked for "status" it stays silent, as a device does that lost its power.
func acceptDevices(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			buffer := make([]byte, 64)
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					return
				}
				if strings.HasPrefix(string(buffer[:n]), "ping") {
					_, _ = conn.Write([]byte("pong\n"))
				}
			}
		}()
	}
}
