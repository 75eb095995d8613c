package queue_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// start runs api with links, and receivers on this machine allowed.
func start(t *testing.T, environ ...string) *apitest.API {
	t.Helper()
	return apitest.Start(t, append([]string{
		"OUTGOING_NETWORKS=127.0.0.0/8", "PUBLIC_URL=https://drift.example.com", "TRACE_URL=https://grafana.example.com/trace/{traceId}",
	}, environ...)...)
}

// channel is what a test needs of a channel in a response.
type channel struct {
	ID              uuid.UUID
	Waiting, Parked int
	LastError       *string
	FailingSince    *time.Time
	LastSuccessAt   *time.Time
}

// makeChannel makes a channel, and gives its id and its secret.
func makeChannel(api *apitest.API, kind, url string, more map[string]any) (uuid.UUID, string) {
	body := map[string]any{"name": kind + " " + uuid.NewString()[:8], "kind": kind, "url": url}
	maps.Copy(body, more)
	var made struct {
		Channel channel
		Secret  string
	}
	api.Admin.Post("/api/v1/channels", body).Want(201).Decode(&made)
	return made.Channel.ID, made.Secret
}

// plan is a real plan with four drifts.
func plan(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile("../plan/testdata/plans/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// settled waits until every delivery is in one of these states.
func settled(t *testing.T, api *apitest.API, states ...string) {
	t.Helper()
	for limit := time.Now().Add(patience); ; {
		if pgtest.Value[int](t, api.DB, "select count(*) from delivery where state <> all($1)", states) == 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatal("deliveries still wait")
		}
	}
}

// TestStory: a real plan with four drifts is one message in Slack with the right text, and one signed message of a webhook; the
// channel of another workspace hears nothing. Each delivery is a span with a link to the trace of the upload.
//
// Mutations: a delivery for each event; the filter without workspaces; no link; the signature of another secret; the job without
// unique_key.
func TestStory(t *testing.T) {
	api := start(t)
	slack, webhook, elsewhere := newReceiver(t), newReceiver(t), newReceiver(t)
	makeChannel(api, "slack", slack.URL+"/services/T0/B0/secret", map[string]any{"workspaces": []string{"prod*"}})
	_, secret := makeChannel(api, "webhook", webhook.URL, map[string]any{"severities": []string{"critical"}, "events": []string{"drift.created", "drift.approved"}})
	makeChannel(api, "slack", elsewhere.URL, map[string]any{"workspaces": []string{"staging"}})

	upload := api.Key.Post("/api/v1/ingest/plan?workspace=production&ref=main&commit=0123456789abcdef&runUrl=https%3A%2F%2Fci.example.com%2F1", plan(t, "refresh_only_tf1.11.4.json")).Want(200)
	var ingested struct {
		Drifts []struct{ ID, ResourceID, Severity string }
	}
	upload.Decode(&ingested)
	var told struct {
		Text   string
		Blocks []struct {
			Type     string
			Text     struct{ Text string }
			Elements []struct{ Text string }
		}
	}
	if err := json.Unmarshal(slack.wait(count(1))[0].body, &told); err != nil {
		t.Fatal(err)
	}
	if want := "production · drifts: 4 new"; told.Text != want {
		t.Errorf("text %q, want %q", told.Text, want)
	}
	var lines []string
	for _, b := range told.Blocks {
		lines = append(lines, b.Text.Text)
		for _, e := range b.Elements {
			lines = append(lines, e.Text)
		}
	}
	all := strings.Join(lines, "\n")
	t.Log("the message:\n" + all)
	if !strings.HasPrefix(all, "*production* · drifts: 4 new\n:red_circle: <https://drift.example.com/drifts/") ||
		!strings.HasSuffix(all, "main@0123456789a… · <https://ci.example.com/1|run> · <https://grafana.example.com/trace/"+upload.Correlation()+"|trace>") {
		t.Errorf("the message is\n%s", all)
	}
	for _, d := range ingested.Drifts {
		if !strings.Contains(all, "/drifts/"+d.ID+"|") {
			t.Errorf("%s has no link", d.ResourceID)
		}
	}

	message := webhook.wait(count(1))[0]
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := wh.Verify(message.body, message.header); err != nil {
		t.Errorf("the signature: %v", err)
	}
	var signed struct {
		Type string
		Data struct {
			Workspace  string
			EventCount int
			Events     []struct{ Type string }
			Check      struct{ Status string }
			TraceID    string
		}
	}
	if err := json.Unmarshal(message.body, &signed); err != nil {
		t.Fatal(err)
	}
	if d := signed.Data; signed.Type != "check.completed" || d.Workspace != "production" || d.EventCount != len(d.Events) || d.EventCount == 0 || d.EventCount == 4 ||
		d.Check.Status != "drifted" || d.TraceID != upload.Correlation() {
		t.Errorf("the webhook got %s", message.body)
	}

	// A decision is a message, too.
	i := slices.IndexFunc(ingested.Drifts, func(d struct{ ID, ResourceID, Severity string }) bool { return d.Severity == "critical" })
	api.Engineer.Post("/api/v1/drifts/"+ingested.Drifts[i].ID+"/approve", map[string]string{"reason": "agreed with <the> network team"}).Want(200)
	if got := webhook.wait(count(2))[1]; !strings.Contains(string(got.body), `"type":"drift.approved"`) || got.header.Get("Webhook-Id") == message.header.Get("Webhook-Id") {
		t.Errorf("the decision: %s", got.body)
	}
	settled(t, api, "delivered")
	if n := len(slack.messages()) + len(elsewhere.messages()); n != 1 {
		t.Errorf("%d messages, want the one", n)
	}
	expectTelemetry(t, api, upload.Correlation())
}

// expectTelemetry looks at the spans and the metrics of deliveries.
func expectTelemetry(t *testing.T, api *apitest.API, trace string) {
	t.Helper()
	linked := 0
	for _, s := range api.Telemetry.Spans() {
		if s.Name != "deliver notification" {
			continue
		}
		for _, l := range s.Links {
			if l.SpanContext.TraceID().String() == trace && s.SpanContext.TraceID().String() != trace {
				linked++
			}
		}
	}
	if linked == 0 {
		t.Error("no delivery is linked to the trace of its events")
	}
	metrics := api.Telemetry.Metrics()
	for _, want := range []string{
		`driftsentry_notifications_total{kind="webhook",outcome="delivered"`, `driftsentry_notifications_total{kind="slack",outcome="unwanted"`,
		`river_work_count_total{queue="notify",status="ok"`, `river_work_duration_histogram_seconds_count{queue="notify",status="ok"`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	for line := range strings.Lines(metrics) {
		series, _, _ := strings.Cut(line, "#") // An exemplar follows.
		if strings.HasPrefix(series, "river_work_duration_seconds") || strings.Contains(series, `attempt="`) {
			t.Errorf("River's gauge, or its attempts, are among the metrics: %s", line)
		}
	}
}
