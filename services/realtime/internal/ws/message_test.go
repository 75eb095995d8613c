package ws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/realtime/internal/ws"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

func TestServer_messages(t *testing.T) {
	s := newServer(t)
	const drift = "drift:019a0000-0000-7000-8000-0000000000aa"
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf(`"drift:019a0000-0000-7000-8000-%012d"`, i)
	}
	for name, c := range map[string]struct {
		message string
		want    string // the type of the response
		id      string
	}{
		"subscribe":                   {`{"type":"subscribe","id":"1","topics":["drifts","` + drift + `"]}`, "ack", "1"},
		"subscribe from a cursor":     {`{"type":"subscribe","id":"1","topics":["checks"],"after":"e1:7"}`, "ack", "1"},
		"unsubscribe from nothing":    {`{"type":"unsubscribe","id":"1","topics":["drifts"]}`, "ack", "1"},
		"ping with an id":             {`{"type":"ping","id":"1"}`, "pong", "1"},
		"ping without":                {`{"type":"ping"}`, "pong", ""},
		"white space":                 {" {\n\t\"type\" : \"ping\" } \r\n", "pong", ""},
		"not JSON":                    {`{`, "error", ""},
		"not an object":               {`["subscribe"]`, "error", ""},
		"null":                        {`null`, "error", ""},
		"two objects":                 {`{"type":"ping"}{"type":"ping"}`, "error", ""},
		"no type":                     {`{"id":"1"}`, "error", "1"},
		"an unknown type":             {`{"type":"publish","id":"1"}`, "error", "1"},
		"a type of the server":        {`{"type":"event","id":"1"}`, "error", "1"},
		"a type that is a number":     {`{"type":1,"id":"1"}`, "error", "1"},
		"an unknown field":            {`{"type":"ping","id":"1","at":5}`, "error", "1"},
		"a field of another type":     {`{"type":"unsubscribe","id":"1","topics":["drifts"],"after":"e1:1"}`, "error", "1"},
		"ping with topics":            {`{"type":"ping","id":"1","topics":[]}`, "error", "1"},
		"no id":                       {`{"type":"subscribe","topics":["drifts"]}`, "error", ""},
		"an empty id":                 {`{"type":"subscribe","id":"","topics":["drifts"]}`, "error", ""},
		"an id that is a number":      {`{"type":"subscribe","id":1,"topics":["drifts"]}`, "error", ""},
		"an id that is too long":      {`{"type":"subscribe","id":"` + strings.Repeat("x", 65) + `","topics":["drifts"]}`, "error", ""},
		"the longest id":              {`{"type":"ping","id":"` + strings.Repeat("ä", 64) + `"}`, "pong", strings.Repeat("ä", 64)},
		"no topics":                   {`{"type":"subscribe","id":"1"}`, "error", "1"},
		"empty topics":                {`{"type":"subscribe","id":"1","topics":[]}`, "error", "1"},
		"an unknown topic":            {`{"type":"subscribe","id":"1","topics":["drifts","users"]}`, "error", "1"},
		"a topic of no drift":         {`{"type":"subscribe","id":"1","topics":["drift:x"]}`, "error", "1"},
		"a topic in capitals":         {`{"type":"subscribe","id":"1","topics":["` + strings.ToUpper(drift[6:]) + `"]}`, "error", "1"},
		"a drift's topic in capitals": {`{"type":"subscribe","id":"1","topics":["drift:` + strings.ToUpper(drift[6:]) + `"]}`, "error", "1"},
		"a topic twice":               {`{"type":"subscribe","id":"1","topics":["drifts","drifts"]}`, "error", "1"},
		"101 topics":                  {`{"type":"subscribe","id":"1","topics":[` + strings.Join(many, ",") + `]}`, "error", "1"},
		"100 topics":                  {`{"type":"subscribe","id":"1","topics":[` + strings.Join(many[1:], ",") + `]}`, "ack", "1"},
		"a cursor that is garbage":    {`{"type":"subscribe","id":"1","topics":["drifts"],"after":"yesterday"}`, "error", "1"},
		"a cursor with a NUL":         {`{"type":"subscribe","id":"1","topics":["drifts"],"after":"e1:\u00007"}`, "error", "1"},
		"a cursor beyond 63 bits":     {`{"type":"subscribe","id":"1","topics":["drifts"],"after":"e1:9223372036854775808"}`, "error", "1"},
		"auth without a token":        {`{"type":"auth","id":"1"}`, "error", "1"},
		"auth with nonsense":          {`{"type":"auth","id":"1","token":"x"}`, "error", "1"},
		"depth":                       {strings.Repeat("[", 8000), "error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			client := s.dial()
			client.t = t
			client.send(c.message)
			m := client.message()
			if m.Type != c.want || m.ID == nil != (c.id == "") || m.ID != nil && *m.ID != c.id {
				t.Fatalf("got %+v, want %s with id %q", m, c.want, c.id)
			}
			if c.want == "error" && (m.Message == "" || len(m.TraceID) != 32) {
				t.Errorf("got %+v", m)
			}
			if c.want != "error" && !strings.Contains(name, "white") {
				spec.Frame(t, spec.FromClient, []byte(c.message))
			}
			client.ping() // An error costs nothing more.
		})
	}
	t.Run("ack lists all topics", func(t *testing.T) {
		c := s.dial()
		c.send(`{"type":"subscribe","id":"1","topics":["checks","` + drift + `"]}`)
		c.message()
		c.send(`{"type":"subscribe","id":"2","topics":["drifts"]}`)
		if m := c.message(); !slices.Equal(m.Topics, []string{"drifts", "checks", drift}) {
			t.Errorf("topics = %v", m.Topics)
		}
		c.send(`{"type":"unsubscribe","id":"3","topics":["drifts","alerts","` + drift + `"]}`)
		if m := c.message(); !slices.Equal(m.Topics, []string{"checks"}) {
			t.Errorf("topics = %v", m.Topics)
		}
		c.send(`{"type":"unsubscribe","id":"4","topics":["checks"]}`)
		if m := c.message(); m.Topics == nil || len(m.Topics) > 0 {
			t.Errorf("topics = %v", m.Topics)
		}
	})
	t.Run("a cursor in the second subscribe", func(t *testing.T) {
		c := s.dial()
		c.send(`{"type":"subscribe","id":"1","topics":["checks"]}`)
		c.message()
		c.send(`{"type":"subscribe","id":"2","topics":["drifts"],"after":"e1:7"}`)
		if m := c.message(); m.Type != "error" || m.Code != "VALIDATION_ERROR" {
			t.Errorf("got %+v", m)
		}
	})
	t.Run("a cursor that leads nowhere: resync, then ack", func(t *testing.T) {
		c := s.dial()
		c.send(`{"type":"subscribe","id":"1","topics":["checks"],"after":"e0:7"}`)
		if m := c.message(); m.Type != "resync" || m.Reason != "epoch" || m.Cursor != "e1:7" {
			t.Errorf("got %+v", m)
		}
		if m := c.message(); m.Type != "ack" {
			t.Errorf("got %+v", m)
		}
	})
	t.Run("too many invalid messages: 1008", func(*testing.T) {
		c := s.dial()
		for range 30 {
			c.send(`{"type":"nonsense"}`)
		}
		c.expectClose(1008)
	})
	t.Run("each message is a trace, linked to the handshake", func(t *testing.T) {
		s := newServer(t) // without the spans of the other tests, which end after their responses
		c := s.dial()
		c.send(`{"type":"subscribe","id":"1","topics":["users"]}`)
		m := c.message()
		s.waitSpan("receive subscribe")
		s.waitSpan("GET /ws")
		span := s.tel.Span("receive subscribe")
		handshake := s.tel.Span("GET /ws")
		if span.Parent.IsValid() || span.SpanKind != trace.SpanKindServer || m.TraceID != span.SpanContext.TraceID().String() {
			t.Errorf("span %+v, error %+v", span, m)
		}
		if len(span.Links) != 1 || !span.Links[0].SpanContext.Equal(handshake.SpanContext) && span.Links[0].SpanContext.SpanID() != handshake.SpanContext.SpanID() {
			t.Errorf("links %v", span.Links)
		}
		if line := s.tel.Log("message received"); line["trace_id"] != m.TraceID || line["error.code"] != "VALIDATION_ERROR" || line["level"] != "warn" {
			t.Errorf("line %v", line)
		}
	})
}

func TestServer_message_rate(t *testing.T) {
	s := newServer(t, func(c *ws.Config) { c.MessageRate, c.MessageBurst = 0.001, 10 })
	for name, flood := range map[string][]byte{
		"messages": textFrame(jsonPing), "pings": frame(9, true, "x"), "pongs": frame(10, true, ""),
		"fragments": frame(1, false, ""),
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial()
			c.t = t
			rest := flood
			if name == "fragments" {
				rest = frame(0, false, "")
			}
			c.write(append(slices.Clone(flood), []byte(strings.Repeat(string(rest), 20))...))
			c.expectClose(4429)
		})
	}
	t.Run("within the limit", func(*testing.T) {
		c := s.dial()
		for range 10 {
			c.ping()
		}
	})
}

func TestServer_auth(t *testing.T) {
	s := newServer(t)
	me := newCaller()
	auth := func(t *testing.T, c *client, accessToken string) serverMessage {
		t.Helper()
		c.send(`{"type":"auth","id":"a","token":"` + accessToken + `"}`)
		return c.message()
	}
	gone := caller{me.user, me.account, uuid.New()}
	s.sessions.end(gone.session)
	for name, c := range map[string]struct {
		token        string
		want, reason string
	}{
		"a fresh token":                 {s.sign(me), "", ""},
		"of a new session of the user":  {s.sign(caller{me.user, me.account, uuid.New()}), "", ""},
		"of another user":               {s.sign(caller{uuid.New(), me.account, uuid.New()}), "FORBIDDEN", ""},
		"of another account":            {s.sign(caller{me.user, uuid.New(), me.session}), "FORBIDDEN", ""},
		"of a session that was revoked": {s.sign(gone), "AUTH_ERROR", "revoked"},
		"expired":                       {expired(t, me), "AUTH_ERROR", "expired"},
		"nonsense":                      {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", "AUTH_ERROR", "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			cl := s.dialAs(me)
			cl.t = t
			m := auth(t, cl, c.token)
			if c.want == "" && m.Type != "ack" || c.want != "" && (m.Type != "error" || m.Code != c.want) || m.Reason != c.reason {
				t.Errorf("got %+v, want %q", m, c.want)
			}
			cl.ping()
		})
	}
	t.Run("while sessions can't be looked up", func(t *testing.T) {
		cl := s.dialAs(me)
		s.sessions.setFailure(errUnavailable)
		defer s.sessions.setFailure(nil)
		if m := auth(t, cl, s.sign(me)); m.Code != "SERVICE_UNAVAILABLE" {
			t.Errorf("got %+v", m)
		}
	})
	t.Run("the token is not logged", func(t *testing.T) {
		if strings.Contains(s.tel.Output(), "eyJ") {
			t.Error("a token is in the log")
		}
	})
}

func expired(t *testing.T, c caller) string {
	t.Helper()
	signed, err := token.NewAccess(secret, "", -1e9*60).Sign(c.user, c.account, c.session)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
