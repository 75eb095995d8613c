package apitest_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/testkit/canary"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/sentrytest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// sampled is of how many plans of the generator one goes through the service. Package plan reads all of them.
const sampled = 31

// TestCanary: what the generator hides in plans, reports, reasons and messages is in no response, no row of the database, no event,
// no log, no span and no envelope to Sentry.
//
// Mutations: the reason stored as it comes; a field of a report stored as it comes; the address of a change stored raw; telemetry
// without pkg/redact.
func TestCanary(t *testing.T) {
	api := apitest.Start(t)
	places := map[string]*strings.Builder{}
	note := func(place, text string) {
		if places[place] == nil {
			places[place] = &strings.Builder{}
		}
		places[place].WriteString(text + "\n")
	}

	cases, _ := canary.Cases()
	plans := 0
	secrets := map[string]bool{}
	for i := 0; i < len(cases); i += sampled {
		c := cases[i]
		plans++
		secrets[c.Canary] = true
		note("responses", string(api.Key.Post(fmt.Sprintf("/api/v1/ingest/plan?workspace=w%d", i), []byte(c.Plan), "Idempotency-Key", fmt.Sprint("plan", i)).Want(http.StatusOK).Body))
	}

	texts := canary.Texts()
	fields, decisions := 0, 0
	for name, c := range texts {
		secrets[c.Canary] = true
		line := strings.ReplaceAll(c.Plan, "\n", " \n")
		for field, value := range map[string]any{
			"resourceId": line, "resourceType": "aws_" + name, "region": line, "expectedState": map[string]any{"note": line, line: 1}, "actualState": map[string]any{"l": []any{line}},
		} {
			body := map[string]any{
				"resourceId": "i-" + name + field, "resourceType": "aws_instance", "region": "eu-central-1",
				"expectedState": map[string]any{"size": "small"}, "actualState": map[string]any{"size": "large"},
			}
			if field == "region" && len(line) > 64 {
				continue
			}
			body[field] = value
			a := api.Engineer.Post("/api/v1/drifts", body)
			note("responses", string(a.Body))
			if a.Status != http.StatusCreated { // Not every text is an ID.
				continue
			}
			fields++
			var d struct{ ID string }
			a.Decode(&d)
			if field == "actualState" {
				decisions++
				a := api.Engineer.Post("/api/v1/drifts/"+d.ID+"/approve", map[string]any{"reason": "agreed, since " + line}).Want(http.StatusOK)
				note("responses", string(a.Body))
			}
			note("responses", string(api.Viewer.Get("/api/v1/drifts/"+d.ID).Want(http.StatusOK).Body))
		}
	}
	// What senders say about their uploads, and the ref that a workspace records.
	said := 0
	const workspace = "w0"
	for _, c := range texts {
		line := c.Plan
		if len(line) > 256 || strings.ContainsRune(line, '\n') {
			continue
		}
		said++
		query := url.Values{"workspace": {workspace}, "ref": {line}, "triggeredBy": {line}, "runUrl": {"https://ci.example/" + url.PathEscape(line)}, "purpose": {"record"}}
		note("responses", string(api.Key.Post("/api/v1/ingest/failure?"+query.Encode(), map[string]any{"reason": "it failed: " + c.Plan}).Want(http.StatusOK).Body))
		note("responses", string(api.Engineer.Do(http.MethodPatch, "/api/v1/workspaces/"+workspace, map[string]any{"recordRef": line}).Want(http.StatusOK).Body))
		note("responses", string(api.Key.Post("/api/v1/ingest/plan?"+query.Encode(), []byte(`{"format_version":"1.2","complete":true}`)).Want(http.StatusOK).Body))
	}
	for _, path := range []string{"/api/v1/drifts?limit=100", "/api/v1/checks?limit=100", "/api/v1/workspaces/" + workspace, "/api/v1/alerts?limit=100", "/api/v1/workspaces"} {
		note("responses", string(api.Viewer.Get(path).Want(http.StatusOK).Body))
	}
	for _, table := range pgtest.Value[[]string](t, api.DB, "select array_agg(table_name::text) from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'") {
		rows, err := api.DB.Query(t.Context(), "select row_to_json(x)::text from "+pgx.Identifier{table}.Sanitize()+" x")
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		place := "database"
		if table == "event" {
			place = "events"
		}
		note(place, strings.Join(lines, "\n"))
	}

	// What is logged and reported, by a telemetry with a Sentry.
	receiver := sentrytest.Start(t)
	tel := telemetrytest.Start(t, func(c *telemetry.Config) { c.Sentry.DSN = receiver.DSN() })
	for _, c := range texts {
		ctx, span := tel.Tracer().Start(t.Context(), "canary")
		tel.Logger().InfoContext(ctx, "canary", "note", c.Plan, "error", errors.New(c.Plan))
		tel.Report(ctx, fmt.Errorf("do it: %s", c.Plan))
		span.RecordError(errors.New(c.Plan))
		span.End()
	}
	if _, err := receiver.Wait(t.Context(), func(events []sentrytest.Event) bool { return len(events) > 0 }); err != nil {
		t.Fatal(err)
	}
	for _, recorder := range []*telemetrytest.Recorder{api.Telemetry, tel} {
		note("logs", recorder.Output())
		note("logs", fmt.Sprint(recorder.Records()))
		note("metrics", recorder.Metrics())
		for _, s := range recorder.Spans() {
			note("spans", fmt.Sprintf("%s %+v %+v %+v", s.Name, s.Attributes, s.Events, s.Status))
		}
	}
	note("Sentry", string(receiver.Bytes()))

	bytes := 0
	for place, text := range places {
		bytes += text.Len()
		for secret := range secrets {
			if trace := canary.Find(text.String(), secret); trace != "" {
				before, after, _ := strings.Cut(text.String(), trace)
				t.Errorf("%s: %s…%s…%.200s", place, before[max(0, len(before)-300):], trace, after)
			}
		}
		if text.Len() < 1000 {
			t.Errorf("%s: there is next to nothing to look at", place)
		}
	}
	t.Logf("tried: %d plans, %d reports, %d decisions, %d senders and %d messages with %d secrets, in %d places of %d bytes", plans, fields, decisions, said, len(texts), len(secrets), len(places), bytes)
}
