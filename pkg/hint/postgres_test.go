package hint_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/pooler"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// TestPostgres_Listen_behind_a_pooler: a pooler in transaction mode takes LISTEN and passes nothing on, so a listener must not
// say that it listens until it has heard itself.
func TestPostgres_Listen_behind_a_pooler(t *testing.T) {
	tel, dsn := telemetrytest.Start(t), pgtest.Empty(t)
	transaction := pooler.Start(t, dsn, pooler.Transaction) + "&default_query_exec_mode=cache_describe"
	want := hint.Hint{AccountID: uuid.New(), Mark: event.Mark{Position: 7, Tag: 8}}
	hears := func(t *testing.T, way hint.Postgres) {
		t.Helper()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		heard := make(chan string, 1)
		ready := func() {
			if err := way.Notify(ctx, []hint.Hint{want}); err != nil {
				t.Error(err)
			}
		}
		ended := make(chan error, 1)
		go func() { ended <- way.Listen(ctx, ready, func(payload string) { heard <- payload }) }()
		select {
		case got := <-heard:
			if got != want.String() {
				t.Errorf("heard %q", got)
			}
		case err := <-ended:
			t.Fatal(err)
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	}
	t.Run("transaction mode is deaf, and says so", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ready := func() {
			t.Error("it said that it listens")
			stop()
		}
		err := hint.Postgres{DB: database(t, transaction, tel)}.Listen(ctx, ready, func(string) {})
		if !errors.Is(err, hint.ErrDeaf) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("DATABASE_DIRECT_URL leads past it", func(t *testing.T) {
		hears(t, hint.Postgres{DB: database(t, transaction, tel, "DATABASE_DIRECT_URL="+dsn)})
	})
	t.Run("session mode", func(t *testing.T) {
		hears(t, hint.Postgres{DB: database(t, pooler.Start(t, dsn, pooler.Session), tel)})
	})
	t.Run("the address of the pool has moved", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		err := hint.Postgres{DB: database(t, pgtest.Empty(t), tel, "DATABASE_DIRECT_URL="+dsn)}.Listen(ctx, stop, func(string) {})
		if !errors.Is(err, hint.ErrDeaf) {
			t.Errorf("err = %v", err)
		}
	})
}
