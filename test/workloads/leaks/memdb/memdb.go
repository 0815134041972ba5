// Package memdb is a database/sql driver over tables in memory, with the time a database takes and no more SQL than a
// small service needs: select … from T [where C = ?], update T set C = ? where C = ?.
package memdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Table is named columns and rows of values.
type Table struct {
	Columns []string
	Rows    [][]driver.Value
}

// Database has the tables; its connections share them.
type Database struct {
	mu      sync.RWMutex
	tables  map[string]*Table
	latency time.Duration
}

// New makes a database whose statements take latency.
func New(tables map[string]*Table, latency time.Duration) *Database {
	return &Database{tables: tables, latency: latency}
}

// Open gives a pool over the database, as sql.OpenDB does.
func (d *Database) Open() *sql.DB { return sql.OpenDB(d) }

// Connect implements driver.Connector.
func (d *Database) Connect(ctx context.Context) (driver.Conn, error) {
	return &conn{db: d, read: make([]byte, 4096)}, d.wait(ctx)
}

// Driver implements driver.Connector.
func (d *Database) Driver() driver.Driver { return nil }

func (d *Database) wait(ctx context.Context) error {
	select {
	case <-time.After(d.latency):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Database) column(t *Table, name string) (int, error) {
	for i, c := range t.Columns {
		if c == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no column %q", name)
}

type conn struct {
	db   *Database
	read []byte
}

func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not supported: prepare") }
func (c *conn) Close() error                        { return nil }
func (c *conn) Begin() (driver.Tx, error)           { return &tx{}, nil }
func (c *conn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	return &tx{}, c.db.wait(ctx)
}

type tx struct{}

func (*tx) Commit() error   { return nil }
func (*tx) Rollback() error { return nil }

var selects = regexp.MustCompile(`(?i)^select (.+) from (\w+)(?: where (\w+) = \?)?$`)
var updates = regexp.MustCompile(`(?i)^update (\w+) set (\w+) = \? where (\w+) = \?$`)

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.db.wait(ctx); err != nil {
		return nil, err
	}
	part := selects.FindStringSubmatch(query)
	if part == nil {
		return nil, fmt.Errorf("cannot read %q", query)
	}
	c.db.mu.RLock()
	defer c.db.mu.RUnlock()
	table := c.db.tables[part[2]]
	if table == nil {
		return nil, fmt.Errorf("no table %q", part[2])
	}
	result := &rows{}
	for _, name := range strings.Split(part[1], ",") {
		result.columns = append(result.columns, strings.TrimSpace(name))
	}
	var where int
	var err error
	if part[3] != "" {
		if where, err = c.db.column(table, part[3]); err != nil {
			return nil, err
		}
	}
	for _, row := range table.Rows {
		if part[3] != "" && fmt.Sprint(row[where]) != fmt.Sprint(args[0].Value) {
			continue
		}
		found := make([]driver.Value, len(result.columns))
		for i, name := range result.columns {
			at, err := c.db.column(table, name)
			if err != nil {
				return nil, err
			}
			found[i] = row[at]
		}
		result.rows = append(result.rows, found)
		if part[3] != "" {
			break
		}
	}
	return result, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.db.wait(ctx); err != nil {
		return nil, err
	}
	part := updates.FindStringSubmatch(query)
	if part == nil {
		return nil, fmt.Errorf("cannot read %q", query)
	}
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	table := c.db.tables[part[1]]
	if table == nil {
		return nil, fmt.Errorf("no table %q", part[1])
	}
	set, err := c.db.column(table, part[2])
	if err != nil {
		return nil, err
	}
	where, err := c.db.column(table, part[3])
	if err != nil {
		return nil, err
	}
	changed := 0
	for _, row := range table.Rows {
		if fmt.Sprint(row[where]) == fmt.Sprint(args[1].Value) {
			row[set] = args[0].Value
			changed++
		}
	}
	return driver.RowsAffected(changed), nil
}

type rows struct {
	columns []string
	rows    [][]driver.Value
	next    int
}

func (r *rows) Columns() []string { return r.columns }
func (r *rows) Close() error      { return nil }
func (r *rows) Next(dest []driver.Value) error {
	if r.next >= len(r.rows) {
		return io.EOF
	}
	copy(dest, r.rows[r.next])
	r.next++
	return nil
}
