package client_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// TestStream_misses_nothing: while realtime is killed and stopped in turn, and access tokens live for two seconds, a stream
// gives every event of the account once and in order.
//
// Mutations: the cursor of a welcome is kept; positions that were seen are not dropped; the token is not renewed.
func TestStream_misses_nothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := startPair(ctx, t, "JWT_EXPIRY=2s", "WEBSOCKET_HEARTBEAT=1s")
	viewer, engineer := p.as("viewer"), p.as("engineer")
	start, err := viewer.ListEvents(ctx, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	var connections int
	var once sync.Once
	renewed := make(chan struct{}) // The server has taken a fresh token over the open connection.
	stream := viewer.Stream(client.StreamOptions{
		After: start.Head,
		OnState: func(s client.State) {
			if s.Phase == client.Live {
				connections++
			}
		},
		OnFrame: func(frame []byte) {
			spec.Frame(t, spec.FromServer, frame)
			if strings.Contains(string(frame), `"ack"`) && strings.Contains(string(frame), `"id":"auth"`) {
				once.Do(func() { close(renewed) })
			}
		},
	})
	const want = 60
	wrote := make(chan error, 1)
	seen := make(chan int, want)
	go func() { wrote <- p.disturb(ctx, engineer, want, renewed, seen) }()

	got, last := 0, int64(0)
	for e, err := range stream.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if last != 0 && e.Position != last+1 {
			t.Errorf("position %d after %d", e.Position, last)
		}
		last = e.Position
		if e.Type != client.DriftCreated {
			continue
		}
		if d, err := e.Drift(); err != nil || d.ResourceID != fmt.Sprintf("i-%d", got) {
			t.Errorf("event %d is about %s: %v", got, d.ResourceID, err)
		}
		got++
		seen <- got
		if got == want {
			break
		}
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if got != want || connections < 3 {
		t.Errorf("%d of %d events over %d connections", got, want, connections)
	}
}

// disturb reports drifts, and ends realtime now and then, when the stream has had all of them.
func (p *pair) disturb(ctx context.Context, c *client.Client, drifts int, begin <-chan struct{}, seen <-chan int) error {
	select {
	case <-begin:
	case <-ctx.Done():
		return ctx.Err()
	}
	stop := func() error { return p.Realtime.Stop(ctx) }
	end := map[int]func() error{drifts / 3: p.Realtime.Kill, 2 * drifts / 3: stop}
	for i := range drifts {
		if fault := end[i]; fault != nil {
			for n := 0; n < i; {
				select {
				case n = <-seen:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if err := fault(); err != nil {
				return err
			}
			if err := p.Realtime.Restart(ctx); err != nil {
				return err
			}
		}
		if _, err := c.ReportDrift(ctx, client.DriftReport{
			ResourceID: fmt.Sprintf("i-%d", i), ResourceType: "aws_instance", Region: "eu-central-1",
			ExpectedState: map[string]int{"n": i}, ActualState: map[string]int{"n": i + 1},
		}); err != nil {
			return err
		}
	}
	return nil
}
