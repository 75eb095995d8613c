package drift_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// One row has a statement of its own, which writes what the statement for many does.
// Mutations of the one: actor and drift, subject and message, role and action
// swapped; the database's clock in the place of the row's time. Of the other: role and message swapped.
func TestTx_InsertAudit_one_or_many(t *testing.T) {
	w := newWorld(t)
	actor, subject := uuid.New(), uuid.New()
	full := audit.Row{
		AccountID: w.engineer.AccountID, Action: "drift.approved", ActorID: &actor,
		ActorEmail: "ada@example.com", ActorRole: "engineer", DriftID: &subject, Subject: `aws_thing.web["a,b"]`, Message: `a {reason} and \ more`,
		TraceID: "0af7651916cd43dd8448eb211c80319c", Metadata: map[string]any{"version": 2.0, "counts": map[string]any{"new": 1.0}},
	}
	insert := func(rows ...audit.Row) []string {
		t.Helper()
		for i := range rows {
			rows[i].ID = uuid.New()
		}
		if err := w.store.InTx(t.Context(), "test", func(ctx context.Context, tx drift.Tx) error {
			return tx.InsertAudit(ctx, rows)
		}); err != nil {
			t.Fatal(err)
		}
		stored := make([]string, len(rows))
		for i, row := range rows {
			stored[i] = query[string](w, "select jsonb_pretty(to_jsonb(a) - '{id,created_at,position}'::text[]) from audit a where id = $1", row.ID)
		}
		return stored
	}
	empty := audit.Row{AccountID: w.engineer.AccountID}
	many := insert(full, empty)
	for i, row := range []audit.Row{full, empty} {
		if one := insert(row)[0]; one != many[i] {
			t.Errorf("alone it is\n%s\nand of two\n%s", one, many[i])
		}
	}
	// And it is what was given.
	part, err := w.trail.List(t.Context(), w.engineer.AccountID, audit.Filter{ActorID: &actor}, first(10))
	if err != nil || len(part.Items) != 2 || part.Total != 2 {
		t.Fatalf("%d rows of %d, %v", len(part.Items), part.Total, err)
	}
	for _, got := range part.Items {
		got.ID, got.CreatedAt = uuid.UUID{}, time.Time{}
		if !reflect.DeepEqual(got, full) {
			t.Errorf("%+v, want %+v", got, full)
		}
	}
}

// The same of events. Mutations of the one: topics split at commas, or null when there are none; the body as jsonb; type and
// traceparent swapped; position 1; the last position short by one. Of the other: the positions in the opposite order.
func TestTx_AppendEvents_one_or_many(t *testing.T) {
	w := newWorld(t)
	full := event.Event{
		Type: event.DriftApproved, Topics: []string{event.TopicDrifts, event.DriftTopic(uuid.New())},
		Body:        json.RawMessage(`{"z": 1, "a" : "written through, \"as it is\" \\ {}"}`),
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	empty := event.Event{Body: json.RawMessage("null")}
	appended := func(want int64, events ...event.Event) []string {
		t.Helper()
		for i := range events {
			events[i].ID = uuid.New()
		}
		var last int64
		if err := w.store.InTx(t.Context(), "test", func(ctx context.Context, tx drift.Tx) error {
			return tx.AppendEvents(ctx, w.engineer.AccountID, events, nil, &last)
		}); err != nil {
			t.Fatal(err)
		}
		if last != want {
			t.Errorf("the last position is %d, want %d", last, want)
		}
		stored := make([]string, len(events))
		for i, e := range events {
			// The body is text here: no byte of it may change.
			stored[i] = query[string](w, `select jsonb_pretty(to_jsonb(e) - '{id,position,created_at}'::text[] || jsonb_build_object('body', body::text))
				from event e where id = $1`, e.ID)
		}
		return stored
	}
	many := appended(2, full, empty)
	for i, e := range []event.Event{full, empty} {
		if one := appended(int64(3+i), e)[0]; one != many[i] {
			t.Errorf("alone it is\n%s\nand of two\n%s", one, many[i])
		}
	}
	// And it is what was given, each at its position.
	events, err := w.store.Events(t.Context(), w.engineer.AccountID, 0, 10)
	if err != nil || len(events) != 4 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, want := range []event.Event{full, empty, full, empty} {
		want.AccountID, want.Position, want.ID, want.CreatedAt = w.engineer.AccountID, int64(i+1), events[i].ID, events[i].CreatedAt
		if want.Topics == nil {
			want.Topics = []string{}
		}
		if !reflect.DeepEqual(events[i], want) {
			t.Errorf("%+v, want %+v", events[i], want)
		}
	}
}
