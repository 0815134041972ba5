// Rpc is a grpc-go server with the health service, whose Watch is a stream that does not end.
//
//	go run . -addr 127.0.0.1:8080 -debug 127.0.0.1:6060
package main

import (
	"flag"
	"log"
	"math/rand"
	"net"
	"net/http"
	_ "net/http/pprof"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to serve")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: 30 * time.Second}))
	states := health.NewServer()
	healthpb.RegisterHealthServer(server, states)
	go func() {
		for ; ; time.Sleep(500 * time.Millisecond) {
			states.SetServingStatus("", healthpb.HealthCheckResponse_ServingStatus(1+rand.Intn(2)))
		}
	}()
	log.Fatal(server.Serve(listener))
}
