package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/fsnotify/fsnotify"
	"github.com/go-chi/chi/v5"
)

// Child processes, pipes and watched files.
var resourceScenarios = []*scenario{
	{
		name: "exec-without-wait", kind: "goroutine", signature: 28,
		about:  "a command is started and never waited for",
		labels: []string{`os/exec\.\(\*Cmd\)\.(watchCtx|Start)[.\w]*\(.* \[(select|chan send|chan receive|IO wait)\]`},
		hits:   []hit{post("/convert/%d", 12)},
		install: func(s *service) {
			c := &converter{service: s}
			s.router.Post("/convert/{id}", c.convert)
		},
	},
	{
		name: "pipe-reader-gone", kind: "goroutine", signature: 29,
		about:  "an encoder writes into a pipe whose reader stopped at the first line",
		labels: []string{`\(\*archiver\)\.stream\.func1\(.* \[select\]`},
		hits:   []hit{get("/archives/%d", 60)},
		install: func(s *service) {
			a := &archiver{service: s}
			s.router.Get("/archives/{id}", a.head)
		},
	},
	{
		name: "watcher-not-closed", kind: "goroutine", signature: 30,
		about:      "a file watcher is made at every reload of the settings, the one before is not closed",
		labels:     []string{`github\.com/fsnotify/fsnotify\.\(\*inotify\)\.readEvents\(.* \[(IO wait|select)\]`, `\(\*settingsFile\)\.follow\(.* \[select\]`},
		heapLabels: []string{`main\.\(\*settingsFile\)\.(watch|reload)$`},
		hits:       []hit{post("/reload", 7)},
		install: func(s *service) {
			folder, err := os.MkdirTemp("", "shopfront")
			if err != nil {
				panic(err)
			}
			f := &settingsFile{service: s, path: filepath.Join(folder, "settings.json")}
			if err := os.WriteFile(f.path, []byte("{}"), 0o600); err != nil {
				panic(err)
			}
			s.router.Post("/reload", f.reload)
		},
	},
}

type converter struct{ *service }

func (c *converter) convert(w http.ResponseWriter, r *http.Request) {
	ctx := context.WithoutCancel(r.Context())
	ctx, cancel := context.WithCancel(ctx)
	command := exec.CommandContext(ctx, "true")
	var out bytes.Buffer
	command.Stdout = &out
	if err := command.Start(); err != nil {
		cancel()
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if c.fixed {
		defer cancel()
		if err := command.Wait(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	} else {
		context.AfterFunc(c.ctx, cancel)
	}
	w.WriteHeader(http.StatusAccepted)
}

type archiver struct{ *service }

func (a *archiver) head(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	archive := a.stream(id)
	if a.fixed {
		defer archive.Close()
	}
	if id%6 != 0 {
		_, _ = io.Copy(w, archive)
		return
	}
	first := make([]byte, 512)
	if _, err := io.ReadFull(archive, first); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(first)
}

func (a *archiver) stream(id int) io.ReadCloser {
	reader, writer := io.Pipe()
	go func() {
		encoder := json.NewEncoder(writer)
		for i := range 20 {
			if err := encoder.Encode(a.catalog.Product(id + i)); err != nil {
				return
			}
		}
		_ = writer.Close()
	}()
	return reader
}

type settingsFile struct {
	*service
	path    string
	current *fsnotify.Watcher
}

func (f *settingsFile) reload(w http.ResponseWriter, _ *http.Request) {
	watcher, err := f.watch()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if f.fixed && f.current != nil {
		_ = f.current.Close()
	}
	f.current = watcher
	w.WriteHeader(http.StatusNoContent)
}

func (f *settingsFile) watch() (*fsnotify.Watcher, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := watcher.Add(f.path); err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	go f.follow(watcher)
	return watcher, nil
}

func (f *settingsFile) follow(watcher *fsnotify.Watcher) {
	for {
		select {
		case event, open := <-watcher.Events:
			if !open {
				return
			}
			f.log.Info("settings changed: " + event.Name)
		case err, open := <-watcher.Errors:
			if !open {
				return
			}
			f.log.Warn("settings: " + err.Error())
		}
	}
}
