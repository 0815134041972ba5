package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// Calls to other services over HTTP and TCP.
var outboundScenarios = []*scenario{
	{
		name: "response-body-open", kind: "goroutine", signature: 1,
		about:      "the error path of a call returns without closing the response body",
		labels:     []string{`net/http\.\(\*persistConn\)\.(readLoop|writeLoop)\(.* \[select\]`},
		heapLabels: []string{`main\.\(\*shipping\)\.offer$`},
		hits:       []hit{get("/shipping/%d", 160)},
		install: func(s *service) {
			p := &shipping{service: s, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
			s.router.Get("/shipping/{id}", p.serve)
		},
	},
	{
		name: "transport-per-request", kind: "goroutine", signature: 1,
		about:      "a client with a transport of its own for every call: idle connections stay with nobody to use them",
		labels:     []string{`net/http\.\(\*persistConn\)\.readLoop\(.* \[(IO wait|select)\]`, `net/http\.\(\*persistConn\)\.writeLoop\(.* \[select\]`},
		heapLabels: []string{`main\.\(\*partnerAPI\)\.(client|fetch)$`},
		hits:       []hit{get("/partner/%d", 8)},
		install: func(s *service) {
			p := &partnerAPI{service: s, shared: &http.Client{Transport: &http.Transport{}}}
			s.router.Get("/partner/{id}", p.serve)
		},
	},
	{
		name: "outbound-no-timeout", kind: "goroutine", signature: 3,
		about: "a background call without a timeout to a service that sometimes never answers",
		labels: []string{
			`\(\*webhooks\)\.enqueue\.func1\(.* \[select\]`,
			`net/http\.\(\*persistConn\)\.(readLoop|writeLoop)\(.* \[(IO wait|select)\]`,
		},
		hits: []hit{post("/webhooks/%d", 120)},
		install: func(s *service) {
			h := &webhooks{service: s, client: &http.Client{Transport: &http.Transport{}}}
			if s.fixed {
				h.client.Timeout = 2 * time.Second
			}
			s.router.Post("/webhooks/{id}", h.enqueue)
		},
	},
	{
		name: "device-read-no-deadline", kind: "goroutine", signature: 31,
		about:  "a poller reads from a device that has gone silent, without a deadline",
		labels: []string{`\(\*devicePoller\)\.poll\.func1\(.* \[IO wait\]`},
		hits:   []hit{post("/devices/%d/poll", 90)},
		install: func(s *service) {
			p := &devicePoller{service: s}
			s.router.Post("/devices/{id}/poll", p.poll)
		},
	},
	{
		name: "handler-stuck", kind: "goroutine", signature: 5,
		about:  "handlers wait for an answer of a dependency that lost the question, without regard to the request's end",
		labels: []string{`net/http\.\(\*conn\)\.serve\(.* \[chan receive\]`},
		hits:   []hit{{method: "GET", path: "/loyalty/%d", perMinute: 120, timeout: 3 * time.Second}},
		install: func(s *service) {
			l := &loyalty{service: s, questions: make(chan loyaltyQuestion, 16)}
			go l.answer()
			s.router.Get("/loyalty/{id}", l.points)
		},
	},
	{
		name: "retry-without-limit", kind: "goroutine",
		about:  "a failed delivery is tried again for ever, each in a goroutine that sleeps between two tries",
		labels: []string{`\(\*mailer\)\.send\.func1\(.* \[sleep\]`},
		hits:   []hit{post("/mails/%d", 100)},
		install: func(s *service) {
			m := &mailer{service: s}
			s.router.Post("/mails/{id}", m.send)
		},
	},
}

type shipping struct {
	*service
	client *http.Client
}

func (p *shipping) serve(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	offer, err := p.offer(id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = w.Write(offer)
}

func (p *shipping) offer(id int) ([]byte, error) {
	path := "/rates/" + strconv.Itoa(id)
	if id%20 == 0 {
		path = "/busy"
	}
	answer, err := p.client.Get(p.upstreamHTTP + path)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		if p.fixed {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
		return nil, fmt.Errorf("shipping: %s", answer.Status)
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

type partnerAPI struct {
	*service
	shared *http.Client
}

func (p *partnerAPI) client() *http.Client {
	if p.fixed {
		return p.shared
	}
	return &http.Client{Transport: &http.Transport{MaxIdleConns: 10}, Timeout: 5 * time.Second}
}

func (p *partnerAPI) fetch(id string) ([]byte, error) {
	answer, err := p.client().Get(p.upstreamHTTP + "/rates/" + id)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

func (p *partnerAPI) serve(w http.ResponseWriter, r *http.Request) {
	text, err := p.fetch(chi.URLParam(r, "id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = w.Write(text)
}

type webhooks struct {
	*service
	client *http.Client
}

func (h *webhooks) enqueue(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	go func() {
		if err := h.deliver(id); err != nil {
			h.log.Warn("webhook: " + err.Error())
		}
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (h *webhooks) deliver(id int) error {
	path := "/slow?ms=" + strconv.Itoa(50+id%400)
	if id%15 == 0 {
		path = "/hang"
	}
	answer, err := h.client.Get(h.upstreamHTTP + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

type devicePoller struct{ *service }

func (p *devicePoller) poll(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	go func() {
		if err := p.ask(id); err != nil {
			p.log.Warn("device: " + err.Error())
		}
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (p *devicePoller) ask(id int) error {
	conn, err := net.DialTimeout("tcp", p.upstreamTCP, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	question := "ping\n"
	if id%12 == 0 {
		question = "status\n"
	}
	if p.fixed {
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	}
	if _, err := io.WriteString(conn, question); err != nil {
		return err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(answer[:n]), "pong") {
		return fmt.Errorf("device %d says %q", id, answer[:n])
	}
	return nil
}

type loyaltyQuestion struct {
	customer int
	answer   chan int
}

type loyalty struct {
	*service
	questions chan loyaltyQuestion
}

// answer is the client of the loyalty service: it loses a question now and then.
func (l *loyalty) answer() {
	for {
		select {
		case <-l.ctx.Done():
			return
		case q := <-l.questions:
			time.Sleep(2 * time.Millisecond)
			if q.customer%25 != 0 {
				q.answer <- q.customer % 500
			}
		}
	}
}

func (l *loyalty) points(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	q := loyaltyQuestion{customer: id, answer: make(chan int, 1)}
	l.questions <- q
	if l.fixed {
		select {
		case points := <-q.answer:
			writeJSON(w, points)
		case <-r.Context().Done():
		}
		return
	}
	writeJSON(w, <-q.answer)
}

type mailer struct{ *service }

func (m *mailer) send(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(chi.URLParam(r, "id"))
	go func() {
		wait := 200 * time.Millisecond
		for try := 1; ; try++ {
			if err := m.deliver(m.ctx, id, try); err == nil {
				return
			}
			if m.fixed && try == 4 {
				m.log.Warn("mail given up")
				return
			}
			time.Sleep(wait)
			wait = min(2*wait, 5*time.Second)
		}
	}()
	w.WriteHeader(http.StatusAccepted)
}

func (m *mailer) deliver(_ context.Context, id, try int) error {
	if id%18 == 0 {
		return fmt.Errorf("no such mailbox, try %d", try)
	}
	if id%3 == 0 && try < 3 {
		return fmt.Errorf("greylisted, try %d", try)
	}
	return nil
}
