// Resolver forwards DNS questions (miekg/dns) to a slow upstream of its own and keeps answers in a cache until their
// time is over. Questions for the same name wait for one answer.
//
//	go run . -addr 127.0.0.1:5353 -debug 127.0.0.1:6060
package main

import (
	"flag"
	"log"
	"math/rand"
	"net"
	"net/http"
	_ "net/http/pprof"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/singleflight"
)

type answer struct {
	message *dns.Msg
	until   time.Time
}

type resolver struct {
	upstream string
	client   dns.Client
	asking   singleflight.Group
	mu       sync.RWMutex
	answers  map[string]answer
}

func (r *resolver) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	name := question.Question[0].Name
	r.mu.RLock()
	known, ok := r.answers[name]
	r.mu.RUnlock()
	if !ok || time.Now().After(known.until) {
		found, err, _ := r.asking.Do(name, func() (any, error) {
			message, _, err := r.client.Exchange(question.Copy(), r.upstream)
			if err != nil {
				return nil, err
			}
			fresh := answer{message, time.Now().Add(20 * time.Second)}
			r.mu.Lock()
			r.answers[name] = fresh
			r.mu.Unlock()
			return fresh, nil
		})
		if err != nil {
			dns.HandleFailed(w, question)
			return
		}
		known = found.(answer)
	}
	reply := known.message.Copy()
	reply.Id = question.Id
	_ = w.WriteMsg(reply)
}

func (r *resolver) sweep() {
	for range time.Tick(5 * time.Second) {
		r.mu.Lock()
		for name, known := range r.answers {
			if time.Now().After(known.until) {
				delete(r.answers, name)
			}
		}
		r.mu.Unlock()
	}
}

func authority(w dns.ResponseWriter, question *dns.Msg) {
	time.Sleep(time.Duration(200+rand.Intn(1200)) * time.Millisecond)
	reply := new(dns.Msg).SetReply(question)
	for n := 0; n < 8; n++ {
		reply.Answer = append(reply.Answer, &dns.A{
			Hdr: dns.RR_Header{Name: question.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 20},
			A:   net.IPv4(127, 0, byte(n), byte(rand.Intn(250))),
		})
	}
	_ = w.WriteMsg(reply)
}

func main() {
	addr := flag.String("addr", "127.0.0.1:5353", "where to serve")
	upstream := flag.String("upstream", "127.0.0.1:5354", "where its own upstream serves")
	debug := flag.String("debug", "127.0.0.1:6060", "where to serve /debug/pprof")
	flag.Parse()
	go func() { log.Fatal(http.ListenAndServe(*debug, nil)) }()
	r := &resolver{upstream: *upstream, client: dns.Client{Timeout: 5 * time.Second}, answers: map[string]answer{}}
	go r.sweep()
	go func() { log.Fatal(dns.ListenAndServe(*upstream, "udp", dns.HandlerFunc(authority))) }()
	go func() { log.Fatal(dns.ListenAndServe(*addr, "udp", r)) }()
	log.Fatal(dns.ListenAndServe(*addr, "tcp", r))
}
