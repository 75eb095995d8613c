package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/realtime/internal/hub"
)

// Mutations that fail here: a look that never starts again, one that starts again with each hint, none after reading.
func TestHub_Status_age(t *testing.T) {
	s := newSource()
	h, _ := newHub(t, s, hub.Config{})
	sub := join(t, h, newPeer(-1))
	defer sub.Leave()
	stream := h.Streams()[0]
	synctest.Test(t, func(t *testing.T) {
		expect := func(when string, want time.Duration) {
			t.Helper()
			if got := h.Status().Age; got != want {
				t.Errorf("%s: %v, want %v", when, got, want)
			}
		}
		expect("nothing was announced", 0)
		h.Hint(account, event.Mark{Position: 1})
		time.Sleep(3 * time.Second) //nolint:forbidigo // The bubble's clock.
		h.Hint(account, event.Mark{Position: 2})
		time.Sleep(4 * time.Second) //nolint:forbidigo // The bubble's clock.
		expect("the first of two waits", 7*time.Second)
		if err := stream.Publish(s.append(1, "drifts")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) //nolint:forbidigo // The bubble's clock.
		expect("the second one still waits", time.Second)
		if err := stream.Publish(s.append(1, "drifts")); err != nil {
			t.Fatal(err)
		}
		expect("everything was read", 0)
		h.Hint(account, event.Mark{Position: 9})
		time.Sleep(time.Second) //nolint:forbidigo // The bubble's clock.
		stream.Retract(stream.Wanted(), 2)
		expect("the announcement was wrong", 0)
	})
}
