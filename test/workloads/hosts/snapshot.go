package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// bigBytes is the size above which a text of goroutines is kept compressed.
const bigBytes = 16 << 10

var collector = &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 2}}

func (in *instance) fetch(ctx context.Context, profile string) ([]byte, error) {
	url := "http://" + in.address(hosts[in.window.Host].pprofPort) + "/debug/pprof/" + profile
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := collector.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return body, err
}

// snapshot writes the three artefacts of one moment. The files' modification times are the times of capture.
func (in *instance) snapshot(ctx context.Context, n int) error {
	for _, artefact := range []struct{ profile, suffix string }{
		{"goroutine?debug=2", "goroutine-debug2.txt"}, {"goroutine", "goroutine.pb.gz"}, {"heap", "heap.pb.gz"},
	} {
		body, err := in.fetch(ctx, artefact.profile)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%03d.%s", n, artefact.suffix)
		if len(body) > bigBytes && filepath.Ext(name) == ".txt" {
			if body, err = compress(body); err != nil {
				return err
			}
			name += ".gz"
		}
		if err := os.WriteFile(filepath.Join(in.window.out, in.name, name), body, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func compress(text []byte) ([]byte, error) {
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(text); err != nil {
		return nil, err
	}
	err = writer.Close()
	return packed.Bytes(), err
}
