package telemetry_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// TestAttackErrorStorm: a client that causes errors cannot cause a bill. The minute's events go out, the rest is counted, and
// the next event says how many there were. Mutations: without the limiter ten events come; without the counter the
// metric has no such series; without the context "storm" the last check fails.
func TestAttackErrorStorm(t *testing.T) {
	s := startSentry(t, func(c *telemetry.Config) { c.Sentry.MaxEventsPerMinute = 60 })
	const errorsInAll = 500
	for i := range errorsInAll {
		s.rec.Report(t.Context(), fmt.Errorf("boom %d", i))
	}
	sent := len(s.events())
	if sent < 60 || sent > errorsInAll/2 { // one more each second
		t.Errorf("%d events of %d errors, want about 60", sent, errorsInAll)
	}
	if got := sample(t, s.rec.Metrics(), "telemetry_sentry_events_total", `outcome="limited"`); got == "" {
		t.Errorf("what was held back is not counted:\n%s", s.rec.Metrics())
	}
	for told := false; !told; { // until the limiter lets one through
		s.rec.Report(t.Context(), errors.New("after the storm"))
		events := s.events()
		told = events[len(events)-1].Contexts["storm"]["errors not sent before this one"] != nil
	}
}

// TestAttackWrongSentry: a DSN that is wrong, a Sentry that refuses, and one that is away change no response, and what was
// not sent is counted. (TestSentry_Hangs is the fourth case.) Mutations: when newSentryReporter's error ends Start, the
// first two fail; when a status of 4xx counts as sent, the third.
func TestAttackWrongSentry(t *testing.T) {
	refusing := sentrytest.Start(t)
	refusing.Refuse(http.StatusForbidden)
	for name, dsn := range map[string]string{
		"no address at all":     "nonsense-private",
		"without its key":       "https://sentry.example/1",
		"of a deleted project":  refusing.DSN(),
		"of a host that's away": "http://private@127.0.0.1:1/1",
	} {
		t.Run(name, func(t *testing.T) {
			rec := telemetrytest.Start(t, func(c *telemetry.Config) { c.Sentry.DSN = dsn })
			w := serve(rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(http.ResponseWriter, *http.Request) { panic("boom") }))
			if w.Code != http.StatusInternalServerError {
				t.Errorf("response %d", w.Code)
			}
			if err := rec.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			if got := sample(t, rec.Metrics(), "telemetry_sentry_events_total", `outcome="failed"`); !strings.Contains(got, "} 1.0") {
				t.Errorf("failed: %q, want 1", got)
			}
			if strings.Contains(rec.Output(), "private") {
				t.Errorf("the DSN was logged: %s", rec.Output())
			}
		})
	}
}

// TestAttackPanicWithSecrets: what a panic says may hold what the caller sent or what we know. It goes to the log, the span
// and Sentry with its secrets masked, and to the caller not at all. Mutations: no assignments in redactor.text, or no shapes.
func TestAttackPanicWithSecrets(t *testing.T) {
	s := startSentry(t)
	const canary = "canary-d2f1e0c9b8a7"
	w := serve(s.rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(http.ResponseWriter, *http.Request) {
		panic(fmt.Errorf(`connect postgres://app:%[1]s@db/x: headers map[Authorization:[Bearer %[1]s]], body {"password":"%[1]s"}, token=%[1]s`, canary))
	}))
	raw := s.event().Raw
	if err := s.rec.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{
		"the response": w.Body.String(), "Sentry": string(raw), "the log": s.rec.Output(),
		"the spans": fmt.Sprintf("%+v", s.rec.Spans()), "the records": fmt.Sprintf("%+v", s.rec.Records()), "the metrics": s.rec.Metrics(),
	} {
		if strings.Contains(text, canary) {
			t.Errorf("%s has it: %s", place, text)
		}
	}
	if !strings.Contains(s.rec.Output(), "connect postgres://app") || !strings.Contains(string(raw), "connect postgres://app") {
		t.Errorf("the rest is gone too: %s %s", s.rec.Output(), raw)
	}
}

// TestSentry_Grafana: an event leads to its trace and to its log lines.
func TestSentry_Grafana(t *testing.T) {
	s := startSentry(t, func(c *telemetry.Config) { c.Sentry.GrafanaURL = "https://ops.example/grafana/" })
	w := serve(s.rec, telemetry.HTTPOptions{}, httptest.NewRequest("GET", "/", nil), get("/", func(http.ResponseWriter, *http.Request) { panic("boom") }))
	id := w.Header().Get("X-Correlation-ID")
	links := s.event().Contexts["grafana"]
	for name, want := range map[string]string{"trace": `"query":"` + id + `"`, "logs": `trace_id = \"` + id + `\"`} {
		link, _ := links[name].(string)
		u, err := url.Parse(link)
		if err != nil || u.Host != "ops.example" || u.Path != "/grafana/explore" || !strings.Contains(u.Query().Get("panes"), want) {
			t.Errorf("%s: %q, want one with %s", name, link, want)
		}
	}
}

// TestSentry_Place: errors are grouped by the place where they began, not by the helper that they passed through.
func TestSentry_Place(t *testing.T) {
	s := startSentry(t, func(c *telemetry.Config) {
		c.Sentry.Plumbing = []string{"github.com/driftsentry/driftsentry/pkg/telemetry_test.driver"}
	})
	for _, fail := range []func() error{storeA, storeB} {
		s.rec.Report(t.Context(), fmt.Errorf("handle: %w", fail()))
	}
	events := s.events()
	for i, want := range []string{"storeA", "storeB"} {
		if got := events[i].Fingerprint; got[0] != "telemetry_test.stateError 42P01" || !strings.HasSuffix(got[1], want) {
			t.Errorf("fingerprint %v, want the SQLSTATE and %s", got, want)
		}
	}
}

type stateError struct{}

func (stateError) Error() string    { return "no such table" }
func (stateError) SQLState() string { return "42P01" }

func driver() error                 { return telemetry.WithStack(stateError{}) }
func generic[T any](_ T) (T, error) { return *new(T), driver() }

//go:noinline
func storeA() error { _, err := generic(1); return err }

//go:noinline
func storeB() error { _, err := generic(1); return err }

// TestSentry_no_redirect: reports are for the server of the DSN; one that sends them elsewhere does not get them there, and they are counted
// as failed. Mutation: without CheckRedirect.
func TestSentry_no_redirect(t *testing.T) {
	elsewhere := sentrytest.Start(t)
	to, err := url.Parse(elsewhere.DSN())
	if err != nil {
		t.Fatal(err)
	}
	redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+to.Host+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer redirecting.Close()
	rec := telemetrytest.Start(t, func(c *telemetry.Config) {
		c.Sentry.DSN = strings.Replace(elsewhere.DSN(), to.Host, strings.TrimPrefix(redirecting.URL, "http://"), 1)
	})
	rec.Report(t.Context(), errors.New("boom"))
	if err := rec.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if events := elsewhere.Events(); len(events) > 0 {
		t.Errorf("the report went elsewhere: %v", events)
	}
	if got := sample(t, rec.Metrics(), "telemetry_sentry_events_total", `outcome="failed"`); got == "" {
		t.Errorf("what was not sent is not counted:\n%s", rec.Metrics())
	}
}
