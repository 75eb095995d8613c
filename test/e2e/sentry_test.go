package e2e

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// TestAttackUnexpectedError: an internal error is reported to Sentry once, with everything that leads to its trace. The
// caller does not see the cause. The test breaks the database of the running pair. Mutations: without WithStack in pg.Translate
// the place is the route; with rest.Error showing the error's own text the caller reads SQL; without Plumbing the place
// is package pg's; with Sentry given the e-mail the user has a second field.
func TestAttackUnexpectedError(t *testing.T) {
	p := startPair(t, pgtest.DSN(t), "GRAFANA_URL=https://ops.example/grafana")
	viewer := p.signIn("viewer")
	var me struct{ User struct{ ID string } }
	viewer.get(t.Context(), "/api/v1/users/me").decode(t, &me)

	t.Run("what the caller may expect is none", func(t *testing.T) {
		for path, want := range map[string]int{"/api/v1/drifts/x": 400, "/api/v1/users": 403, "/api/v1/nothing": 404} {
			if a := viewer.get(spec.Invalid(t.Context()), path); a.status != want {
				t.Errorf("%s: %d", path, a.status)
			}
		}
		p.client("").get(t.Context(), "/api/v1/drifts")
		if events := p.sentry.Events(); len(events) > 0 {
			t.Errorf("Sentry was told: %s", events[0].Raw)
		}
	})
	t.Run("a statement that fails", func(t *testing.T) {
		p.sql("alter table alert rename to gone")
		reply := viewer.get(t.Context(), "/api/v1/alerts")
		p.sql("alter table gone rename to alert")
		if reply.status != http.StatusInternalServerError || reply.Error.TraceID != reply.correlation() || strings.Contains(string(reply.body), "relation") {
			t.Errorf("the caller reads %d %s", reply.status, reply.body)
		}
		event := p.sentryEvent("of the failed statement", func(e sentrytest.Event) bool { return e.TraceID() == reply.correlation() })
		if event.Transaction != "GET /api/v1/alerts" || event.Release != "0.0.0-test" || event.Environment != "development" ||
			event.Tags["http.route"] != "/api/v1/alerts" || event.Contexts["trace"]["span_id"] == nil {
			t.Errorf("the event is %s", event.Raw)
		}
		if !maps.Equal(event.User, map[string]any{"id": me.User.ID}) {
			t.Errorf("the user is %v, want the ID alone", event.User)
		}
		if place := event.Fingerprint; place[0] != "*pgconn.PgError 42P01" || !strings.HasSuffix(place[1], "(*DriftStore).CountAlerts") && !strings.HasSuffix(place[1], "(*DriftStore).ListAlerts") {
			t.Errorf("the fingerprint is %v", place)
		}
		if len(event.Breadcrumbs) == 0 { // "request started", at the level of this run
			t.Error("no breadcrumbs")
		}
		link, _ := event.Contexts["grafana"]["trace"].(string)
		if u, err := url.Parse(link); err != nil || !strings.Contains(u.Query().Get("panes"), reply.correlation()) {
			t.Errorf("the link to the trace is %q", link)
		}
		same := func(e sentrytest.Event) bool { return e.TraceID() == reply.correlation() }
		if n := len(slices.DeleteFunc(p.sentry.Events(), func(e sentrytest.Event) bool { return !same(e) })); n != 1 {
			t.Errorf("%d events of one error", n)
		}
	})
	t.Run("the administrator finds it too", func(t *testing.T) {
		var report struct {
			Recent []struct{ Code, Route, TraceID string }
		}
		p.signIn("admin").get(t.Context(), "/api/v1/ops/errors").decode(t, &report)
		if !slices.ContainsFunc(report.Recent, func(e struct{ Code, Route, TraceID string }) bool {
			return e.Code == "INTERNAL_SERVER_ERROR" && e.Route == "/api/v1/alerts" && e.TraceID != ""
		}) {
			t.Errorf("recent errors: %+v", report.Recent)
		}
	})
	t.Run("a background worker of realtime", func(t *testing.T) {
		dial(t, p.socketURL, viewer.token, "", "drifts") // so that there is a stream to follow
		p.sql("alter table account_stream rename to gone")
		event := p.sentryEvent("of realtime", func(e sentrytest.Event) bool { return e.Tags["service"] == "driftsentry-realtime" })
		p.sql("alter table gone rename to account_stream")
		if event.Fingerprint[0] != "*pgconn.PgError 42P01" || !strings.Contains(event.Fingerprint[1], "pkg/stream.Reader") {
			t.Errorf("the fingerprint is %v", event.Fingerprint)
		}
	})
}

// sql changes the database behind the services' backs.
func (p *pair) sql(statement string) {
	p.t.Helper()
	ctx := context.WithoutCancel(p.t.Context()) // A cleanup may need it.
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		p.t.Fatal(err)
	}
}

// sentryEvent waits for the event that matches.
func (p *pair) sentryEvent(what string, match func(sentrytest.Event) bool) sentrytest.Event {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	events, err := p.sentry.Wait(ctx, func(events []sentrytest.Event) bool { return slices.ContainsFunc(events, match) })
	if err != nil {
		p.t.Fatalf("Sentry's event %s: %v", what, err)
	}
	return events[slices.IndexFunc(events, match)]
}
