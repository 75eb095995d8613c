package ws_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/realtime/internal/ws"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// do sends a handshake through the check against the documentation.
func (s *server) do(t *testing.T, req *http.Request) *http.Response {
	t.Helper()
	client := &http.Client{Transport: spec.Transport(t, http.DefaultTransport)}
	resp, err := client.Do(req.WithContext(spec.Invalid(req.Context())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestServer_Handshake(t *testing.T) {
	s := newServer(t)
	me := newCaller()
	mine := s.sign(me)
	foreign, err := token.NewAccess("another-"+secret, "", time.Minute).Sign(me.user, me.account, me.session)
	if err != nil {
		t.Fatal(err)
	}
	without := func(name string) func(http.Header) { return func(h http.Header) { h.Del(name) } }
	with := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	for name, c := range map[string]struct {
		token  string
		change func(http.Header)
		want   int
	}{
		"token in a header":              {mine, nil, http.StatusSwitchingProtocols},
		"token in a subprotocol":         {"", with("Sec-WebSocket-Protocol", "driftsentry.v1, bearer."+mine), http.StatusSwitchingProtocols},
		"token first":                    {"", with("Sec-WebSocket-Protocol", "bearer."+mine+",driftsentry.v1"), http.StatusSwitchingProtocols},
		"an origin that may":             {mine, with("Origin", "https://app.example"), http.StatusSwitchingProtocols},
		"an origin that may not":         {mine, with("Origin", "https://evil.example"), http.StatusForbidden},
		"an origin that only looks so":   {mine, with("Origin", "https://app.example.evil.example"), http.StatusForbidden},
		"a page of the same host":        {mine, nil, http.StatusSwitchingProtocols},
		"a file of the same host":        {mine, nil, http.StatusForbidden},
		"the origin null":                {mine, with("Origin", "null"), http.StatusForbidden},
		"a list of connection options":   {mine, with("Connection", "keep-alive, Upgrade"), http.StatusSwitchingProtocols},
		"upgrade in capitals":            {mine, with("Upgrade", "WebSocket"), http.StatusSwitchingProtocols},
		"no token":                       {"", nil, http.StatusUnauthorized},
		"a token without a signature":    {"invalid-token", nil, http.StatusUnauthorized},
		"a token that others signed":     {foreign, nil, http.StatusUnauthorized},
		"an API key":                     {"ds_" + strings.Repeat("A", 64), nil, http.StatusUnauthorized},
		"the token in the URL":           {"", nil, http.StatusUnauthorized},
		"without our subprotocol":        {mine, with("Sec-WebSocket-Protocol", "chat"), http.StatusBadRequest},
		"without subprotocols":           {mine, without("Sec-WebSocket-Protocol"), http.StatusBadRequest},
		"no upgrade":                     {mine, without("Upgrade"), http.StatusBadRequest},
		"no connection option":           {mine, with("Connection", "keep-alive"), http.StatusBadRequest},
		"another version":                {mine, with("Sec-WebSocket-Version", "8"), http.StatusBadRequest},
		"no key":                         {mine, without("Sec-WebSocket-Key"), http.StatusBadRequest},
		"a key that is too short":        {mine, with("Sec-WebSocket-Key", "c2hvcnQ="), http.StatusBadRequest},
		"a key that is not base64":       {mine, with("Sec-WebSocket-Key", "!!!!!!!!!!!!!!!!!!!!!!!!"), http.StatusBadRequest},
		"an extension, which is ignored": {mine, with("Sec-WebSocket-Extensions", "permessage-deflate"), http.StatusSwitchingProtocols},
	} {
		t.Run(name, func(t *testing.T) {
			req := s.request(c.token, c.change)
			switch name {
			case "the token in the URL":
				req.URL.RawQuery = "token=" + mine + "&access_token=" + mine
			case "a page of the same host":
				req.Header.Set("Origin", "http://"+req.URL.Host)
			case "a file of the same host":
				req.Header.Set("Origin", "file://"+req.URL.Host)
			}
			resp := s.do(t, req)
			if resp.StatusCode != c.want {
				t.Fatalf("%s, want %d", resp.Status, c.want)
			}
			if len(resp.Header.Get("X-Correlation-ID")) != 32 {
				t.Errorf("X-Correlation-ID = %q", resp.Header.Get("X-Correlation-ID"))
			}
			if c.want != http.StatusSwitchingProtocols {
				return
			}
			if got := resp.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Errorf("accept = %q, want the RFC's example", got)
			}
			if got := resp.Header.Values("Sec-WebSocket-Protocol"); len(got) != 1 || got[0] != "driftsentry.v1" {
				t.Errorf("subprotocol = %q", got)
			}
			if resp.Header.Get("Sec-WebSocket-Extensions") != "" {
				t.Error("an extension was accepted")
			}
		})
	}
	t.Run("subprotocols in two headers", func(t *testing.T) {
		if _, resp := s.open(s.request("", func(h http.Header) { h.Add("Sec-WebSocket-Protocol", "bearer."+mine) })); resp.StatusCode != http.StatusSwitchingProtocols {
			t.Error(resp.Status)
		}
	})
	t.Run("a refused program learns why", func(t *testing.T) {
		for sent, want := range map[string]string{"": "Bearer", "invalid-token": `Bearer error="invalid_token", error_description="invalid"`} {
			if resp := s.do(t, s.request(sent, nil)); resp.Header.Get("WWW-Authenticate") != want {
				t.Errorf("%q: %q", sent, resp.Header.Get("WWW-Authenticate"))
			}
		}
		head := s.request(mine, nil)
		head.Method = http.MethodHead
		w := httptest.NewRecorder()
		if err := s.Handshake(w, head); !apierror.Is(err, apierror.Invalid) {
			t.Errorf("HEAD: %v", err)
		}
	})
	t.Run("the token is nowhere in the signals", func(t *testing.T) {
		if strings.Contains(s.tel.Output(), mine) {
			t.Error("the token is in the log")
		}
	})
	t.Run("ours, and expired: upgraded, then 4401", func(t *testing.T) {
		old, err := token.NewAccess(secret, "", -time.Minute).Sign(me.user, me.account, me.session)
		if err != nil {
			t.Fatal(err)
		}
		c, resp := s.open(s.request(old, nil))
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(resp.Status)
		}
		c.expectClose(4401)
	})
	t.Run("ours, and revoked: upgraded, then 4401", func(t *testing.T) {
		gone := newCaller()
		s.sessions.end(gone.session)
		c, resp := s.open(s.request(s.sign(gone), nil))
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(resp.Status)
		}
		if h, payload := c.read(); h.OpCode != gobwas.OpClose || !strings.HasPrefix(string(payload), closePayload(4401, "")) {
			t.Errorf("the first frame is %+v %q", h, payload)
		}
	})
	t.Run("sessions that can't be looked up: 503 with Retry-After", func(t *testing.T) {
		s.sessions.setFailure(errUnavailable)
		defer s.sessions.setFailure(nil)
		resp := s.do(t, s.request(mine, nil))
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
		}
	})
}

func TestServer_Handshake_telemetry(t *testing.T) {
	s := newServer(t)
	me := newCaller()
	const caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	traceparent := func(h http.Header) { h.Set("traceparent", caller) }
	t.Run("the caller's trace is continued, and the span ends with the upgrade", func(t *testing.T) {
		c, resp := s.open(s.request(s.sign(me), traceparent))
		if got := resp.Header.Get("X-Correlation-ID"); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("X-Correlation-ID = %s", got)
		}
		c.message()
		s.waitSpan("GET /ws")
		c.ping() // it is open
		span := s.tel.Span("GET /ws")
		if span.Parent.SpanID().String() != "00f067aa0ba902b7" {
			t.Errorf("parent = %v", span.Parent.SpanID())
		}
		attrs := map[string]string{}
		for _, a := range span.Attributes {
			attrs[string(a.Key)] = a.Value.String()
		}
		if attrs["http.response.status_code"] != "101" || attrs["driftsentry.account.id"] != me.account.String() || attrs["driftsentry.connection.id"] == "" {
			t.Errorf("attributes: %v", attrs)
		}
		line := s.tel.Log("request")
		if line["status"] != 101.0 || line["route"] != "/ws" || line["userId"] != me.user.String() || line["level"] != "info" {
			t.Errorf("access line: %v", line)
		}
	})
	t.Run("a stranger's is linked", func(t *testing.T) {
		s.tel.Reset()
		s.do(t, s.request("", traceparent))
		s.waitSpan("GET /ws")
		span := s.tel.Span("GET /ws")
		if span.Parent.IsValid() || len(span.Links) != 1 {
			t.Errorf("parent %v, links %v", span.Parent, span.Links)
		}
	})
	t.Run("the end of a socket is one line with the handshake's trace", func(t *testing.T) {
		s.tel.Reset()
		c, _ := s.open(s.request(s.sign(me), traceparent))
		c.message()
		c.write(frame(8, true, closePayload(1000, "")))
		c.expectClose(1000)
		s.eventually("the socket is gone", func() bool { return strings.Contains(s.tel.Output(), "socket closed") })
		line := s.tel.Log("socket closed")
		if line["code"] != 1000.0 || line["trace_id"] != "4bf92f3577b34da6a3ce929d0e0e4736" || line["userId"] != me.user.String() {
			t.Errorf("line: %v", line)
		}
	})
	t.Run("handshakes and closes are counted", func(*testing.T) {
		for _, want := range []string{
			`driftsentry_realtime_handshakes_total{outcome="accepted"} 2.0`,
			`driftsentry_realtime_handshakes_total{outcome="unauthorized"} 1.0`,
			`driftsentry_realtime_closes_total{code="1000"} 1.0`,
			`driftsentry_realtime_connections 1.0`,
			`http_requests_total{method="GET",path="/ws",status="101"} 2.0`,
		} {
			s.eventually(want, func() bool { return strings.Contains(s.tel.Metrics(), want) })
		}
	})
}

func TestServer_limits(t *testing.T) {
	s := newServer(t, func(c *ws.Config) { c.Limits = ws.Limits{Total: 4, PerUser: 2, PerAddress: 3} })
	status := func(c caller) int {
		t.Helper()
		_, resp := s.open(s.request(s.sign(c), nil))
		return resp.StatusCode
	}
	me := newCaller()
	first := s.dialAs(me)
	s.dialAs(me)
	t.Run("per user", func(t *testing.T) {
		resp := s.do(t, s.request(s.sign(me), nil))
		if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
		}
	})
	t.Run("per address", func(t *testing.T) {
		s.dial()
		if got := status(newCaller()); got != http.StatusTooManyRequests {
			t.Errorf("status %d", got)
		}
	})
	t.Run("a place that is left is free again", func(*testing.T) {
		first.write(frame(8, true, closePayload(1000, "")))
		first.expectClose(1000)
		s.eventually("its place is free", func() bool { return s.Connections() == 2 })
		s.dialAs(me)
	})
	t.Run("one that is refused takes none", func(t *testing.T) {
		gone := caller{me.user, me.account, uuid.New()}
		s.sessions.end(gone.session)
		for range 5 {
			if got := status(gone); got != http.StatusTooManyRequests {
				t.Errorf("status %d", got)
			}
		}
	})
	t.Run("in all", func(t *testing.T) {
		s := newServer(t, func(c *ws.Config) { c.Limits = ws.Limits{Total: 1} })
		s.dial()
		resp := s.do(t, s.request(s.sign(newCaller()), nil))
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
		}
	})
}
