package sentrytest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/driftsentry/driftsentry/testkit/sentrytest"
)

func client(t *testing.T, r *sentrytest.Receiver) *sentry.Hub {
	t.Helper()
	c, err := sentry.NewClient(sentry.ClientOptions{Dsn: r.DSN(), Environment: "test", Release: "1.0"})
	if err != nil {
		t.Fatal(err)
	}
	return sentry.NewHub(c, sentry.NewScope())
}

func TestReceiver(t *testing.T) {
	t.Run("what the official client sends is understood", func(t *testing.T) {
		r := sentrytest.Start(t)
		client(t, r).CaptureException(errors.New("broken pipe dream"))
		events, err := r.Wait(t.Context(), func(e []sentrytest.Event) bool { return len(e) == 1 })
		if err != nil {
			t.Fatal(err)
		}
		e := events[0]
		if e.Environment != "test" || e.Release != "1.0" || len(e.Exception) == 0 || e.Exception[0].Value != "broken pipe dream" {
			t.Errorf("event = %+v", e)
		}
	})
	t.Run("it hangs on demand and goes on", func(t *testing.T) {
		r := sentrytest.Start(t)
		r.Hang()
		hub := client(t, r)
		hub.CaptureMessage("later")
		if hub.Flush(20 * time.Millisecond) {
			t.Error("a hanging receiver responded")
		}
		r.Resume()
		if _, err := r.Wait(t.Context(), func(e []sentrytest.Event) bool { return len(e) == 1 }); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("waiting for what never comes ends with the context", func(t *testing.T) {
		r := sentrytest.Start(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Wait(ctx, func(e []sentrytest.Event) bool { return len(e) > 0 }); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
}
