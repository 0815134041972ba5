package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"
)

// Databases behind database/sql.
var sqlScenarios = []*scenario{
	{
		name: "sql-open-per-request", kind: "goroutine", signature: 11,
		about:      "a pool is opened for every export and never closed",
		labels:     []string{`database/sql\.\(\*DB\)\.connectionOpener\(.* \[select\]`},
		heapLabels: []string{`main\.\(\*exporter\)\.open$`},
		hits:       []hit{get("/export/%d", 10)},
		install: func(s *service) {
			e := &exporter{service: s}
			s.router.Get("/export/{id}", e.export)
		},
	},
	{
		name: "rows-not-closed", kind: "goroutine", signature: 12,
		about:  "rows are left open when the first row is the wanted one, under a context that lives as long as the process",
		labels: []string{`database/sql\.\(\*Rows\)\.(awaitDone|initContextClose\.gowrap\d+)\(.* \[select\]`},
		hits:   []hit{post("/reservations/%d", 80)},
		install: func(s *service) {
			v := &reservations{service: s, db: s.database.Open()}
			s.router.Post("/reservations/{id}", v.reserve)
		},
	},
	{
		name: "sql-pool-exhausted", kind: "goroutine", signature: 13,
		about: "a transaction is neither committed nor rolled back on the error path, until all connections are taken and all imports wait for one",
		labels: []string{
			`\(\*stockImport\)\.start\.func1\(.* \[select\]`,
			`database/sql\.\(\*(Tx\)\.awaitDone|DB\)\.beginDC\.gowrap\d+)\(.* \[(chan receive|select)\]`,
		},
		hits: []hit{post("/imports/%d", 70)},
		install: func(s *service) {
			i := &stockImport{service: s, db: s.database.Open()}
			i.db.SetMaxOpenConns(10)
			s.router.Post("/imports/{id}", i.start)
		},
	},
}

type exporter struct {
	*service
	shared *sql.DB
}

func (e *exporter) open() *sql.DB {
	db := e.database.Open()
	db.SetMaxOpenConns(4)
	return db
}

func (e *exporter) export(w http.ResponseWriter, r *http.Request) {
	db := e.open()
	if e.fixed {
		defer db.Close()
	}
	rows, err := db.QueryContext(r.Context(), "select id, place from stock")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var id int
		var place string
		if err := rows.Scan(&id, &place); err != nil {
			return
		}
		fmt.Fprintf(w, "%d,%s\n", id, place)
	}
	if err := rows.Err(); err != nil {
		e.log.Error("export", zap.Error(err))
	}
}

type reservations struct {
	*service
	db *sql.DB
}

func (v *reservations) reserve(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	quantity, err := v.first(v.ctx, id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, quantity)
}

func (v *reservations) first(ctx context.Context, id int) (int, error) {
	rows, err := v.db.QueryContext(ctx, "select id, quantity from stock")
	if err != nil {
		return 0, err
	}
	if v.fixed {
		defer rows.Close()
	}
	for rows.Next() {
		var row, quantity int
		if err := rows.Scan(&row, &quantity); err != nil {
			return 0, err
		}
		if row == id*37%600 {
			return quantity, nil
		}
	}
	return 0, rows.Err()
}

type stockImport struct {
	*service
	db *sql.DB
}

func (i *stockImport) start(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	go func() {
		if err := i.run(i.ctx, id); err != nil {
			i.log.Error("import", zap.Error(err))
		}
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (i *stockImport) run(ctx context.Context, id int) error {
	tx, err := i.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if i.fixed {
		defer tx.Rollback()
	}
	if id%10 == 0 {
		return fmt.Errorf("import %d: bad header", id)
	}
	if _, err := tx.ExecContext(ctx, "update stock set quantity = ? where id = ?", id%50, id%120); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}
