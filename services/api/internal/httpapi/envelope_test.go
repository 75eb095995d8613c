package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// TestErrors: the envelope says what a client got wrong, with the trace that it can name.
func TestErrors(t *testing.T) {
	api := apitest.Start(t)
	approve := "/api/v1/drifts/" + uuid.NewString() + "/approve"
	for name, c := range map[string]struct {
		client       *apitest.Client
		method, path string
		body         any
		headers      []string
		status       int
		code, field  string
	}{
		"no such path":              {api.Anonymous, http.MethodGet, "/nothing", nil, nil, 404, "NOT_FOUND", ""},
		"no such path below /api":   {api.Admin, http.MethodGet, "/api/v1/nothing", nil, nil, 404, "NOT_FOUND", ""},
		"no such method":            {api.Admin, http.MethodDelete, "/api/v1/drifts", nil, nil, 405, "METHOD_NOT_ALLOWED", ""},
		"an unknown method":         {api.Admin, "BREW", "/api/v1/drifts", nil, nil, 405, "METHOD_NOT_ALLOWED", ""},
		"PUT":                       {api.Admin, http.MethodPut, "/api/v1/users", []byte("{}"), nil, 405, "METHOD_NOT_ALLOWED", ""},
		"a body over a mebibyte":    {api.Admin, http.MethodPost, "/api/v1/users", []byte(`{"email":"` + strings.Repeat("a", 1<<20) + `"}`), nil, 413, "PAYLOAD_TOO_LARGE", ""},
		"not JSON by its type":      {api.Admin, http.MethodPost, "/api/v1/users", []byte("{}"), []string{"Content-Type", "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE", ""},
		"no type":                   {api.Admin, http.MethodPost, "/api/v1/users", []byte("{}"), []string{"Content-Type", ""}, 415, "UNSUPPORTED_MEDIA_TYPE", ""},
		"not JSON":                  {api.Anonymous, http.MethodPost, "/api/v1/auth/login", []byte("{'email'}"), nil, 400, "VALIDATION_ERROR", ""},
		"JSON that breaks off":      {api.Anonymous, http.MethodPost, "/api/v1/auth/login", []byte(`{"email":`), nil, 400, "VALIDATION_ERROR", ""},
		"no body":                   {api.Anonymous, http.MethodPost, "/api/v1/auth/login", []byte(""), nil, 400, "VALIDATION_ERROR", ""},
		"null":                      {api.Anonymous, http.MethodPost, "/api/v1/auth/login", []byte("null"), nil, 400, "VALIDATION_ERROR", ""},
		"a list":                    {api.Anonymous, http.MethodPost, "/api/v1/auth/login", []byte("[]"), nil, 400, "VALIDATION_ERROR", ""},
		"a second value":            {api.Anonymous, http.MethodPost, "/api/v1/auth/login", []byte("{}{}"), nil, 400, "VALIDATION_ERROR", ""},
		"an unknown field":          {api.Admin, http.MethodPost, "/api/v1/users", map[string]any{"email": "a@b.example", "isAdmin": true}, nil, 400, "VALIDATION_ERROR", "isAdmin"},
		"a wrong type":              {api.Admin, http.MethodPost, "/api/v1/users", map[string]any{"email": 1}, nil, 400, "VALIDATION_ERROR", "email"},
		"a NUL character":           {api.Admin, http.MethodPost, "/api/v1/users", map[string]any{"email": "a@b.example", "name": "a\x00b", "role": "viewer"}, nil, 400, "VALIDATION_ERROR", ""},
		"invalid UTF-8":             {api.Admin, http.MethodPost, "/api/v1/users", []byte("{\"name\":\"\xff\"}"), nil, 400, "VALIDATION_ERROR", ""},
		"an unknown parameter":      {api.Admin, http.MethodGet, "/api/v1/users?sort=name", nil, nil, 400, "VALIDATION_ERROR", "sort"},
		"a parameter where none is": {api.Anonymous, http.MethodPost, "/api/v1/auth/login?next=/", map[string]string{"email": "a@b.example", "password": "long enough"}, nil, 400, "VALIDATION_ERROR", "next"},
		"a malformed query":         {api.Admin, http.MethodGet, "/api/v1/users?page=%zz", nil, nil, 400, "VALIDATION_ERROR", ""},
		"a page too far":            {api.Admin, http.MethodGet, "/api/v1/users?page=101&limit=100", nil, nil, 400, "VALIDATION_ERROR", "page"},
		"a bad id":                  {api.Admin, http.MethodPatch, "/api/v1/users/1", map[string]string{"name": "x"}, nil, 400, "VALIDATION_ERROR", "id"},
		"an id in braces":           {api.Admin, http.MethodDelete, "/api/v1/api-keys/%7B" + uuid.NewString() + "%7D", nil, nil, 400, "VALIDATION_ERROR", "id"},
		"no credentials come first": {api.Anonymous, http.MethodPost, approve, []byte("{"), []string{"Content-Type", "text/plain"}, 401, "AUTH_ERROR", ""},
		"a role that is too low":    {api.Viewer, http.MethodPost, approve, []byte("{"), nil, 403, "FORBIDDEN", ""},
		"null for a value":          {api.Admin, http.MethodPatch, "/api/v1/users/" + uuid.NewString(), []byte(`{"name":null,"isActive":true}`), nil, 400, "VALIDATION_ERROR", ""},
		"nothing to change":         {api.Admin, http.MethodPatch, "/api/v1/users/" + uuid.NewString(), struct{}{}, nil, 400, "VALIDATION_ERROR", ""},
		"an expiry in the past":     {api.Admin, http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "k", "scope": "ingest", "expiresAt": "2001-01-01T00:00:00Z"}, nil, 400, "VALIDATION_ERROR", "expiresAt"},
		"an expiry that is none":    {api.Admin, http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "k", "scope": "ingest", "expiresAt": "soon"}, nil, 400, "VALIDATION_ERROR", ""},
		"another scope":             {api.Admin, http.MethodPost, "/api/v1/api-keys", map[string]any{"name": "k", "scope": "admin"}, nil, 400, "VALIDATION_ERROR", "scope"},
		"both ways to a password":   {api.Admin, http.MethodPost, "/api/v1/auth/password", map[string]string{"token": "a", "currentPassword": "long enough", "newPassword": "long enough"}, nil, 400, "VALIDATION_ERROR", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.client.Wrong().Do(c.method, c.path, c.body, c.headers...)
			if a.Status != c.status || a.Error.Code != c.code {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			if a.Error.TraceID == "" || a.Error.TraceID != a.Correlation() {
				t.Errorf("traceId %q, X-Correlation-ID %q", a.Error.TraceID, a.Correlation())
			}
			if c.field == "" {
				return
			}
			if a.Error.Details == nil || a.Error.Details.Errors[0].Field != c.field {
				t.Errorf("details of %s: %+v", c.field, a.Error.Details)
			}
		})
	}
	t.Run("405 names the allowed methods", func(t *testing.T) {
		a := api.Admin.Wrong().Do(http.MethodPut, "/api/v1/users", nil)
		if got := a.Header.Get("Allow"); got != "GET, HEAD, POST" {
			t.Errorf("Allow = %q", got)
		}
	})
	t.Run("all problems of an input are reported together", func(t *testing.T) {
		a := api.Admin.Wrong().Post("/api/v1/users", map[string]string{"email": "nobody", "name": "", "role": "king"}).Want(400)
		if a.Error.Details == nil || len(a.Error.Details.Errors) != 3 {
			t.Errorf("details: %s", a.Body)
		}
	})
}

func TestHealthAndMetrics(t *testing.T) {
	api := apitest.Start(t)
	api.Telemetry.Reset()
	for _, path := range []string{"/health/live", "/health/ready", "/health/detailed", "/metrics"} {
		if a := api.Anonymous.Get(path).Want(200); a.Correlation() == "" {
			t.Errorf("%s has no X-Correlation-ID", path)
		}
	}
	for _, s := range api.Telemetry.Spans() {
		if strings.Contains(s.Name, "GET") {
			t.Errorf("a probe has the span %s", s.Name)
		}
	}
	for _, line := range api.Telemetry.Logs() {
		if line["msg"] == "request" {
			t.Errorf("a probe has an access line: %v", line)
		}
	}
	if strings.Contains(api.Telemetry.Metrics(), `path="/health/live"`) {
		t.Error("a probe is counted")
	}
}

func TestCORS(t *testing.T) {
	api := apitest.Start(t)
	a := api.Anonymous.Do(http.MethodOptions, "/api/v1/drifts", nil, "Origin", "https://app.example",
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,idempotency-key,traceparent,x-correlation-id")
	if a.Status != http.StatusNoContent || a.Header.Get("Access-Control-Allow-Origin") != "https://app.example" || a.Header.Get("Access-Control-Allow-Headers") == "" {
		t.Errorf("preflight: %d %v", a.Status, a.Header)
	}
	a = api.Viewer.Get("/api/v1/drifts", "Origin", "https://app.example").Want(200)
	exposed := strings.ToLower(a.Header.Get("Access-Control-Expose-Headers"))
	for _, name := range []string{"x-correlation-id", "server-timing", "retry-after"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("%s is not exposed: %q", name, exposed)
		}
	}
	if a.Header.Get("Timing-Allow-Origin") != "https://app.example" {
		t.Errorf("Timing-Allow-Origin = %q", a.Header.Get("Timing-Allow-Origin"))
	}
	a = api.Viewer.Get("/api/v1/drifts", "Origin", "https://evil.example").Want(200)
	if a.Header.Get("Access-Control-Allow-Origin") != "" || a.Header.Get("Timing-Allow-Origin") != "" {
		t.Errorf("another origin is allowed: %v", a.Header)
	}
}
