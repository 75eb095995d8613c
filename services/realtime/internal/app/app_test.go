package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/services/realtime/internal/app"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

func TestService_health_and_metrics(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil)
	s.dial(s.db.user(s.db.account()))
	// A socket counts as open once it has its welcome, not earlier.
	s.eventually("the socket is counted", func() bool {
		var body struct{ Realtime struct{ Connections int } }
		return json.NewDecoder(s.get("/health/detailed").Body).Decode(&body) == nil && body.Realtime.Connections == 1
	})
	for path, want := range map[string]string{"/health/live": "alive", "/health/ready": "ready", "/health/detailed": "healthy"} {
		resp := s.get(path)
		var body struct {
			Status   string
			Version  string
			Realtime *struct{ Connections, Accounts int }
		}
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || resp.StatusCode != http.StatusOK || body.Status != want {
			t.Errorf("%s: %s, %+v, %v", path, resp.Status, body, err)
		}
		if path == "/health/detailed" && (body.Version != "1.2.3" || body.Realtime == nil || body.Realtime.Connections != 1 || body.Realtime.Accounts != 1) {
			t.Errorf("%s: %+v", path, body.Realtime)
		}
	}
	if resp := s.get("/metrics"); resp.StatusCode != http.StatusOK {
		t.Errorf("metrics: %s", resp.Status)
	}
	if resp := s.get("/nothing"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("nothing: %s", resp.Status)
	}
	for _, line := range s.tel.Logs() {
		if line["msg"] == "request" && line["route"] != "/ws" && line["path"] != "/nothing" {
			t.Errorf("a probe has an access line: %v", line)
		}
	}
}

func TestService_without_websocket(t *testing.T) {
	s := start(t, pgtest.DSN(t), []string{"ENABLE_WEBSOCKET=false"})
	if resp := s.get("/ws"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("%s", resp.Status)
	}
}

// TestService_one_trace: from the stored context of "publish" to the socket, and a metric that leads back.
func TestService_one_trace(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil)
	account := s.db.account()
	c := s.listen(s.db.user(account), "", "drifts", "alerts")
	parent := func(n int) string { return fmt.Sprintf("00-%032x-%016x-01", 0xa0+n, 0xb0+n) }
	named := func(name string) (found []tracetest.SpanStub) {
		for _, span := range s.tel.Spans() {
			if span.Name == name {
				found = append(found, span)
			}
		}
		return found
	}
	// The response is sent before the span ends.
	received := func() bool { return len(named("receive subscribe")) == 1 }
	s.eventually("the subscription's span", received)
	s.tel.Reset()
	s.db.publish(account, hinted, published{traceparent: parent(1)}, published{traceparent: parent(1), topic: "alerts"}, published{traceparent: parent(2)})
	if got := c.waitEvent(3).Event.Traceparent; got != parent(2) {
		t.Errorf("the event's traceparent is %q", got)
	}
	s.eventually("both spans", func() bool { return len(named("process events")) == 2 && len(named("read events")) == 1 })
	for i, span := range named("process events") {
		if span.SpanKind != trace.SpanKindConsumer || span.SpanContext.TraceID().String() != fmt.Sprintf("%032x", 0xa1+i) || span.Parent.SpanID().String() != fmt.Sprintf("%016x", 0xb1+i) {
			t.Errorf("span %d: %v of trace %v below %v", i, span.SpanKind, span.SpanContext.TraceID(), span.Parent.SpanID())
		}
	}
	if read := named("read events")[0]; read.Parent.IsValid() {
		t.Error("the reading is not a root")
	}
	sql := named("SELECT event")
	if len(sql) != 1 || sql[0].Parent.SpanID() != named("read events")[0].SpanContext.SpanID() {
		t.Errorf("SQL spans: %v", sql)
	}
	s.metric(`trace_id="` + fmt.Sprintf("%032x", 0xa2))
	s.metric(`driftsentry_realtime_deliveries_total{mode="live"} 3.0`)

	t.Run("a replay is a root of its own, linked", func(t *testing.T) {
		s.tel.Reset()
		epoch, _, _ := strings.Cut(c.cursor(), ":")
		again := s.listen(s.db.user(account), epoch+":0", "drifts")
		again.waitEvent(3)
		// The handshake's span may end after the replay.
		s.eventually("all of its spans", func() bool { return len(named("process events")) == 1 && len(named("GET /ws")) == 1 && received() })
		if span := named("process events")[0]; span.Parent.IsValid() || len(span.Links) != 2 {
			t.Errorf("parent %v, links %v", span.Parent, span.Links)
		}
	})
	t.Run("nothing to do leaves no span", func(t *testing.T) {
		s.tel.Reset()
		s.db.exec("select pg_notify('driftsentry_stream', $1)", account.String()+":3")
		s.metric(`driftsentry_realtime_hints_total{outcome="ignored"}`)
		if spans := s.tel.Spans(); len(spans) > 0 {
			t.Errorf("spans: %v", spans)
		}
	})
}

// TestService_shutdown: sockets get a message, then they are closed, and no event that was committed before is lost.
func TestService_shutdown(t *testing.T) {
	s := start(t, pgtest.DSN(t), nil)
	account := s.db.account()
	clients := make([]*client, 50)
	for i := range clients {
		clients[i] = s.listen(s.db.user(account), "", "drifts")
	}
	idle := s.dial(s.db.user(account))
	last := s.db.publish(account, hinted, some(200)...)
	clients[0].waitEvent(last)
	if err := s.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	for i, c := range slices.Concat(clients, []*client{idle}) {
		if code := c.closeCode(); code != 1012 {
			t.Errorf("client %d: close code %d", i, code)
		}
		f := c.wait("reconnect", func(f frame) bool { return f.Type == "reconnect" })
		if f.AfterMs == nil || *f.AfterMs < 0 {
			t.Errorf("client %d: %+v", i, f)
		}
		if i < len(clients) {
			if got := c.positions(); len(got) != int(last) {
				t.Errorf("client %d got %d of %d events", i, len(got), last)
			}
		}
	}
}

func TestLoadConfig(t *testing.T) {
	valid := []string{"DATABASE_URL=postgres://u:p@h/d", "JWT_SECRET=" + secret, "APP_ENV=production"}
	t.Run("defaults", func(t *testing.T) {
		c, err := app.LoadConfig(valid)
		if err != nil {
			t.Fatal(err)
		}
		if c.Service.Port != 3002 || !c.EnableWebSocket || c.Service.MetricsPort != 9090 || c.Heartbeat.String() != "30s" || c.MaxConnections != 20000 {
			t.Errorf("%+v", c)
		}
	})
	for name, c := range map[string]struct{ set, variable string }{
		"an example secret in production": {"JWT_SECRET=development-only-secret-that-everybody-knows", "JWT_SECRET"},
		"no database":                     {"DATABASE_URL=", "DATABASE_URL"},
		"a heartbeat that is too quick":   {"WEBSOCKET_HEARTBEAT=10ms", "WEBSOCKET_HEARTBEAT"},
		"a negative limit":                {"MAX_CONNECTIONS_PER_USER=-1", "MAX_CONNECTIONS_PER_USER"},
		"no handshakes at all":            {"RATE_LIMIT_HANDSHAKES=0", "RATE_LIMIT_HANDSHAKES"},
		"no messages at all":              {"RATE_LIMIT_MESSAGES=0", "RATE_LIMIT_MESSAGES"},
		"one port for two":                {"METRICS_PORT=3002", "METRICS_PORT"},
		"an origin that is none":          {"CORS_ORIGIN=app.example", "CORS_ORIGIN"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := app.LoadConfig(append(slices.Clip(valid), c.set))
			if err == nil || !strings.Contains(err.Error(), c.variable+":") {
				t.Errorf("err = %v, want one about %s", err, c.variable)
			}
		})
	}
}
