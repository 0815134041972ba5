// Package realtime hands messages on to whoever listens: live feeds, websockets and pollers.
package realtime

import (
	"context"
	"sync"
)

// Message is one event of a topic.
type Message struct {
	Topic string `json:"topic"`
	Text  string `json:"text"`
}

// Subscription gets the messages of one topic; a slow one misses some.
type Subscription struct {
	topic    string
	messages chan Message
}

// Messages gives what is published to the topic.
func (s *Subscription) Messages() <-chan Message { return s.messages }

// Hub has the subscriptions.
type Hub struct {
	mu            sync.Mutex
	subscriptions map[*Subscription]struct{}
	published     chan Message
}

// NewHub starts a hub that works until ctx ends.
func NewHub(ctx context.Context) *Hub {
	h := &Hub{subscriptions: map[*Subscription]struct{}{}, published: make(chan Message, 64)}
	go h.run(ctx)
	return h
}

func (h *Hub) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case message := <-h.published:
			h.deliver(message)
		}
	}
}

func (h *Hub) deliver(message Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subscriptions {
		if s.topic != message.Topic {
			continue
		}
		select {
		case s.messages <- message:
		default:
		}
	}
}

// Publish hands a message to all subscriptions of its topic.
func (h *Hub) Publish(message Message) { h.published <- message }

// Subscribe begins to listen to a topic.
func (h *Hub) Subscribe(topic string) *Subscription {
	s := &Subscription{topic: topic, messages: make(chan Message, 8)}
	h.mu.Lock()
	h.subscriptions[s] = struct{}{}
	h.mu.Unlock()
	return s
}

// Unsubscribe ends a subscription.
func (h *Hub) Unsubscribe(s *Subscription) {
	h.mu.Lock()
	delete(h.subscriptions, s)
	h.mu.Unlock()
}

// Follow calls do with every message of a topic until stop is called.
func (h *Hub) Follow(topic string, do func(Message)) (stop func()) {
	s := h.Subscribe(topic)
	go func() {
		for message := range s.messages {
			do(message)
		}
	}()
	return func() {
		h.Unsubscribe(s)
		close(s.messages)
	}
}
