package spec

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// recorder is a test that fails quietly, and says why.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Error(args ...any) { r.failures = append(r.failures, fmt.Sprint(args...)) }

func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

func (r *recorder) expect(t *testing.T, want string) {
	t.Helper()
	switch {
	case want == "" && len(r.failures) > 0:
		t.Errorf("failed: %q", r.failures)
	case want != "" && !slices.ContainsFunc(r.failures, func(s string) bool { return strings.Contains(s, want) }):
		t.Errorf("failures %q, want one with %q", r.failures, want)
	}
}

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	driftID = "01999f6c-0a4e-7c55-9d2c-6f2f0f9a1b04"
)

// reply is the response of the server under test.
type reply struct {
	status int
	header map[string]string // added to the headers of every good response, or removed from them when empty
	body   string
}

func (a reply) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	header := map[string]string{
		"Content-Type":           "application/json; charset=utf-8",
		"X-Correlation-ID":       traceID,
		"Server-Timing":          `traceparent;desc="00-` + traceID + `-00f067aa0ba902b7-01"`,
		"X-Content-Type-Options": "nosniff",
	}
	maps.Copy(header, a.header)
	for name, value := range header {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func failure(code string) string {
	details := "null"
	if code == "AUTH_ERROR" {
		details = `{"reason":"expired"}`
	}
	return `{"success":false,"error":{"code":"` + code + `","message":"m","details":` + details + `,"traceId":"` + traceID + `","timestamp":"2026-03-01T09:00:00.000Z"}}`
}

const drift = `{"id":"` + driftID + `","version":1,"workspace":"w","resourceId":"r","resourceType":"t","provider":"","region":"","origin":"drift","plannedAction":null,` +
	`"expectedState":{"a":1},"actualState":null,"difference":{"a":{"expected":1,"actual":null}},"severity":"info","status":"approved","costImpactMonthly":1.25,` +
	`"detectedBy":"plan","detectedAt":"2026-03-01T09:00:00.000Z","firstSeenAt":"2026-03-01T09:00:00.000Z","lastSeenAt":"2026-03-01T09:00:00.000Z","occurrences":1,` +
	`"approvedAt":"2026-03-01T09:00:00.000Z","approvedBy":"a@example.com","approvalReason":"because I say so","rejectedAt":null,"rejectedBy":null,"rejectionReason":null,` +
	`"resolvedAt":null,"resolvedHow":null,"previousId":null,"createdAt":"2026-03-01T09:00:00.000Z","updatedAt":"2026-03-01T09:00:00.000Z"}`

func success(data string) string { return `{"success":true,"data":` + data + `}` }

func TestTransport_Responses(t *testing.T) {
	approve := func(a reply) (string, string, string, reply) {
		return http.MethodPost, "/api/v1/drifts/" + driftID + "/approve", `{"reason":"because I say so"}`, a
	}
	type exchange struct {
		method, path, body string
		reply              reply
		want               string
	}
	with := func(want string, a reply) exchange {
		method, path, body, a := approve(a)
		return exchange{method, path, body, a, want}
	}
	get := func(path, want string, a reply) exchange { return exchange{http.MethodGet, path, "", a, want} }
	etag := map[string]string{"ETag": `W/"abc"`, "Cache-Control": "private, no-cache"}
	for name, c := range map[string]exchange{
		"a valid drift":                        with("", reply{200, nil, success(drift)}),
		"a valid error":                        with("", reply{409, nil, failure("CONFLICT")}),
		"a status that is not declared":        with("response status 418", reply{418, nil, failure("CONFLICT")}),
		"another success than declared":        with("response status 201", reply{201, nil, success(drift)}),
		"a code that is not of the status":     with("/error/code", reply{409, nil, failure("FORBIDDEN")}),
		"an unknown field":                     with("/data", reply{200, nil, success(strings.Replace(drift, `{"id"`, `{"accountId":1,"id"`, 1))}),
		"a field of the detail view":           with("/data", reply{200, nil, success(strings.Replace(drift, `{"id"`, `{"alertCount":1,"id"`, 1))}),
		"a field too few":                      with("missing property 'version'", reply{200, nil, success(strings.Replace(drift, `"version":1,`, "", 1))}),
		"a time without milliseconds":          with("/data/createdAt", reply{200, nil, success(strings.Replace(drift, `"createdAt":"2026-03-01T09:00:00.000Z"`, `"createdAt":"2026-03-01T09:00:00Z"`, 1))}),
		"a time that does not exist":           with("/data/createdAt", reply{200, nil, success(strings.Replace(drift, `"createdAt":"2026-03-01`, `"createdAt":"2026-02-31`, 1))}),
		"an id that is not a UUID":             with("/data/id", reply{200, nil, success(strings.Replace(drift, driftID, "17", 1))}),
		"no envelope":                          with("response body", reply{200, nil, drift}),
		"not JSON":                             with("response body: not JSON", reply{200, nil, "oops"}),
		"another content type":                 with("Content-Type", reply{200, map[string]string{"Content-Type": "text/plain"}, success(drift)}),
		"no correlation ID":                    with("response header X-Correlation-ID: missing", reply{200, map[string]string{"X-Correlation-ID": ""}, success(drift)}),
		"a correlation ID that is not a trace": with("response header X-Correlation-ID", reply{200, map[string]string{"X-Correlation-ID": "abc"}, success(drift)}),
		"no Server-Timing":                     with("response header Server-Timing: missing", reply{200, map[string]string{"Server-Timing": ""}, success(drift)}),
		"another trace in Server-Timing":       with("another trace ID", reply{200, map[string]string{"X-Correlation-ID": strings.Repeat("a", 32)}, success(drift)}),
		"another trace in the error":           with("error.traceId is", reply{409, nil, strings.Replace(failure("CONFLICT"), traceID, strings.Repeat("b", 32), 1)}),
		"a good 503":                           with("", reply{503, map[string]string{"Retry-After": "2"}, failure("SERVICE_UNAVAILABLE")}),
		"a 503 without Retry-After":            with("Retry-After: missing", reply{503, nil, failure("SERVICE_UNAVAILABLE")}),
		"a Retry-After that is not a number":   with(`Retry-After: "soon"`, reply{503, map[string]string{"Retry-After": "soon"}, failure("SERVICE_UNAVAILABLE")}),
		"details where there can be none":      with("/error/details", reply{409, nil, strings.Replace(failure("CONFLICT"), "null", `{"errors":[{"field":"a","message":"b"}]}`, 1)}),
		"a good list":                          get("/api/v1/drifts?limit=1&sortBy=severity&severity=critical,info", "", reply{200, etag, success(`{"items":[` + drift + `],"pagination":{"total":1,"page":1,"pageSize":1,"totalPages":1,"hasMore":false,"nextCursor":null}}`)}),
		"a wrong item of a list":               get("/api/v1/drifts", "/data/items/0", reply{200, nil, success(`{"items":[{}],"pagination":{"total":1,"page":1,"pageSize":1,"totalPages":1,"hasMore":false,"nextCursor":null}}`)}),
		"items that are null":                  get("/api/v1/drifts", "/data/items", reply{200, nil, success(`{"items":null,"pagination":{"total":1,"page":1,"pageSize":1,"totalPages":1,"hasMore":false,"nextCursor":null}}`)}),
		"a literal path before a parameter":    get("/api/v1/alerts/unread-count", "", reply{200, nil, success(`{"count":0}`)}),
		"an event of the shared schema":        get("/api/v1/events?after=e:1", "/data/items/0/event", reply{200, nil, success(`{"items":[{"position":2,"cursor":"e:2","topics":["drifts"],"event":{}}],"head":"e:2","hasMore":false}`)}),
		"a good health report of realtime":     get("/health/live", "", reply{200, nil, `{"status":"alive","timestamp":"2026-03-01T09:00:00.000Z"}`}),
		"metrics":                              get("/metrics", "", reply{200, map[string]string{"Content-Type": "text/plain; version=0.0.4"}, "a 1\n"}),
		"a good 404 where nothing is":          get("/nowhere", "", reply{404, nil, failure("NOT_FOUND")}),
		"a 404 without the envelope":           get("/nowhere", "response body", reply{404, nil, `{}`}),
		"a success where nothing is":           get("/nowhere", "response status 200", reply{200, nil, success("null")}),
		"a 405 where nothing is":               get("/nowhere", "so this is 404", reply{405, map[string]string{"Allow": "GET"}, failure("METHOD_NOT_ALLOWED")}),
		"a 404 where there are other methods":  get("/api/v1/drifts/"+driftID+"/approve", "so this is 405", reply{404, nil, failure("NOT_FOUND")}),
		"a good 405":                           get("/api/v1/drifts/"+driftID+"/approve", "", reply{405, map[string]string{"Allow": "POST"}, failure("METHOD_NOT_ALLOWED")}),
		"a 405 without Allow":                  get("/api/v1/drifts/"+driftID+"/approve", "Allow: missing", reply{405, nil, failure("METHOD_NOT_ALLOWED")}),
		"a preflight":                          {http.MethodOptions, "/api/v1/drifts", "", reply{204, map[string]string{"Content-Type": ""}, ""}, ""},
		"HEAD":                                 {http.MethodHead, "/api/v1/drifts", "", reply{200, etag, ""}, ""},
		"a value that is none among others":    get("/api/v1/drifts?severity=critical,awful", "request query parameter severity", reply{200, etag, success(`{"items":[],"pagination":{"total":0,"page":1,"pageSize":20,"totalPages":0,"hasMore":false,"nextCursor":null}}`)}),
		"a good 304":                           get("/api/v1/drifts", "", reply{304, etag, ""}),
		"HEAD that is refused":                 {http.MethodHead, "/api/v1/drifts", "", reply{405, map[string]string{"Allow": "GET, POST"}, ""}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			fake, _ := do(t, t.Context(), c.reply, c.method, c.path, c.body, nil)
			fake.expect(t, c.want)
		})
	}
}

// do makes one exchange through Transport, with credentials unless the header takes them away.
func do(t *testing.T, ctx context.Context, handler http.Handler, method, path, body string, header http.Header) (*recorder, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	fake := &recorder{TB: t}
	r, err := http.NewRequestWithContext(ctx, method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer x")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(r.Header, header)
	res, err := Transport(fake, http.DefaultTransport).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fake, string(read)
}

func TestTransport_Requests(t *testing.T) {
	const mistake = "not what the document says"
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(w, `{"resource_drift":[]}`)
	_ = w.Close()
	refused := reply{400, nil, failure("VALIDATION_ERROR")}
	for name, c := range map[string]struct {
		method, path, body string
		header             http.Header
		want               string
	}{
		"a parameter out of bounds":           {http.MethodGet, "/api/v1/drifts?limit=101", "", nil, "query parameter limit"},
		"a parameter of another type":         {http.MethodGet, "/api/v1/drifts?page=one", "", nil, "query parameter page"},
		"a parameter that does not exist":     {http.MethodGet, "/api/v1/drifts?pgae=1", "", nil, "query parameter pgae"},
		"a parameter that is there twice":     {http.MethodGet, "/api/v1/drifts?page=1&page=2", "", nil, "present 2 times"},
		"a required parameter is missing":     {http.MethodPost, "/api/v1/ingest/plan", `{"format_version":"1.2"}`, nil, "query parameter workspace: missing"},
		"a path parameter that is not a UUID": {http.MethodGet, "/api/v1/drifts/invalid", "", nil, "path parameter id"},
		"a field too many":                    {http.MethodPost, "/api/v1/auth/login", `{"email":"a@example.com","password":"12345678","x":1}`, nil, "request body"},
		"a field too short":                   {http.MethodPost, "/api/v1/auth/login", `{"email":"a@example.com","password":"1234567"}`, nil, "/password"},
		"both ways to set a password":         {http.MethodPost, "/api/v1/auth/password", `{"token":"t","currentPassword":"12345678","newPassword":"12345678"}`, nil, "oneOf"},
		"no body":                             {http.MethodPost, "/api/v1/auth/login", "", nil, "request"},
		"another content type":                {http.MethodPost, "/api/v1/auth/login", "a=b", http.Header{"Content-Type": {"text/plain"}}, "Content-Type"},
		"a compressed body":                   {http.MethodPost, "/api/v1/ingest/plan?workspace=w", zipped.String(), http.Header{"Content-Encoding": {"gzip"}}, "format_version"},
		"a body that is not compressed":       {http.MethodPost, "/api/v1/ingest/plan?workspace=w", "{}", http.Header{"Content-Encoding": {"gzip"}}, "request body: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			fake, _ := do(t, t.Context(), refused, c.method, c.path, c.body, c.header)
			fake.expect(t, mistake)
			fake.expect(t, c.want)
		})
		t.Run(name+" on purpose", func(t *testing.T) {
			fake, _ := do(t, Invalid(t.Context()), refused, c.method, c.path, c.body, c.header)
			fake.expect(t, "")
		})
	}
	t.Run("the response to a wrong request is checked", func(t *testing.T) {
		fake, _ := do(t, Invalid(t.Context()), reply{400, nil, "{}"}, http.MethodGet, "/api/v1/drifts?limit=0", "", nil)
		fake.expect(t, "response body")
	})
	t.Run("a wrong request that succeeds fails", func(t *testing.T) {
		fake, _ := do(t, Invalid(t.Context()), reply{200, nil, success(drift)}, http.MethodPost, "/api/v1/drifts/"+driftID+"/approve", `{"reason":"short"}`, nil)
		fake.expect(t, "should have been refused")
	})
	t.Run("a success without credentials fails", func(t *testing.T) {
		fake, _ := do(t, t.Context(), reply{200, nil, success(`{"count":0}`)}, http.MethodGet, "/api/v1/alerts/unread-count", "", http.Header{"Authorization": nil})
		fake.expect(t, "a success without credentials")
	})
}

func TestTransport_LeavesTheExchangeAsItIs(t *testing.T) {
	got := ""
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
		reply{200, nil, success(drift)}.ServeHTTP(w, r)
	})
	const sent = `{"reason":"because I say so"}`
	fake, body := do(t, t.Context(), handler, http.MethodPost, "/api/v1/drifts/"+driftID+"/approve", sent, nil)
	fake.expect(t, "")
	if got != sent || body != success(drift) {
		t.Errorf("the server read %q, the client %q", got, body)
	}
}

func TestTransport_LeavesAnUpgradeOpen(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, buffer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprintf(buffer, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Correlation-ID: %s\r\n"+
			"Server-Timing: traceparent;desc=\"00-%s-00f067aa0ba902b7-01\"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: driftsentry.v1\r\n\r\nhello", traceID, traceID)
		_ = buffer.Flush()
	})
	fake, body := do(t, t.Context(), handler, http.MethodGet, "/ws", "", http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {"driftsentry.v1"},
	})
	fake.expect(t, "")
	if body != "hello" {
		t.Errorf("after the upgrade came %q", body)
	}
}

func TestCovered(t *testing.T) {
	if got := Covered("listWorkspaces"); len(got) > 0 {
		t.Fatalf("covered before it was used: %v", got)
	}
	do(t, t.Context(), reply{200, nil, success("null")}, http.MethodGet, "/api/v1/workspaces", "", nil)
	if got := Covered("listWorkspaces"); len(got) > 0 {
		t.Errorf("a wrong response counted: %v", got)
	}
	do(t, t.Context(), reply{200, nil, success("[]")}, http.MethodGet, "/api/v1/workspaces", "", nil)
	do(t, t.Context(), reply{401, nil, failure("AUTH_ERROR")}, http.MethodGet, "/api/v1/workspaces", "", nil)
	if got := Covered("listWorkspaces"); !slices.Equal(got, []int{200, 401}) {
		t.Errorf("covered = %v", got)
	}
}

func TestUnused(t *testing.T) {
	is := func(id string) func(Operation) bool { return func(op Operation) bool { return op.ID == id } }
	do(t, t.Context(), reply{401, nil, failure("AUTH_ERROR")}, http.MethodGet, "/api/v1/metrics/summary", "", nil)
	do(t, t.Context(), reply{200, nil, success(`{"count":0}`)}, http.MethodGet, "/api/v1/alerts/unread-count", "", nil)
	unused, err := Unused("api")
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"getMetricsSummary": true, "countUnreadAlerts": false, "openSocket": false} {
		if got := slices.ContainsFunc(unused, is(id)); got != want {
			t.Errorf("%s is unused: %v", id, got)
		}
	}
}
