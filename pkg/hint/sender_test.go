package hint_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestSender(t *testing.T) {
	tel, dsn := telemetrytest.Start(t), pgtest.Empty(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "listen "+hint.Channel); err != nil {
		t.Fatal(err)
	}
	sender, err := hint.NewSender(hint.Postgres{DB: database(t, dsn, tel)}, tel)
	if err != nil {
		t.Fatal(err)
	}
	account := uuid.New()
	for position := range int64(3) {
		sender.Announce(hint.Hint{AccountID: account, Position: position + 1}) // Run has not begun: these become one hint.
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- sender.Run(ctx) }()
	wait := func(position int64) {
		t.Helper()
		n, err := conn.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := hint.Hint{AccountID: account, Position: position}
		if got, err := hint.Parse(n.Payload); err != nil || got != want {
			t.Errorf("hint %q, want %v", n.Payload, want)
		}
	}
	wait(3)
	sender.Announce(hint.Hint{AccountID: account, Position: 4})
	wait(4)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	counted := func(outcome, n string) {
		t.Helper()
		for line := range strings.Lines(tel.Metrics()) {
			if strings.HasPrefix(line, "driftsentry_hints_total{") && strings.Contains(line, `outcome="`+outcome+`"`) {
				if !strings.HasSuffix(line, "} "+n+"\n") {
					t.Errorf("%s, want %s", line, n)
				}
				return
			}
		}
		t.Errorf("no hint was counted as %s", outcome)
	}
	counted("coalesced", "2.0")

	t.Run("what waits at the end is sent", func(t *testing.T) {
		sender.Announce(hint.Hint{AccountID: account, Position: 5})
		if err := sender.Run(ctx); err != nil {
			t.Error(err)
		}
		wait(5)
	})
	t.Run("too many wait", func(*testing.T) {
		for range 10_001 {
			sender.Announce(hint.Hint{AccountID: uuid.New(), Position: 1})
		}
		counted("dropped", "1.0")
	})
}

func database(t *testing.T, dsn string, tel *telemetrytest.Recorder) *pg.DB {
	t.Helper()
	var c pg.Config
	if err := config.Load(&c, []string{"DATABASE_URL=" + dsn}); err != nil {
		t.Fatal(err)
	}
	db, err := pg.Open(t.Context(), c, "test", tel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

type brokenWay struct{ hint.Way }

func (brokenWay) Notify(context.Context, []hint.Hint) error { return errors.New("broken") }

func TestSender_not_sent(t *testing.T) {
	tel := telemetrytest.Start(t)
	sender, err := hint.NewSender(brokenWay{}, tel)
	if err != nil {
		t.Fatal(err)
	}
	sender.Announce(hint.Hint{AccountID: uuid.New(), Position: 1})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := sender.Run(ctx); err != nil {
		t.Error(err)
	}
	line := tel.Log("hints were not sent; readers will find the events by themselves")
	if line["hints"] != 1.0 || line["error.message"] != "broken" || line["level"] != "warn" {
		t.Errorf("%v", line)
	}
}
