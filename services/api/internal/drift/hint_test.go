package drift_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestHints(t *testing.T) {
	w := newWorld(t)
	conn, err := w.db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), "listen "+event.NotifyChannel); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		w.report(fmt.Sprint(i)) // Nobody sends yet: these become one hint.
	}
	ctx, stop := cancellable(t)
	done := make(chan error, 1)
	go func() { done <- w.hints.Run(ctx) }()
	wait := func(want event.Hint) {
		t.Helper()
		n, err := conn.Conn().WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := event.ParseHint(n.Payload); err != nil || got != want {
			t.Errorf("hint %q, want %v", n.Payload, want)
		}
	}
	wait(event.Hint{AccountID: w.engineer.AccountID, Position: 3})
	w.report("live")
	wait(event.Hint{AccountID: w.engineer.AccountID, Position: 4})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n, _ := w.metric(`driftsentry_hints_total{outcome="coalesced"}`); n != 2 {
		t.Errorf("%v hints were coalesced", n)
	}

	t.Run("what waits at the end is sent", func(t *testing.T) {
		w.report("last")
		if err := w.hints.Run(ctx); err != nil {
			t.Error(err)
		}
		wait(event.Hint{AccountID: w.engineer.AccountID, Position: 5})
	})
	t.Run("too many wait", func(t *testing.T) {
		for range 10_001 {
			w.hints.Announce(event.Hint{AccountID: uuid.New(), Position: 1})
		}
		if n, _ := w.metric(`driftsentry_hints_total{outcome="dropped"}`); n != 1 {
			t.Errorf("%v hints were dropped", n)
		}
	})
}

type brokenNotifier struct{}

func (brokenNotifier) Notify(context.Context, []event.Hint) error { return errors.New("broken") }

func TestHints_not_sent(t *testing.T) {
	tel := telemetrytest.Start(t)
	hints, err := drift.NewHints(brokenNotifier{}, tel)
	if err != nil {
		t.Fatal(err)
	}
	hints.Announce(event.Hint{AccountID: uuid.New(), Position: 1})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := hints.Run(ctx); err != nil {
		t.Error(err)
	}
	line := tel.Log("hints were not sent; readers will find the events by themselves")
	if line["hints"] != 1.0 || line["error.message"] != "broken" || line["level"] != "warn" {
		t.Errorf("%v", line)
	}
}
