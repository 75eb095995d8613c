package drift_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// heard remembers the last hint.
type heard struct {
	hint.Way
	last hint.Hint
}

func (h *heard) Notify(_ context.Context, hints []hint.Hint) error {
	h.last = hints[len(hints)-1]
	return nil
}

// TestService_hint: a hint proves its position by the tag of the newest event. Mutations: no tag; the tag of the first event of a
// part; the tag of the first part.
func TestService_hint(t *testing.T) {
	w := newWorld(t)
	var h heard
	sender, err := hint.NewSender(&h, w.tel)
	if err != nil {
		t.Fatal(err)
	}
	if w.service, err = drift.New(drift.Config{Store: w.store, Hints: sender, DataKey: make([]byte, 32), Telemetry: w.tel}); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	check := func(what string) {
		t.Helper()
		if err := sender.Run(ended); err != nil { // It sends what waits.
			t.Fatal(err)
		}
		window, err := w.store.EventWindow(t.Context(), w.engineer.AccountID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if h.last.Mark != window.HeadMark() || h.last.Tag == 0 {
			t.Errorf("%s: the hint has %s, the head is %s", what, h.last.Mark, window.HeadMark())
		}
	}
	w.report("web")
	check("one event")
	resources := make([]resource, 300) // More than one part.
	for i := range resources {
		resources[i] = resource{address: fmt.Sprintf("aws_thing.x[%d]", i), want: "a", got: "b"}
	}
	w.ingest("production", planOf(1, "", resources...))
	check("a plan")
}
