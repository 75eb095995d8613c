package drift_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

// panicky is a store in which nothing can be appended to a stream.
type panicky struct{ drift.Store }

func (s panicky) InTx(ctx context.Context, name string, fn func(context.Context, drift.Tx) error) error {
	return s.Store.InTx(ctx, name, func(ctx context.Context, tx drift.Tx) error { return fn(ctx, panickyTx{tx}) })
}

type panickyTx struct{ drift.Tx }

func (panickyTx) AppendEvents(context.Context, uuid.UUID, []event.Event, *notify.Notice, *int64) error {
	panic("boom")
}

// TestService_panic: the span of publish ends, too, or its trace would lack the place of the panic. Mutation: end it only
// when InTx has returned.
func TestService_panic(t *testing.T) {
	w := newWorld(t)
	d := w.report("web")
	service, err := drift.New(drift.Config{Store: panicky{w.store}, Hints: w.hints, DataKey: make([]byte, 32), Telemetry: w.tel})
	if err != nil {
		t.Fatal(err)
	}
	w.tel.Reset()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _ = service.Approve(t.Context(), w.engineer, d.ID, reason, 0)
	}()
	var names []string
	for _, s := range w.tel.Spans() {
		names = append(names, s.Name)
		if s.Name == "publish events" {
			return
		}
	}
	t.Errorf("the spans are %q", names)
}
