package main

import (
	"context"
	"os"
	"path/filepath"
)

// A host is a service that Debian packages, the Go module proxy or the folder services give us. Its port 0 takes the load.
type host struct {
	project     string
	binary      string
	pprofPort   int                                    // which of the instance's ports serves /debug/pprof
	arguments   func(in *instance) ([]string, error)   // writes the service's files, returns its arguments
	environment func(in *instance) []string            //
	prepare     func(context.Context, *instance) error // after each start
	loads       map[string]load
}

// A load is what one unit of load does, until its context ends. An error makes the unit begin again.
type load struct {
	what string // what grows with it and why that is healthy
	hold func(ctx context.Context, in *instance, id int) error
}

const accepted = "one goroutine per accepted keep-alive connection, IO wait, as many as clients are connected"

var hosts = map[string]*host{}

// write keeps a file of the service's, in a folder of the instance.
func (in *instance) write(name, text string) error {
	path := filepath.Join(in.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
