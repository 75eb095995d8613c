package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/driftsentry/driftsentry/testkit/spec"
)

// generator makes one request.
type generator struct {
	*rand.Rand
	*hostile
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) send(ctx context.Context, op spec.Operation) (reply, error) {
	target := g.p.apiURL + g.path(op) + g.query(op)
	var body []byte
	if op.Method == http.MethodPost || op.Method == http.MethodPatch {
		body = g.body(op)
	} else if g.chance(10) {
		body = []byte(g.junk())
	}
	req, err := http.NewRequestWithContext(spec.Invalid(ctx), op.Method, target, bytes.NewReader(body))
	if err != nil {
		return reply{}, fmt.Errorf("%q: %w", target, err)
	}
	g.headers(req, op)
	resp, err := g.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	a := reply{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return reply{}, err
	}
	return readAnswer(a), nil
}

// path fills the path's parameters with existing or arbitrary values.
func (g *generator) path(op spec.Operation) string {
	return strings.NewReplacer("{id}", url.PathEscape(g.id(op)), "{name}", url.PathEscape(g.workspace())).Replace(op.Path)
}

func (g *generator) id(op spec.Operation) string {
	if g.chance(50) {
		switch {
		case strings.HasPrefix(op.Path, "/api/v1/users"):
			return g.victim
		case strings.HasPrefix(op.Path, "/api/v1/api-keys"):
			return pick(g, g.keys...)
		}
		return pick(g, g.drifts...)
	}
	return pick(g, "invalid", "00000000-0000-0000-0000-000000000000", "019a0000-0000-7000-8000-00000000000g",
		strings.ToUpper(g.drifts[0]), "{"+g.drifts[0]+"}", "..", "%00", "'; drop table drift; --", "1", strings.Repeat("9", 300), "ä\u202e", "x"+g.junk())
}

func (g *generator) workspace() string {
	return pick(g, "production", "default", "a/b", "unknown", "-", "..", "%00", "w\x00", strings.Repeat("w", 300), "x"+g.junk())
}

var parameters = map[string][]string{
	"page": {"1", "2", "0", "-1", "1e9", "9999999999999999999", "", "one", "1.5"}, "limit": {"20", "100", "101", "0", "-5", "x", "18446744073709551616"},
	"severity": {"critical", "critical,warning", "CRITICAL", "none", ",", "", strings.Repeat("info,", 200)}, "status": {"detected", "resolved", "open", "'"}, "workspace": {"production", "", "a/b", "\x00", strings.Repeat("w", 300)},
	"resourceType": {"aws_instance", "%", "_"}, "region": {"eu-west-1", "\\"}, "search": {"web", "%", "_", "\\", "'", "\x00", "\xff", strings.Repeat("s", 5000)},
	"sortBy": {"createdAt", "severity", "noise", "overdue", "created_at; drop table drift", "id"}, "sortOrder": {"asc", "desc", "up"}, "days": {"30", "0", "366", "-1", "x"},
	"after": {"", "x", "a:1", ":", "e:99999999999999999999", "\x00:1"}, "driftId": {"invalid", "00000000-0000-0000-0000-000000000000"}, "isRead": {"true", "maybe"},
	"type": {"drift_detected", "x"}, "actorId": {"x"}, "action": {"drift.approved", "\x00"}, "scope": {"full", "partial", "some"}, "include": {"changes", "states", "all", "states,states"},
	"owner": {"team-network", "a,b", "\x00", strings.Repeat("o", 300)}, "group": {"0190a000-0000-7000-8000-000000000001", "x"}, "suppressed": {"any", "x"}, "format": {"csv", "ndjson", "xml"},
	"open": {"true", "false", "1"}, "origin": {"plan", "manual,change", "x"}, "provider": {"registry.terraform.io/hashicorp/aws", "%", "\x00"},
	"archived": {"true", "false", "no"}, "before": {"019a0000-0000-7000-8000-000000000000", "x", "\x00"},
	"cursor": {"", "x", "AAAA", "bnVsbA", "\x00", strings.Repeat("c", 3000)},
	"from":   {"2026-03-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+23:59", "yesterday"}, "to": {"2026-03-01T00:00:00Z", "\x00"},
	"mode": {"refresh-only", "normal", "destroy", "other"}, "refreshed": {"true", "false", "1"}, "purpose": {"record", "preview", "none"},
	"ref": {"main", "refs/heads/main", "a\nb", "\xff", strings.Repeat("r", 300)}, "commit": {"4f0c2a9", "a/b", strings.Repeat("c", 65)},
	"runUrl":      {"https://ci.example.com/1", "javascript:alert(1)", "https://u:p@ci.example.com/", "http://", strings.Repeat("u", 3000)},
	"triggeredBy": {"schedule", "\x1b[2J", strings.Repeat("t", 300)},
	"returnTo":    {"/", "/drifts", "//evil.example", "https://evil.example", "/\\evil.example", "\x00"},
	"code":        {"x", "", strings.Repeat("c", 5000)}, "state": {"x", "\xff"}, "iss": {"https://evil.example"}, "session_state": {"x"},
	"error": {"access_denied", "\x00"}, "error_description": {"\x1b[2J"}, "error_uri": {"javascript:alert(1)"},
	"by":      {"type", "workspace", "owner", "rule", "by", "\x00"},
	"unknown": {"1"}, "": {""}, "page[]": {"1"},
}

func (g *generator) query(op spec.Operation) string {
	values := url.Values{}
	if (op.ID == "ingestPlan" || op.ID == "ingestFailure") && g.chance(80) {
		values.Set("workspace", pick(g, "production", "staging", "w-"+strconv.Itoa(g.IntN(5))))
	}
	for _, name := range op.Query {
		if op.ID != "ingestPlan" && g.chance(30) {
			values.Add(name, pick(g, parameters[name]...))
		}
	}
	if g.chance(7) {
		names := slices.Sorted(maps.Keys(parameters))
		for range 1 + g.IntN(3) {
			name := pick(g, names...)
			values.Add(name, pick(g, parameters[name]...))
		}
	}
	query := values.Encode()
	if g.chance(3) {
		query += pick(g, "&%zz=1", "&a=%", ";b=1", "&"+strings.Repeat("x=1&", 500))
	}
	if query == "" {
		return ""
	}
	return "?" + query
}

// valid are bodies with which the operation would succeed, or almost.
func (g *generator) valid(op spec.Operation) any {
	switch op.ID {
	case "login":
		return map[string]any{"email": pick(g, "viewer@acme.example", "nobody@acme.example"), "password": "wrong-password"}
	case "refresh", "logout":
		return map[string]any{"refreshToken": pick(g, "dsr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x")}
	case "setPassword":
		return map[string]any{"token": "dss_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "newPassword": "a-new-password"}
	case "createUser":
		return map[string]any{"email": fmt.Sprintf("user%d@acme.example", g.IntN(1000)), "name": "A User", "role": pick(g, "viewer", "engineer", "king")}
	case "updateUser":
		return map[string]any{"name": "Renamed", "isActive": g.chance(50)}
	case "updateWorkspace":
		return map[string]any{"recordRef": pick[any](g, "main", nil, "", "a b", 1), "acceptRoot": pick[any](g, true, false, nil, "x")}
	case "createApiKey":
		return map[string]any{"name": "key", "scope": pick(g, "ingest", "all"), "expiresAt": pick(g, "2030-01-01T00:00:00Z", "2001-01-01T00:00:00Z", "soon")}
	case "createDrift":
		return map[string]any{
			"resourceId": fmt.Sprintf("aws_instance.n%d", g.IntN(500)), "resourceType": "aws_instance", "region": "eu-west-1",
			"expectedState": map[string]any{"type": "t3.micro"}, "actualState": map[string]any{"type": pick[any](g, "t3.large", "t3.micro", nil, []any{1.5, map[string]any{"a": true}})},
			"severity": pick(g, "critical", "info", "urgent"), "costImpactMonthly": pick[any](g, 12.5, -3, 1e300, "much", 0),
		}
	case "ingestFailure":
		return map[string]any{"reason": pick[any](g, "terraform init failed", "", strings.Repeat("r", 1001), 1), "runUrl": pick[any](g, "https://ci.example.com/1", nil, "ftp://x")}
	case "approveDrift", "rejectDrift", "triageDrift", "resolveDrift":
		body := map[string]any{"version": pick[any](g, 1, 2, 0, -1, "1", 1<<40)}
		if op.ID == "approveDrift" || op.ID == "rejectDrift" {
			body["reason"] = pick(g, "a good enough reason", "short", strings.Repeat("r", 1001))
		}
		if op.ID == "resolveDrift" {
			body["resolvedHow"] = pick(g, "manual-fix", "acknowledged", "magic")
		}
		return body
	}
	return map[string]any{}
}

// body is a valid one, or one that was broken.
func (g *generator) body(op spec.Operation) []byte {
	var body []byte
	if op.ID == "ingestPlan" {
		body = slices.Clone(g.plan)
	} else {
		body, _ = json.Marshal(g.valid(op))
	}
	if g.chance(40) {
		return body
	}
	switch g.IntN(12) {
	case 0:
		return nil
	case 1:
		return body[:g.IntN(len(body))]
	case 2: // bytes flipped
		for range 1 + g.IntN(5) {
			body[g.IntN(len(body))] = byte(g.IntN(256))
		}
		return body
	case 3:
		return []byte(strings.Repeat("[", 1+g.IntN(20_000)))
	case 4:
		return []byte(strings.Repeat(`{"a":`, 1+g.IntN(5000)) + "1" + strings.Repeat("}", g.IntN(5000)))
	case 5: // every value replaced
		return g.replaceValues(body)
	case 6:
		return append(body, body...)
	case 7:
		return bytes.Replace(body, []byte(`"`), []byte("\"\\u0000"), 1+g.IntN(3))
	case 8:
		return bytes.Replace(body, []byte(`:"`), []byte(":\"\xff\xfe"), 1)
	case 9: // over the limit of a JSON body
		if g.chance(10) {
			return []byte(`{"reason":"` + strings.Repeat("x", 1<<20) + `"}`)
		}
		return []byte(`{"unknown":1}`)
	case 10:
		return []byte(pick(g, "null", "true", "1", `"text"`, "[]", "{}", "NaN", "{'a':1}", "\ufeff{}", "<xml/>"))
	default:
		return []byte(g.junk())
	}
}

// replaceValues puts something else in the place of each value of an object.
func (g *generator) replaceValues(body []byte) []byte {
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	for name := range fields {
		if g.chance(60) {
			fields[name] = pick[any](g, nil, true, 0, -1, 1e308, "", strings.Repeat("ä", 2000), []any{}, map[string]any{}, g.junk(), []any{[]any{[]any{}}})
		}
	}
	out, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return out
}

func (g *generator) junk() string {
	b := make([]byte, g.IntN(64))
	for i := range b {
		b[i] = byte(g.IntN(256))
	}
	return string(b)
}

func (g *generator) headers(req *http.Request, op spec.Operation) {
	req.Header.Set("Content-Type", pick(g, "application/json", "application/json", "application/json", "application/json; charset=utf-8", "text/plain", ""))
	if !g.chance(20) {
		req.Header.Set("Content-Type", "application/json")
	}
	g.authorize(req, op)
	if g.chance(20) {
		req.Header.Set("traceparent", pick(g, newTraceparent().String(), "00-0-0-00", "ff-"+random()+"-"+random()[:16]+"-01", strings.Repeat("0", 200), "00-"+strings.Repeat("0", 32)+"-"+strings.Repeat("0", 16)+"-01"))
	}
	if g.chance(20) {
		req.Header.Set("X-Correlation-ID", pick(g, random(), "my-request", strings.Repeat("c", 500), "<script>", "%0a", strings.Repeat("0", 32)))
	}
	if g.chance(8) {
		key := "key-" + strconv.Itoa(g.IntN(5000))
		req.Header.Set("Idempotency-Key", pick(g, key, key, key, "key", strings.Repeat("k", 1000), "\t", "ü"))
	}
	if g.chance(15) {
		req.Header.Set("X-Forwarded-For", pick(g, "1.2.3.4", "::1", "unknown", strings.Repeat("1.1.1.1,", 300), "1.2.3.4:99999"))
	}
	if g.chance(10) {
		req.Header.Set("Origin", pick(g, "https://app.example", "https://evil.example", "null", "\\"))
	}
	if g.chance(5) {
		req.Host = pick(g, "evil.example", "[::1", "a b", strings.Repeat("h", 300))
	}
	if g.chance(10) {
		encoding := pick(g, "gzip", "gzip", "br", "deflate", "gzip, gzip", "identity")
		req.Header.Set("Content-Encoding", encoding)
		if encoding == "gzip" && g.chance(50) && req.ContentLength > 0 {
			g.compress(req)
		}
	}
}

func (g *generator) compress(req *http.Request) {
	var original, packed bytes.Buffer
	if _, err := original.ReadFrom(req.Body); err != nil {
		return
	}
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(original.Bytes())
	_ = z.Close()
	body := packed.Bytes()
	if g.chance(30) {
		body = body[:g.IntN(len(body))]
	}
	req.Body, req.ContentLength, req.GetBody = http.NoBody, int64(len(body)), nil
	if len(body) > 0 {
		req.Body = nopCloser{bytes.NewReader(body)}
	}
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// authorize gives seven of ten requests the credentials that they need.
func (g *generator) authorize(req *http.Request, op spec.Operation) {
	token := g.tokens["admin"]
	if len(op.Roles) > 0 && !slices.Contains(op.Roles, "admin") {
		token = g.tokens[op.Roles[0]]
	}
	if !g.chance(70) {
		token = pick(g, "", "x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", "ds_"+strings.Repeat("A", 64), "ds_", strings.Repeat("t", 5000),
			g.tokens["viewer"], g.tokens["api_key"], g.tokens["engineer"])
	}
	if token != "" {
		req.Header.Set("Authorization", pick(g, "Bearer ", "Bearer ", "Bearer ", "bearer ", "Basic ")+token)
	}
	if g.chance(85) && token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
}
