// Package sentrytest is a small Sentry: an HTTP receiver that speaks the envelope protocol, keeps the events that
// arrive, and can refuse or hang on demand.
package sentrytest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Event is an error event as Sentry's clients send it, as far as tests look into it.
type Event struct {
	EventID     string                    `json:"event_id"`
	Level       string                    `json:"level"`
	Message     string                    `json:"message"`
	Environment string                    `json:"environment"`
	Release     string                    `json:"release"`
	Transaction string                    `json:"transaction"`
	Fingerprint []string                  `json:"fingerprint"`
	Tags        map[string]string         `json:"tags"`
	Contexts    map[string]map[string]any `json:"contexts"`
	User        map[string]any            `json:"user"`
	Request     map[string]any            `json:"request"`
	Breadcrumbs []map[string]any          `json:"breadcrumbs"`
	Exception   []Exception               `json:"exception"`
	Raw         json.RawMessage           `json:"-"`
}

// Exception is one error of an event's chain.
type Exception struct {
	Type       string `json:"type"`
	Value      string `json:"value"`
	Stacktrace *struct {
		Frames []map[string]any `json:"frames"`
	} `json:"stacktrace"`
}

// TraceID is the trace that the event belongs to.
func (e Event) TraceID() string {
	id, _ := e.Contexts["trace"]["trace_id"].(string)
	return id
}

// Receiver is a running server. Its zero behaviour is to accept everything.
type Receiver struct {
	server *httptest.Server

	mu        sync.Mutex
	envelopes [][]byte
	events    []Event
	broken    []error
	arrived   chan struct{} // closed and renewed with every envelope
	status    int
	hang      chan struct{} // open while requests must hang
}

// Start runs a receiver until the test ends.
func Start(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{arrived: make(chan struct{}), status: http.StatusOK}
	r.server = httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(func() {
		r.Resume()
		r.server.Close()
		for _, err := range r.broken {
			t.Errorf("sentrytest: %v", err)
		}
	})
	return r
}

// DSN is the address to give to a Sentry client.
func (r *Receiver) DSN() string {
	return strings.Replace(r.server.URL, "http://", "http://public@", 1) + "/1"
}

// Refuse makes the receiver respond with this status; 200 accepts again.
func (r *Receiver) Refuse(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// Hang makes requests wait without a response until Resume.
func (r *Receiver) Hang() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hang == nil {
		r.hang = make(chan struct{})
	}
}

// Resume ends Hang.
func (r *Receiver) Resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hang != nil {
		close(r.hang)
		r.hang = nil
	}
}

// Events are the error events so far.
func (r *Receiver) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}

// Bytes is everything that was received so far, inflated: for those who search it for secrets.
func (r *Receiver) Bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Join(r.envelopes, []byte("\n"))
}

// Wait blocks until enough holds for the events so far, or ctx ends.
func (r *Receiver) Wait(ctx context.Context, enough func([]Event) bool) ([]Event, error) {
	for {
		r.mu.Lock()
		events, arrived := append([]Event(nil), r.events...), r.arrived
		r.mu.Unlock()
		if enough(events) {
			return events, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return events, fmt.Errorf("%d Sentry events came, and not those waited for: %w", len(events), ctx.Err())
		}
	}
}

func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	status, hang := r.status, r.hang
	r.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-req.Context().Done():
			return
		}
	}
	if status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	body, err := inflate(req)
	var events []Event
	if err == nil {
		events, err = parse(body)
	}
	if err == nil && !strings.HasSuffix(req.URL.Path, "/api/1/envelope/") {
		err = fmt.Errorf("envelope sent to %s", req.URL.Path)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.broken = append(r.broken, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.envelopes = append(r.envelopes, body)
	r.events = append(r.events, events...)
	close(r.arrived)
	r.arrived = make(chan struct{})
	_, _ = io.WriteString(w, `{}`)
}

func inflate(req *http.Request) ([]byte, error) {
	if req.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(req.Body)
	}
	z, err := gzip.NewReader(req.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// parse reads an envelope: a header line, then items, each a header line and a payload of the length that the header
// gives, or up to the line's end without one. https://develop.sentry.dev/sdk/data-model/envelopes/
func parse(body []byte) ([]Event, error) {
	in := bufio.NewReader(bytes.NewReader(body))
	if _, err := in.ReadBytes('\n'); err != nil {
		return nil, fmt.Errorf("envelope header: %w", err)
	}
	var events []Event
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) == 0 {
			return events, nil
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var header struct {
			Type   string `json:"type"`
			Length *int   `json:"length"`
		}
		if err := json.Unmarshal(line, &header); err != nil {
			return nil, fmt.Errorf("item header %q: %w", line, err)
		}
		payload, err := readPayload(in, header.Length)
		if err != nil {
			return nil, fmt.Errorf("payload of %s: %w", header.Type, err)
		}
		if header.Type != "event" {
			continue
		}
		event := Event{Raw: payload}
		if err := json.Unmarshal(payload, &event); err != nil {
			return nil, fmt.Errorf("event: %w", err)
		}
		events = append(events, event)
	}
}

func readPayload(in *bufio.Reader, length *int) ([]byte, error) {
	if length == nil {
		payload, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return payload, err
	}
	payload := make([]byte, *length)
	_, err := io.ReadFull(in, payload)
	return payload, err
}
