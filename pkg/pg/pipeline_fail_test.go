package pg_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/pg"
)

const insertThing = "-- INSERT thing\ninsert into thing (id) values (@id)"

// TestTx_lost: the connection ends when a statement is complete, and its exchange is not. Mutations: an end of the rows
// that keeps no error; a commit that takes the transaction for one that never began.
func TestTx_lost(t *testing.T) {
	const tag = "SELECT 17"
	const query = "select generate_series(1, 17)"
	db, _ := open(t, func(c *pg.Config) { c.URL = config.Secret(cutAfter(t, c.URL.Reveal(), tag)) })
	exec(t, db, "create table thing (id int primary key)")

	t.Run("the rows report it", func(t *testing.T) {
		err := db.InTx(t.Context(), "read", func(ctx context.Context, tx *pg.Tx) error {
			rows, err := tx.Query(ctx, query)
			if err != nil {
				return err
			}
			_, err = pgx.CollectRows(rows, pgx.RowTo[int])
			if !apierror.Is(err, apierror.Unavailable) {
				t.Errorf("the rows' error is %v", err)
			}
			return err
		})
		if !apierror.Is(err, apierror.Unavailable) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("the commit reports it", func(t *testing.T) {
		err := db.InTx(t.Context(), "add", func(ctx context.Context, tx *pg.Tx) error {
			if rows, err := tx.Query(ctx, query); err == nil {
				_, _ = pgx.CollectRows(rows, pgx.RowTo[int])
			}
			return tx.Later(ctx, insertThing, pg.Args{"id": 1}, nil)
		})
		if !apierror.Is(err, apierror.Unavailable) {
			t.Errorf("err = %v", err)
		}
		if n := count(t, db, "select count(*)::int from thing"); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

// cutAfter is the URL of a proxy before Postgres that ends a connection right after the completion of a command with
// this tag.
func cutAfter(t *testing.T, dsn, tag string) string {
	t.Helper()
	server, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	go func() {
		for {
			client, err := proxy.Accept()
			if err != nil {
				return
			}
			network, address := pgconn.NetworkAddress(server.Host, server.Port)
			backend, err := new(net.Dialer).DialContext(t.Context(), network, address)
			if err != nil {
				_ = client.Close()
				return
			}
			go func() {
				defer backend.Close()
				_, _ = io.Copy(backend, client)
			}()
			go func() {
				defer client.Close()
				passUntil(client, backend, tag)
			}()
		}
	}()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = proxy.Addr().String(), q.Encode()
	return u.String()
}

// passUntil copies the server's messages, up to the CommandComplete with this tag.
func passUntil(client io.Writer, backend io.Reader, tag string) {
	var head [5]byte // a type, and the length of what follows with its own four bytes
	for {
		if _, err := io.ReadFull(backend, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(backend, body); err != nil {
			return
		}
		if _, err := client.Write(append(head[:], body...)); err != nil || head[0] == 'C' && string(body) == tag+"\x00" {
			return
		}
	}
}

// TestTx_fails: what fails with the BEGIN or the COMMIT leaves nothing behind, and a pool that is of use.
func TestTx_fails(t *testing.T) {
	db, tel := open(t, func(c *pg.Config) { c.MaxConns = 1 })
	exec(t, db, "create table thing (id int primary key)")

	// Mutation: sendWith without the error of a reader.
	t.Run("a reader, before the next statement, and the connection stays", func(t *testing.T) {
		backend := count(t, db, "select pg_backend_pid()")
		mine := errors.New("no")
		err := db.InTx(t.Context(), "add", func(ctx context.Context, tx *pg.Tx) error {
			err := tx.Later(ctx, insertThing+" returning id", pg.Args{"id": 1}, func(pgx.Rows) error { return mine })
			if err != nil {
				return err
			}
			rows, err := tx.Query(ctx, "select id from thing")
			if err != nil {
				return err
			}
			_, err = pgx.CollectRows(rows, pgx.RowTo[int])
			return err
		})
		if !errors.Is(err, mine) {
			t.Errorf("err = %v", err)
		}
		if n := count(t, db, "select count(*)::int from thing"); n != 0 {
			t.Errorf("%d rows", n)
		}
		if count(t, db, "select pg_backend_pid()") != backend {
			t.Error("the connection was thrown away")
		}
	})
	// Mutation: a batch whose end is passed on as often as it is told.
	t.Run("a parameter, before anything is sent, which counts once", func(t *testing.T) {
		err := db.InTx(t.Context(), "add", func(ctx context.Context, tx *pg.Tx) error {
			return tx.Later(ctx, insertThing, pg.Args{"id": struct{}{}}, nil)
		})
		if err == nil {
			t.Error("no error")
		}
		once := regexp.MustCompile(`(?m)^db_client_operation_duration_seconds_count\{[^}]*"BEGIN; INSERT thing; COMMIT"[^}]*error_type="[^}]*\} 1(\.0)?( |$)`)
		if metrics := tel.Metrics(); !once.MatchString(metrics) {
			t.Errorf("it is not counted once in\n%s", metrics)
		}
		if n := count(t, db, "select count(*)::int from thing"); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

// TestTx_canceled_in_commit: whether the server commits is not known, and success is not what the caller is told.
// Mutation: a commit that drops its batch's error.
func TestTx_canceled_in_commit(t *testing.T) {
	db, _ := open(t)
	exec(t, db, "create table thing (id int primary key)")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	added := make(chan error, 1)
	err := db.InTx(t.Context(), "hold", func(holds context.Context, tx *pg.Tx) error {
		if _, err := tx.Exec(holds, "lock table thing"); err != nil {
			return err
		}
		go func() {
			added <- db.InTx(ctx, "add", func(ctx context.Context, tx *pg.Tx) error {
				return tx.Later(ctx, insertThing, pg.Args{"id": 1}, nil)
			})
		}()
		const waiting = "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
		for count(t, db, waiting) == 0 {
			select {
			case err := <-added:
				return fmt.Errorf("it did not wait: %w", err)
			case <-time.After(10 * time.Millisecond):
			}
		}
		cancel()
		if err := <-added; !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
