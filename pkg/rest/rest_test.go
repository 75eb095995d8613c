package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

type envelope struct {
	Success bool
	Data    json.RawMessage
	Error   struct {
		Code, Message, TraceID, Timestamp string
		Details                           *struct {
			Errors []apierror.Field
			Reason string
		}
	}
}

// serve handles one request behind the telemetry middleware, as both services do.
func serve(t *testing.T, h http.Handler, r *http.Request) (*http.Response, envelope, *telemetrytest.Recorder) {
	t.Helper()
	recorder := telemetrytest.Start(t)
	w := httptest.NewRecorder()
	recorder.HTTP(telemetry.HTTPOptions{Panic: rest.Panic})(h).ServeHTTP(w, r)
	resp := w.Result()
	t.Cleanup(func() { _ = resp.Body.Close() })
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return resp, e, recorder
}

func get(t *testing.T) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/thing", http.NoBody)
}

func failing(err error) rest.Handler {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

func TestError(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
		retry  string
	}{
		"validation":  {apierror.InvalidField("reason", "is too short"), 400, "VALIDATION_ERROR", ""},
		"auth":        {apierror.New(apierror.Unauthenticated, "sign in"), 401, "AUTH_ERROR", ""},
		"forbidden":   {apierror.New(apierror.Forbidden, "admins only"), 403, "FORBIDDEN", ""},
		"not found":   {apierror.New(apierror.NotFound, "no such drift"), 404, "NOT_FOUND", ""},
		"method":      {apierror.New(apierror.MethodNotAllowed, "no"), 405, "METHOD_NOT_ALLOWED", ""},
		"conflict":    {apierror.New(apierror.Conflict, "decided"), 409, "CONFLICT", ""},
		"too large":   {apierror.New(apierror.TooLarge, "long"), 413, "PAYLOAD_TOO_LARGE", ""},
		"headers":     {apierror.New(apierror.HeadersTooLarge, "long"), 431, "HEADERS_TOO_LARGE", ""},
		"media type":  {apierror.New(apierror.UnsupportedMedia, "xml"), 415, "UNSUPPORTED_MEDIA_TYPE", ""},
		"rate limit":  {&apierror.Error{Kind: apierror.RateLimited, Message: "slow down", RetryAfter: 1500 * time.Millisecond}, 429, "RATE_LIMIT_EXCEEDED", "2"},
		"internal":    {errors.New("password=hunter2 refused by 10.0.0.1"), 500, "INTERNAL_SERVER_ERROR", ""},
		"unavailable": {apierror.New(apierror.Unavailable, "the database is not available"), 503, "SERVICE_UNAVAILABLE", "2"},
		"timeout":     {context.DeadlineExceeded, 504, "TIMEOUT", ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp, e, _ := serve(t, failing(c.err), get(t))
			if resp.StatusCode != c.status || e.Error.Code != c.code || e.Success {
				t.Errorf("status %d, body %+v", resp.StatusCode, e)
			}
			if got := resp.Header.Get("Retry-After"); got != c.retry {
				t.Errorf("Retry-After = %q, want %q", got, c.retry)
			}
			if id := resp.Header.Get("X-Correlation-ID"); len(id) != 32 || e.Error.TraceID != id {
				t.Errorf("traceId %q, X-Correlation-ID %q", e.Error.TraceID, id)
			}
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", e.Error.Timestamp); err != nil {
				t.Error(err)
			}
			if strings.Contains(e.Error.Message, "hunter2") || strings.Contains(e.Error.Message, "10.0.0.1") {
				t.Errorf("the response reveals the cause: %q", e.Error.Message)
			}
		})
	}
	t.Run("a field is named", func(t *testing.T) {
		_, e, _ := serve(t, failing(apierror.InvalidField("reason", "is too short")), get(t))
		if e.Error.Details == nil || len(e.Error.Details.Errors) != 1 || e.Error.Details.Errors[0] != (apierror.Field{Field: "reason", Message: "is too short"}) {
			t.Errorf("details = %+v", e.Error.Details)
		}
	})
	t.Run("the reason of refused credentials is named", func(t *testing.T) {
		for err, want := range map[error]struct{ reason, challenge string }{
			apierror.Refuse(apierror.Missing, "sign in"):           {"missing", "Bearer"},
			apierror.Refuse(apierror.WrongCredentials, "no"):       {"credentials", "Bearer"},
			apierror.Refuse(apierror.Expired, "too late"):          {"expired", `Bearer error="invalid_token", error_description="expired"`},
			apierror.Wrap(apierror.Unauthenticated, nil, "no, no"): {"invalid", `Bearer error="invalid_token", error_description="invalid"`},
		} {
			resp, e, _ := serve(t, failing(err), get(t))
			if got := resp.Header.Get("WWW-Authenticate"); got != want.challenge || e.Error.Details == nil || e.Error.Details.Reason != want.reason || e.Error.Details.Errors != nil {
				t.Errorf("%v: %q, %+v", err, got, e.Error.Details)
			}
		}
	})
	t.Run("details are null without fields", func(t *testing.T) {
		if _, e, _ := serve(t, failing(apierror.New(apierror.NotFound, "no")), get(t)); e.Error.Details != nil {
			t.Errorf("details = %+v", e.Error.Details)
		}
	})
	t.Run("a panic is an internal error with the same envelope", func(t *testing.T) {
		resp, e, _ := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }), get(t))
		if resp.StatusCode != 500 || e.Error.Code != "INTERNAL_SERVER_ERROR" || e.Error.TraceID != resp.Header.Get("X-Correlation-ID") {
			t.Errorf("status %d, body %+v", resp.StatusCode, e)
		}
	})
	t.Run("whatever fails after the client went away is the client's", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		resp, _, _ := serve(t, failing(errors.New("connection torn")), get(t).WithContext(ctx))
		if resp.StatusCode != rest.StatusClientClosedRequest {
			t.Errorf("status = %d", resp.StatusCode)
		}
	})
}

// Mutations: an unknown method without a look at the path; HEAD asked of the router as it is.
func TestMethodNotAllowed(t *testing.T) {
	r := chi.NewRouter()
	r.NotFound(rest.NotFound)
	r.MethodNotAllowed(rest.MethodNotAllowed)
	r.Get("/thing/{id}", func(http.ResponseWriter, *http.Request) {})
	r.Post("/thing/{id}", func(http.ResponseWriter, *http.Request) {})
	for _, c := range []struct {
		method, path string
		status       int
		allow        []string
	}{
		{http.MethodDelete, "/thing/1", http.StatusMethodNotAllowed, []string{"GET, HEAD, POST"}},
		{http.MethodOptions, "/thing/1", http.StatusMethodNotAllowed, []string{"GET, HEAD, POST"}},
		{"FOO", "/thing/a%2Fb", http.StatusMethodNotAllowed, []string{"GET, HEAD, POST"}},
		{"FOO", "/nothing", http.StatusNotFound, nil},
		{"FOO", "/thing/1/more", http.StatusNotFound, nil},
		{http.MethodDelete, "/nothing", http.StatusNotFound, nil},
	} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.path, http.NoBody))
		if got := w.Header().Values("Allow"); w.Code != c.status || !slices.Equal(got, c.allow) {
			t.Errorf("%s %s: %d, Allow %v", c.method, c.path, w.Code, got)
		}
	}
}

func TestDecode(t *testing.T) {
	type input struct {
		Reason string    `json:"reason"`
		Cost   *int      `json:"cost"`
		ID     uuid.UUID `json:"id"`
	}
	for name, c := range map[string]struct {
		body, contentType string
		status            int
		message           string
	}{
		"good":                 {`{"reason":"fine"}`, "application/json; charset=utf-8", 200, ""},
		"unknown field":        {`{"reason":"x","why":1}`, "application/json", 400, "why: is not a field"},
		"another spelling":     {`{"Reason":"x"}`, "application/json", 400, "Reason: is not a field"},
		"a field twice":        {`{"reason":"x","reason":"y"}`, "application/json", 400, "reason: is duplicated in the body"},
		"wrong form":           {`{"id":"1"}`, "application/json", 400, "id: has the wrong form"},
		"wrong type":           {`{"cost":"much"}`, "application/json", 400, "cost: has the wrong type"},
		"null":                 {`null`, "application/json", 400, "null"},
		"no object":            {`[]`, "application/json", 400, "must be a JSON object"},
		"broken":               {`{"reason":}`, "application/json", 400, "not valid JSON, at byte"},
		"cut off":              {`{"reason":"x`, "application/json", 400, "is incomplete"},
		"empty":                {"", "application/json", 400, "empty"},
		"two values":           {`{} {}`, "application/json", 400, "more than one"},
		"NUL":                  {`{"reason":"a\u0000b"}`, "application/json", 400, "NUL"},
		"invalid UTF-8":        {"{\"reason\":\"\xff\"}", "application/json", 400, "UTF-8"},
		"another content type": {`{}`, "text/plain", 415, `must be application/json, not "text/plain"`},
		"a malformed type":     {`{}`, "application/json;;\xff" + strings.Repeat("x", 100), 415, "not \"application/json;;xxx"},
		"the type of a form":   {`{}`, "application/x-www-form-urlencoded", 415, "not that of a form, which curl sends by default: add -H"},
		"no content type":      {`{}`, "", 415, "none was sent: with curl, add -H 'Content-Type: application/json'"},
		"a byte order mark":    {"\xef\xbb\xbf" + `{"reason":"fine"}`, "application/json", 400, "a byte order mark"},
		"UTF-16":               {"\xff\xfe{\x00}\x00", "application/json", 400, "UTF-16"},
		"UTF-16 without mark":  {"{\x00}\x00", "application/json", 400, "UTF-16"},
		"UTF-32":               {"{\x00\x00\x00}\x00\x00\x00", "application/json", 400, "UTF-32"},
		"gzip":                 {"\x1f\x8b\x08", "application/json", 400, "compressed"},
		"the text of a form":   {"reason=x&cost=1", "application/json", 400, "the text of a form"},
		"HTML":                 {"<html>", "application/json", 400, "HTML"},
		"in quotes":            {`'{"reason":"x"}'`, "application/json", 400, "single quotes"},
		"the name of a file":   {"@body.json", "application/json", 400, "--data-binary @FILE"},
		"too long":             {`{"reason":"` + strings.Repeat("x", rest.MaxBody) + `"}`, "application/json", 413, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/thing", strings.NewReader(c.body))
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			resp, e, _ := serve(t, rest.Handler(func(w http.ResponseWriter, r *http.Request) error {
				var in input
				if err := rest.Decode(w, r, &in); err != nil {
					return err
				}
				return rest.OK(w, in)
			}), r)
			if resp.StatusCode != c.status || !strings.Contains(e.Error.Message, c.message) {
				t.Errorf("status %d, message %q", resp.StatusCode, e.Error.Message)
			}
		})
	}
}

func TestDecode_compressed(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/thing", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	resp, _, _ := serve(t, rest.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return rest.Decode(w, r, &struct{}{})
	}), r)
	if resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("status = %d", resp.StatusCode)
	}
}

func TestCORS(t *testing.T) {
	h := rest.CORS([]string{"https://app.example"})(rest.Handler(func(w http.ResponseWriter, _ *http.Request) error { return rest.OK(w, nil) }))
	request := func(method, origin string) http.Header {
		r := httptest.NewRequestWithContext(t.Context(), method, "/thing", http.NoBody)
		r.Header.Set("Origin", origin)
		if method == http.MethodOptions {
			r.Header.Set("Access-Control-Request-Method", http.MethodPost)
			r.Header.Set("Access-Control-Request-Headers", "authorization,idempotency-key,traceparent,x-correlation-id")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Header()
	}
	t.Run("an origin on the list", func(t *testing.T) {
		got := request(http.MethodGet, "https://app.example")
		if got.Get("Access-Control-Allow-Origin") != "https://app.example" || got.Get("Timing-Allow-Origin") != "https://app.example" {
			t.Errorf("headers = %v", got)
		}
		for _, name := range []string{"X-Correlation-Id", "Server-Timing", "Retry-After"} {
			if !strings.Contains(strings.ToLower(got.Get("Access-Control-Expose-Headers")), strings.ToLower(name)) {
				t.Errorf("%s is not exposed: %v", name, got)
			}
		}
	})
	t.Run("its preflight allows our headers", func(t *testing.T) {
		got := request(http.MethodOptions, "https://app.example")
		if got.Get("Access-Control-Allow-Headers") == "" || got.Get("Access-Control-Allow-Methods") == "" {
			t.Errorf("headers = %v", got)
		}
	})
	t.Run("another origin gets nothing", func(t *testing.T) {
		for _, origin := range []string{"https://evil.example", "https://app.example.evil.example", "null"} {
			if got := request(http.MethodGet, origin); got.Get("Access-Control-Allow-Origin") != "" || got.Get("Timing-Allow-Origin") != "" {
				t.Errorf("%s: headers = %v", origin, got)
			}
		}
	})
}

func TestNewPage(t *testing.T) {
	for _, c := range []struct {
		total, page, size int
		want              rest.Pagination
	}{
		{0, 1, 20, rest.Pagination{Total: 0, Page: 1, PageSize: 20, TotalPages: 0, HasMore: false}},
		{20, 1, 20, rest.Pagination{Total: 20, Page: 1, PageSize: 20, TotalPages: 1, HasMore: false}},
		{21, 1, 20, rest.Pagination{Total: 21, Page: 1, PageSize: 20, TotalPages: 2, HasMore: true}},
		{21, 2, 20, rest.Pagination{Total: 21, Page: 2, PageSize: 20, TotalPages: 2, HasMore: false}},
	} {
		if got := rest.NewPage[int](nil, c.total, c.page, c.size); got.Pagination != c.want || got.Items == nil {
			t.Errorf("NewPage(%d, %d, %d) = %+v", c.total, c.page, c.size, got)
		}
	}
}

func TestCORS_without_origins_allows_nobody(t *testing.T) {
	h := rest.CORS(nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.Header.Set("Origin", "https://app.example")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("Access-Control-Allow-Origin = %q", got)
	}
}
