package pg_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/pg"
)

// series is the value of a metric's one series with these labels, "" without one.
func series(metrics, name string, labels ...string) string {
lines:
	for line := range strings.Lines(metrics) {
		if !strings.HasPrefix(line, name+"{") {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(line, label) {
				continue lines
			}
		}
		_, value, _ := strings.Cut(line, "} ")
		value, _, _ = strings.Cut(strings.TrimSpace(value), " ")
		return strings.TrimSuffix(value, ".0")
	}
	return ""
}

// Spans and the duration say the same of a statement, as the semantic conventions have it.
//
// Mutations: a failure without its attributes on the metric, or on the span; BEGIN counted as an operation.
func TestConventions_statement(t *testing.T) {
	db, tel := open(t)
	exec(t, db, "-- CREATE thing\ncreate table thing (id int primary key)")
	tel.Reset()
	ctx, span := tel.Tracer().Start(t.Context(), "request")
	insert := func(ctx context.Context, tx *pg.Tx) error {
		for _, sql := range []string{"-- INSERT thing\ninsert into thing values (1)", "-- INSERT thing more\ninsert into thing values (2)"} {
			if err := tx.Later(ctx, sql, nil, nil); err != nil {
				return err
			}
		}
		return nil
	}
	if err := db.InTx(ctx, "add", insert); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(ctx, "-- SELECT thing for update\nselect from thing for update"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(ctx, "-- SELECT nothing\nselect from nothing"); err == nil {
		t.Error("no error")
	}
	span.End()

	const batch = "BEGIN; INSERT thing; INSERT thing more; COMMIT"
	for name, want := range map[string]map[attribute.Key]string{
		"SELECT thing for update": {"db.operation.name": "SELECT", "db.collection.name": "thing", "error.type": "", "db.response.status_code": ""},
		"SELECT nothing":          {"db.operation.name": "SELECT", "db.collection.name": "nothing", "error.type": "42P01", "db.response.status_code": "42P01"},
		batch:                     {"db.operation.name": "BATCH INSERT", "db.collection.name": "thing", "error.type": "", "db.response.status_code": ""},
	} {
		want["db.system.name"], want["db.query.summary"] = "postgresql", name
		got := map[attribute.Key]string{}
		for _, a := range tel.Span(name).Attributes {
			got[a.Key] = a.Value.String()
		}
		labels := []string{}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s: the span's %s is %q, want %q", name, key, got[key], value)
			}
			if value != "" {
				labels = append(labels, strings.ReplaceAll(string(key), ".", "_")+`="`+value+`"`)
			}
		}
		if got["db.namespace"] == "" || !strings.Contains(got["db.query.text"], "thing") {
			t.Errorf("%s: %v", name, got)
		}
		if series(tel.Metrics(), "db_client_operation_duration_seconds_count", labels...) != "1" {
			t.Errorf("%s: no series %v in\n%s", name, labels, tel.Metrics())
		}
	}
	if err := db.InTx(t.Context(), "add", insert); err == nil {
		t.Error("no violation")
	}
	if series(tel.Metrics(), "db_client_operation_duration_seconds_count", `summary="`+batch+`"`, `error_type="23505"`, `status_code="23505"`) != "1" {
		t.Errorf("the batch that failed has no type in\n%s", tel.Metrics())
	}
}

// The pool says who waits and who waited in vain.
//
// Mutations: a wait without an end; a timeout that is not counted.
func TestConventions_pool(t *testing.T) {
	db, tel := open(t, func(c *pg.Config) { c.MaxConns, c.AcquireTimeout = 1, 10*time.Millisecond })
	expect := func(name, want string, labels ...string) {
		t.Helper()
		if got := series(tel.Metrics(), "db_client_connection_"+name, append(labels, `db_client_connection_pool_name="main"`)...); got != want {
			t.Errorf("%s%v = %q, want %q", name, labels, got, want)
		}
	}
	expect("timeouts_total", "0") // Before the first, so that its increase is seen.
	conn, err := db.Acquire(t.Context())
	vain := 0
	for apierror.Is(err, apierror.Unavailable) { // The first connection may take longer to make.
		vain++
		conn, err = db.Acquire(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	expect("count", "1", `state="used"`)
	expect("count", "0", `state="idle"`)
	expect("max", "1")
	expect("create_time_seconds_count", "1")
	expect("wait_time_seconds_count", "1")
	before := series(tel.Metrics(), "db_client_connection_timeouts_total")
	if _, err := db.Exec(t.Context(), "select 1"); !apierror.Is(err, apierror.Unavailable) {
		t.Errorf("err = %v", err)
	}
	if after := series(tel.Metrics(), "db_client_connection_timeouts_total"); after == before {
		t.Errorf("timeouts = %s before and %s after one, of %d", before, after, vain+1)
	}
	expect("wait_time_seconds_count", "1")
	expect("pending_requests", "0")

	ctx, leave := context.WithCancel(t.Context())
	waits := make(chan error)
	go func() {
		_, err := db.Acquire(ctx)
		waits <- err
	}()
	leave()
	if err := <-waits; err == nil {
		t.Error("got a second connection")
	}
	expect("pending_requests", "0")
}
