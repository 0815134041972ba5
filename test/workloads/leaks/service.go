package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"strconv"
	"time"

	"example.com/shopfront/catalog"
	"example.com/shopfront/memdb"
	"example.com/shopfront/realtime"
	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type serveOptions struct {
	scenario                                *scenario
	fixed                                   bool
	upstreamHTTP, upstreamGRPC, upstreamTCP string
}

// service is the shop: what every scenario builds upon.
type service struct {
	serveOptions
	ctx      context.Context // as long as the process
	log      *zap.Logger
	metrics  *metrics
	router   chi.Router
	catalog  *catalog.Catalog
	orders   *orderBook
	pool     *workerPool
	tenants  *tenantWorkers
	hub      *realtime.Hub
	quotes   *ttlCache
	reports  *reportBuffers
	database *memdb.Database
	db       *sql.DB
	outbound *http.Client
}

func newService(ctx context.Context, options serveOptions) *service {
	s := &service{serveOptions: options, ctx: ctx}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	s.log = zap.New(zapcore.NewCore(encoder, zapcore.AddSync(io.Discard), zap.InfoLevel))
	s.metrics = newMetrics()
	s.catalog = catalog.New(12000)
	s.orders = newOrderBook(3000)
	s.pool = newWorkerPool(ctx, 24, 256)
	s.tenants = newTenantWorkers(ctx)
	s.hub = realtime.NewHub(ctx)
	s.quotes = newTTLCache(ctx, 20*time.Second)
	s.reports = &reportBuffers{}
	stock := &memdb.Table{Columns: []string{"id", "quantity", "place"}}
	for i := range 120 {
		stock.Rows = append(stock.Rows, []driver.Value{int64(i), int64(i * 3), fmt.Sprintf("shelf %d", i)})
	}
	s.database = memdb.New(map[string]*memdb.Table{"stock": stock}, 2*time.Millisecond)
	s.db = s.database.Open()
	s.db.SetMaxOpenConns(16)
	s.outbound = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second}}

	s.router = chi.NewRouter()
	s.router.Use(recoverPanics(s.log), requestIDs, s.metrics.observe, accessLog(s.log), tenantOf)
	s.router.Get("/debug/pprof/*", pprof.Index)
	s.router.Get("/debug/memstats", func(w http.ResponseWriter, _ *http.Request) {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		_ = json.NewEncoder(w).Encode(stats)
	})
	s.router.Handle("/metrics", s.metrics.handler())
	s.router.Get("/products/{id}", s.product)
	s.router.Get("/search", s.search)
	s.router.Post("/orders", s.placeOrder)
	s.router.Get("/stock/{id}", s.stock)
	s.router.Get("/quote/{id}", s.quote)
	s.router.Get("/report", s.report)
	s.router.Get("/feed", s.feed)
	s.startJobs()
	return s
}

func runService(ctx context.Context, options serveOptions) error {
	s := newService(ctx, options)
	options.scenario.install(s)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.router, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 60 * time.Second}
	fmt.Fprintln(os.Stdout, listener.Addr())
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// startJobs runs what a service does in the background, each job on its own clock.
func (s *service) startJobs() {
	for _, job := range []struct {
		name  string
		every time.Duration
		run   func(context.Context)
	}{
		{"expire quotes", 5 * time.Second, func(context.Context) { s.quotes.expire() }},
		{"publish offers", 200 * time.Millisecond, s.publishOffers},
		{"recount stock", 3 * time.Second, s.recountStock},
		{"rank products", 7 * time.Second, func(context.Context) { s.catalog.Rank() }},
		{"push metrics", 4 * time.Second, func(context.Context) { s.metrics.push() }},
		{"settle orders", time.Second, func(context.Context) { s.orders.settle() }},
	} {
		go s.runJob(job.name, job.every, job.run)
	}
}

func (s *service) runJob(name string, every time.Duration, run func(context.Context)) {
	clock := time.NewTicker(every)
	defer clock.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-clock.C:
			started := time.Now()
			run(s.ctx)
			s.log.Info("job done", zap.String("job", name), zap.Duration("took", time.Since(started)))
		}
	}
}

func (s *service) publishOffers(context.Context) {
	s.hub.Publish(realtime.Message{Topic: strconv.Itoa(rand.Intn(12)), Text: fmt.Sprintf("offer %d", rand.Intn(1000))})
}

func (s *service) recountStock(ctx context.Context) {
	rows, err := s.db.QueryContext(ctx, "select id, quantity from stock")
	if err != nil {
		s.log.Error("recount", zap.Error(err))
		return
	}
	defer rows.Close()
	total := 0
	for rows.Next() {
		var id, quantity int
		if err := rows.Scan(&id, &quantity); err != nil {
			s.log.Error("recount", zap.Error(err))
			return
		}
		total += quantity
	}
	if err := rows.Err(); err != nil {
		s.log.Error("recount", zap.Error(err))
	}
}

func (s *service) product(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	writeJSON(w, s.catalog.Product(id))
}

func (s *service) search(w http.ResponseWriter, r *http.Request) {
	found, err := s.catalog.Search(r.Context(), r.URL.Query().Get("q"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	writeJSON(w, found)
}

func (s *service) placeOrder(w http.ResponseWriter, r *http.Request) {
	var placed order
	if err := json.NewDecoder(r.Body).Decode(&placed); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	placed.Tenant = tenant(r.Context())
	s.orders.add(&placed)
	if err := s.pool.submit(r.Context(), func() { s.tenants.notify(placed.Tenant, &placed) }); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (s *service) stock(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	var quantity int
	if err := s.db.QueryRowContext(r.Context(), "select quantity from stock where id = ?", id%120).Scan(&quantity); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, map[string]int{"quantity": quantity})
}

func (s *service) quote(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	text, found := s.quotes.get(id)
	if !found {
		var err error
		if text, err = s.fetchQuote(r.Context(), id); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		s.quotes.put(id, text)
	}
	_, _ = w.Write(text)
}

func (s *service) fetchQuote(ctx context.Context, id string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, "GET", s.upstreamHTTP+"/rates/"+id, nil)
	if err != nil {
		return nil, err
	}
	answer, err := s.outbound.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

func (s *service) report(w http.ResponseWriter, r *http.Request) {
	buffer := s.reports.get()
	defer s.reports.put(buffer)
	s.orders.writeReport(buffer, r.URL.Query().Get("day"))
	w.Header().Set("Content-Type", "text/csv")
	_, _ = w.Write(buffer.Bytes())
}

// feed streams the messages of a topic until the visitor goes.
func (s *service) feed(w http.ResponseWriter, r *http.Request) {
	subscription := s.hub.Subscribe(r.URL.Query().Get("topic"))
	defer s.hub.Unsubscribe(subscription)
	w.WriteHeader(http.StatusOK)
	flusher := http.NewResponseController(w)
	_ = flusher.Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case message := <-subscription.Messages():
			if _, err := fmt.Fprintf(w, "data: %s\n\n", message.Text); err != nil {
				return
			}
			_ = flusher.Flush()
		}
	}
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
