package app_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
)

// user is somebody who is signed in.
type user struct{ id, account, session uuid.UUID }

// database writes what api would.
type database struct {
	t    testing.TB
	mu   sync.Mutex
	conn *pgx.Conn
}

func connect(t testing.TB, dsn string) *database {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &database{t: t, conn: conn}
}

func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.conn.Exec(d.t.Context(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

func (d *database) account() uuid.UUID {
	d.t.Helper()
	id := uuid.New()
	d.exec("insert into account (id, name) values ($1, $2)", id, "account "+id.String())
	d.exec("insert into account_stream (account_id) values ($1)", id)
	return id
}

func (d *database) user(account uuid.UUID) user {
	d.t.Helper()
	id := uuid.New()
	d.exec("insert into app_user (id, account_id, email, name, role) values ($1, $2, $3, 'A User', 'viewer')", id, account, id.String()+"@acme.example")
	return user{id, account, d.session(id)}
}

func (d *database) session(user uuid.UUID) uuid.UUID {
	d.t.Helper()
	id := uuid.New()
	d.exec("insert into session (id, user_id, expires_at) values ($1, $2, now() + interval '1 day')", id, user)
	return id
}

// hinting says whether a publication is announced.
type hinting bool

const (
	hinted   hinting = true
	unhinted hinting = false
)

// publish commits events as api does: rows, counter, and then the hint. It gives the last position.
func (d *database) publish(account uuid.UUID, announce hinting, events ...published) int64 {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	position, err := publish(d.t.Context(), d.conn, account, events)
	if err != nil {
		d.t.Fatal(err)
	}
	if announce == hinted {
		if _, err := d.conn.Exec(d.t.Context(), "select pg_notify($1, $2)", hint.Channel, hint.Hint{AccountID: account, Position: position}.String()); err != nil {
			d.t.Fatal(err)
		}
	}
	return position
}

// published is one event.
type published struct {
	topic       string // drifts by default
	traceparent string
}

func some(n int) []published { return make([]published, n) }

func publish(ctx context.Context, conn *pgx.Conn, account uuid.UUID, events []published) (position int64, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "update account_stream set position = position + $2 where account_id = $1 returning position",
			account, len(events)).Scan(&position); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for i, e := range events {
			batch.Queue("insert into event (account_id, position, id, type, topics, body, traceparent) values ($1, $2, $3, $4, $5, $6, $7)",
				row(account, position-int64(len(events))+int64(i)+1, e)...)
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	return position, err
}

func row(account uuid.UUID, position int64, e published) []any {
	id := uuid.New()
	kind, data := event.CheckCompleted, `{"id":"`+id.String()+`","workspace":"w","status":"ok","stale":false,"counts":{"new":0,"changed":0,"unchanged":1,"resolved":0}}`
	if e.topic == "" {
		e.topic = event.TopicDrifts
	}
	extension := ""
	if e.traceparent != "" {
		extension = `"traceparent":"` + e.traceparent + `",`
	}
	body := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/driftsentry/api","type":%q,"subject":"%d","time":"2026-01-02T03:04:05.000Z","datacontenttype":"application/json",%s"data":%s}`,
		id.String(), kind, position, extension, data)
	return []any{account, position, id, string(kind), []string{e.topic}, body, e.traceparent}
}
