package stream_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/stream"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestReader(t *testing.T) {
	var c pg.Config
	if err := config.Load(&c, []string{"DATABASE_URL=" + pgtest.DSN(t)}); err != nil {
		t.Fatal(err)
	}
	db, err := pg.Open(t.Context(), c, "test", telemetrytest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	exec := func(sql string, args pg.Args) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql, args); err != nil {
			t.Fatal(err)
		}
	}
	var ids [5]uuid.UUID
	account, empty, nobody := uuid.New(), uuid.New(), uuid.New()
	exec("insert into account (id, name) values (@a, 'a'), (@b, 'b')", pg.Args{"a": account, "b": empty})
	exec("insert into account_stream (account_id, position, trimmed_to) values (@a, 4, 1), (@b, 0, 0)", pg.Args{"a": account, "b": empty})
	for i := 2; i < len(ids); i++ { // The first was removed by retention.
		ids[i] = uuid.New()
		exec("insert into event (account_id, position, id, type, topics, body) values (@a, @p, @id, 'drift.created', '{drifts,alerts}', '{\"n\": 1}')",
			pg.Args{"a": account, "p": i, "id": ids[i]})
	}
	epoch := pgtest.Value[string](t, db, "select epoch from stream_epoch")
	r := stream.Reader{DB: db}

	events, err := r.Events(t.Context(), account, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 || events[0].Mark() != (event.Mark{Position: 3, Tag: event.TagOf(ids[3])}) ||
		events[0].AccountID != account || len(events[0].Topics) != 2 || string(events[0].Body) != `{"n": 1}` || events[0].CreatedAt.IsZero() {
		t.Errorf("after 2, one at most: %+v", events)
	}
	for size, want := range map[int]int{1: 1, 8: 1, 15: 1, 16: 2, 100: 3} { // Each body has 8 bytes; the first always comes.
		if events, err := r.EventsWithin(t.Context(), account, 1, 3, size); err != nil || len(events) != want || events[0].Position != 2 {
			t.Errorf("within %d bytes: %d events, want %d, %v", size, len(events), want, err)
		}
	}
	if events, err := r.EventsWithin(t.Context(), account, 1, 2, 100); err != nil || len(events) != 2 {
		t.Errorf("two at most: %d events, %v", len(events), err)
	}
	full := event.Window{Epoch: epoch, Head: 4, HeadTag: event.TagOf(ids[4]), TrimmedTo: 1}
	at3 := full
	at3.At = event.TagOf(ids[3])
	for _, c := range []struct {
		account uuid.UUID
		at      int64
		want    event.Window
	}{
		{account, 3, at3}, {account, 1, full}, {account, 9, full}, {empty, 0, event.Window{Epoch: epoch}}, {nobody, 3, event.Window{Epoch: epoch}},
	} {
		if got, err := r.Window(t.Context(), c.account, c.at); err != nil || got != c.want {
			t.Errorf("the window at %d: %+v, %v, want %+v", c.at, got, err, c.want)
		}
	}
	heads, err := r.Heads(t.Context(), []uuid.UUID{account, empty, nobody})
	if err != nil {
		t.Fatal(err)
	}
	if _, there := heads[nobody]; there || len(heads) != 2 || heads[account] != full || heads[empty] != (event.Window{Epoch: epoch}) {
		t.Errorf("heads %+v", heads)
	}
}
