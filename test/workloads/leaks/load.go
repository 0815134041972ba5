package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

// patterns are how load goes over the window of a recording, by the fraction of it that has passed.
var patterns = map[string]func(f float64) float64{
	"flat":   func(float64) float64 { return 1 },
	"up":     func(f float64) float64 { return 0.3 + f },
	"down":   func(f float64) float64 { return 1.3 - f },
	"updown": func(f float64) float64 { return 0.3 + 1.1*(1-math.Abs(2*f-1)) },
	"wave":   func(f float64) float64 { return 0.85 + 0.5*math.Sin(2*math.Pi*2.3*f) },
	"burst": func(f float64) float64 {
		if _, part := math.Modf(f * 4); part > 0.7 {
			return 1.8
		}
		return 0.6
	},
	// A rise in the first third that stays.
	"step": func(f float64) float64 { return 0.4 + 0.8*min(1, max(0, f-0.15)*5) },
}

func patternNames() []string {
	var names []string
	for name := range patterns {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// hit is a request that a scenario's visitors make.
type hit struct {
	method    string
	path      string // %d is the number of the request
	perMinute float64
	body      func(n int) string
	// ordinary hits go with -traffic, the others with -rate.
	ordinary bool
	timeout  time.Duration
}

// visitors are all clients of one instance.
type visitors struct {
	instance      *instance
	scenario      *scenario
	rate, traffic float64
	level         func() float64
	random        *rand.Rand
	mu            sync.Mutex // of random
	http          *http.Client
}

var ordinaryTraffic = []hit{
	{method: "GET", path: "/products/%d", perMinute: 900},
	{method: "GET", path: "/search?q=%d", perMinute: 300},
	{method: "POST", path: "/orders", perMinute: 300, body: orderBody},
	{method: "GET", path: "/stock/%d", perMinute: 240},
	{method: "GET", path: "/quote/%d", perMinute: 180},
	{method: "GET", path: "/report?day=%d", perMinute: 40},
}

func orderBody(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"customer":"customer-%d","lines":[`, n%977)
	for i := range 1 + n%7 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"product":%d,"count":%d}`, (n*31+i*7)%4000, 1+i)
	}
	b.WriteString(`]}`)
	return b.String()
}

// begin starts the visitors; they go when ctx ends.
func (v *visitors) begin(ctx context.Context) {
	v.http = &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 48, IdleConnTimeout: 4 * time.Second, DisableCompression: true,
	}}
	go v.makeRequests(ctx)
	go v.keepFeeds(ctx)
	if v.scenario.clients != nil {
		go v.scenario.clients(ctx, v)
	}
}

func (v *visitors) float() float64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.random.Float64()
}

// makeRequests spreads requests of every kind at random times, at a rate that follows the load.
func (v *visitors) makeRequests(ctx context.Context) {
	hits := append([]hit{}, v.scenario.hits...)
	if !v.scenario.alone {
		hits = append(hits, ordinaryTraffic...)
	}
	ordinaryFrom := len(v.scenario.hits)
	due := make([]float64, len(hits))
	numbers := make([]int, len(hits))
	for i := range due {
		due[i] = v.float()
		numbers[i] = int(v.float() * 100_000)
	}
	const tick = 20 * time.Millisecond
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
		level := v.level()
		for i, h := range hits {
			times := v.rate
			if h.ordinary || i >= ordinaryFrom {
				times = v.traffic
			}
			due[i] += h.perMinute / 60 * tick.Seconds() * level * times * 2 * v.float()
			for ; due[i] >= 1; due[i]-- {
				numbers[i]++
				go v.request(ctx, h, numbers[i])
			}
		}
	}
}

func (v *visitors) request(ctx context.Context, h hit, n int) {
	timeout := h.timeout
	if timeout == 0 {
		timeout = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var body io.Reader
	if h.body != nil {
		body = bytes.NewReader([]byte(h.body(n)))
	}
	path := h.path
	if strings.Contains(path, "%d") {
		path = fmt.Sprintf(path, n)
	}
	request, err := http.NewRequestWithContext(ctx, h.method, v.instance.url()+path, body)
	if err != nil {
		return
	}
	request.Header.Set("X-Tenant", fmt.Sprintf("tenant-%d", n%16))
	request.Header.Set("X-Request-Id", fmt.Sprintf("%08x", n))
	answer, err := v.http.Do(request)
	if err != nil {
		return // The service restarts, or the visitor lost patience.
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
}

// keep holds as many of something open as the load says, each for a random time around life.
func (v *visitors) keep(ctx context.Context, target func() float64, life time.Duration, open func(ctx context.Context, n int)) {
	var mu sync.Mutex
	current, number := 0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100*time.Millisecond + time.Duration(v.float()*float64(100*time.Millisecond))):
		}
		wanted := int(target())
		mu.Lock()
		missing := wanted - current
		mu.Unlock()
		for range min(missing, 200) {
			mu.Lock()
			current++
			number++
			n := number
			mu.Unlock()
			lasts := time.Duration(float64(life) * (0.3 + 1.4*v.float()))
			go func() {
				one, cancel := context.WithTimeout(ctx, lasts)
				defer cancel()
				open(one, n)
				mu.Lock()
				current--
				mu.Unlock()
			}()
		}
	}
}

// keepFeeds holds live feeds open: streaming responses that last for a while.
func (v *visitors) keepFeeds(ctx context.Context) {
	if v.scenario.alone {
		return
	}
	v.keep(ctx, func() float64 { return 60 * v.traffic * v.level() * (0.93 + 0.14*v.float()) }, 25*time.Second, func(ctx context.Context, n int) {
		request, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s/feed?topic=%d", v.instance.url(), n%12), nil)
		if err != nil {
			return
		}
		answer, err := v.http.Do(request)
		if err != nil {
			time.Sleep(200 * time.Millisecond)
			return
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	})
}
