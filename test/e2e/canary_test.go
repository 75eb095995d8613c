package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/test/internal/loopback"
	"github.com/driftsentry/driftsentry/testkit/doctable"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// allowance is the places where a canary may be, and must be, or the list is not true any more; and why.
type allowance struct {
	places []string
	why    string
}

// mayBe lists them, by canary. One that is not here must be found nowhere.
var mayBe = map[string]allowance{
	"drift's state":        {[]string{"database", "responses"}, "not a secret by name, mask or similarity: users compare it"},
	"reason of a decision": {[]string{"database", "frames", "responses"}, "written for other users"},
	"user's name":          {[]string{"database", "responses"}, "shown to the account's users"},
	"key's name":           {[]string{"database", "responses"}, "shown to the account's users"},
	"workspace":            {[]string{"OTLP logs", "api log file", "api stdout", "database", "frames", "responses"}, "the name that CI chose"},
	"Idempotency-Key":      {[]string{"database"}, "finds a repeated request; it grants no access"},
	"X-Correlation-ID":     {[]string{"OTLP logs", "api log file", "api stdout", "spans"}, "the caller's own ID of the request"},
	"User-Agent":           {[]string{"spans"}, "identifies the client"},
	"User-Agent, sign-in":  {[]string{"database", "responses", "spans"}, "tells the user's sessions apart"},
	"Host":                 {[]string{"spans"}, "identifies the host name that was used"},
	"path":                 {[]string{"OTLP logs", "api log file", "api stdout", "spans"}, "identifies the resource"},
	"id of a frame":        {[]string{"frames"}, "the response names the frame it belongs to"},
	"unknown field's name": {[]string{"OTLP logs", "api log file", "api stdout", "responses"}, "the error names the field"},
	"key of SENTRY_DSN":    {[]string{"Sentry's receiver"}, "Sentry's own key, on each envelope to that Sentry"},
}

// TestAttackSecrets plants a secret of its own in every field that a caller controls and every place where
// configuration can hold one, runs what the pair does with errors, slow requests and a database that complains, all at
// trace level, and searches everything that came out. The list above is in docs/security.md. A panic can't be provoked
// in the programs: TestAttackPanicWithSecrets of package telemetry has one.
//
// Mutations: config.Secret that prints; Idempotency-Key, Authorization or a query on the access line; PgError's Detail
// in the error's text; plan.Read without masks. Without the redactor's key terms nothing gets out here, for nothing is
// logged under such a key: they are the second line of defence.
func TestAttackSecrets(t *testing.T) {
	canaries := map[string]string{}
	plant := func(name string) string {
		if canaries[name] == "" {
			canaries[name] = "canary-" + random()
		}
		return canaries[name]
	}
	dsn := pgtest.DSN(t)
	withPassword := loginRole(t, dsn, plant("password of DATABASE_URL"), "superuser")
	log := filepath.Join(t.TempDir(), "log")
	p := startPair(t, dsn, unlimited...)
	p.stop()
	sentry := strings.Replace(p.sentry.DSN(), "public@", strings.ReplaceAll(plant("key of SENTRY_DSN"), "-", "")+"@", 1)
	canaries["key of SENTRY_DSN"] = strings.ReplaceAll(canaries["key of SENTRY_DSN"], "-", "")
	private, public, err := token.NewKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	canaries["JWT_PRIVATE_KEY"] = strings.Split(private, "\n")[1] // the line between BEGIN and END
	p.environ = append(p.environ,
		"JWT_PRIVATE_KEY="+private, "JWT_PUBLIC_KEY="+public,
		"LOG_LEVEL=trace", "SLOW_REQUEST_THRESHOLD=1", "DATABASE_URL="+withPassword, "SENTRY_DSN="+sentry,
		"JWT_SECRET="+plant("JWT_SECRET"), "JWT_SECRET_PREVIOUS="+plant("JWT_SECRET_PREVIOUS"), "DATA_KEY="+plant("DATA_KEY"),
		"OTEL_EXPORTER_OTLP_HEADERS=authorization="+plant("OTEL_EXPORTER_OTLP_HEADERS"), "LOG_FILE="+log+"/api.log",
		// Ports without a listener, so that there are errors to tell.
		"NATS_URL=nats://"+plant("user of NATS_URL")+":"+plant("password of NATS_URL")+"@127.0.0.1:"+strconv.Itoa(loopback.Port(t)),
		"PYROSCOPE_URL=http://"+plant("user of PYROSCOPE_URL")+":"+plant("password of PYROSCOPE_URL")+"@127.0.0.1:"+strconv.Itoa(loopback.Port(t)),
	)
	p.startAPI()
	p.environ = append(p.environ, "LOG_FILE="+log+"/realtime.log")
	p.startRealtime()

	answers, frames := p.exercise(plant)
	places := map[string][]byte{
		"api metrics": p.scrape(p.apiURL), "realtime metrics": p.scrape(p.realtimeURL), "responses": answers, "frames": frames,
	}
	p.stop()
	maps.Copy(places, p.places())
	for _, name := range []string{"api", "realtime"} {
		text, err := os.ReadFile(filepath.Join(log, name+".log"))
		if err != nil || len(text) == 0 {
			t.Fatalf("the log file: %v", err)
		}
		places[name+" log file"] = text
	}
	for _, needed := range []string{`"slow":true`, `"level":"error"`, `"level":"debug"`} {
		if !bytes.Contains(places["api stdout"], []byte(needed)) {
			t.Errorf("the api's log has no line with %s, so nothing is proven of such", needed)
		}
	}
	if len(p.sentry.Events()) == 0 {
		t.Error("Sentry was told nothing, so nothing is proven of it")
	}
	for _, name := range slices.Sorted(maps.Keys(canaries)) {
		found := placesOf(canaries[name], places)
		if want := mayBe[name].places; !slices.Equal(found, want) {
			t.Errorf("%s is in %q, and may be in %q: %s", name, found, want, around(canaries[name], places))
		}
	}
	table := doctable.Header("Secret", "Where it may be", "Why")
	for _, name := range slices.Sorted(maps.Keys(canaries)) {
		if a, ok := mayBe[name]; ok {
			table += doctable.Row(name, strings.Join(a.places, ", "), a.why)
		} else {
			table += doctable.Row(name, "nowhere", "")
		}
	}
	doctable.Check(t, "docs/security.md", "canaries", table)
}

// placesOf are the places that contain the secret, plain or encoded.
func placesOf(secret string, places map[string][]byte) []string {
	var found []string
	for _, place := range slices.Sorted(maps.Keys(places)) {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), url.QueryEscape(secret), fmt.Sprintf("%x", secret)} {
			if bytes.Contains(places[place], []byte(form)) {
				found = append(found, place)
				break
			}
		}
	}
	return found
}

func around(secret string, places map[string][]byte) string {
	var out strings.Builder
	for _, place := range slices.Sorted(maps.Keys(places)) {
		if i := bytes.Index(places[place], []byte(secret)); i >= 0 {
			fmt.Fprintf(&out, "\n  %s: …%s…", place, places[place][max(0, i-150):min(len(places[place]), i+60)])
		}
	}
	return out.String()
}

// loginRole makes a role with this password, and returns the database's address with it.
func loginRole(t *testing.T, dsn, password, attributes string) string {
	t.Helper()
	name := "canary_" + random()
	p := &pair{t: t, dsn: dsn}
	p.sql("create role " + name + " login password '" + password + "' " + attributes)
	t.Cleanup(func() { p.sql("drop role " + name) })
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, password)
	return u.String()
}

// exercise sends valid and forbidden requests, with a canary in each field. It returns all responses and frames.
func (p *pair) exercise(plant func(string) string) (answers, frames []byte) {
	t := p.t
	var all bytes.Buffer
	send := func(bearer, method, path, body string, headers ...string) reply {
		a := p.raw(bearer, method, path, body, headers...)
		fmt.Fprintf(&all, "%s %d %v %s\n", method, a.status, a.header, a.body)
		return a
	}
	admin, engineer := p.signIn("admin"), p.signIn("engineer")
	watcher := dial(t, p.socketURL, engineer.token, "", "drifts", "alerts", "checks")

	// Strangers, with credentials that are none.
	for _, path := range []string{"/api/v1/drifts", "/nothing", "/metrics", "/debug/pprof/", "/health/detailed"} {
		send("", "GET", path, "", "Authorization", "Bearer "+plant("bearer token of a stranger"))
		send("", "GET", path, "", "Authorization", "Basic "+plant("basic credentials"))
		send("", "GET", path+"?access_token="+plant("token in the URL"), "", "Cookie", "session="+plant("cookie"))
		send(engineer.token, "GET", path+"?search="+plant("query parameter")+"&unknown="+plant("unknown parameter"), "", "Referer", "https://x.example/"+plant("Referer"))
	}
	send("", "POST", "/api/v1/auth/login", `{"email":"nobody@acme.example","password":"`+plant("password of a failed sign-in")+`"}`)
	send("", "POST", "/api/v1/auth/login", `{"email":"nobody@acme.example","password":["`+plant("password of the wrong type")+`"]}`)
	send("", "POST", "/api/v1/auth/login", `{"email":"nobody@acme.example","password":"`+plant("password in broken JSON"))
	send("", "POST", "/api/v1/auth/refresh", `{"refreshToken":"`+plant("refresh token")+`"}`)
	send("", "POST", "/api/v1/auth/logout", `{"refreshToken":"`+plant("refresh token of a sign-out")+`"}`)
	send("", "POST", "/api/v1/auth/refresh", "", "X-Session-Mode", "cookie", "Cookie", "driftsentry-refresh="+plant("refresh token of a cookie"))
	send("", "POST", "/api/v1/auth/login", string(mustJSON(t, map[string]string{"email": p.users["engineer"].email, "password": p.users["engineer"].password})),
		"User-Agent", plant("User-Agent, sign-in"))
	send(engineer.token, "GET", "/api/v1/auth/sessions", "")
	send("", "POST", "/api/v1/auth/password", `{"token":"`+plant("setup token")+`","newPassword":"`+plant("new password")+`"}`)
	send(engineer.token, "POST", "/api/v1/auth/password", `{"currentPassword":"`+plant("current password")+`","newPassword":"`+plant("new password")+`"}`)
	send(engineer.token, "POST", "/api/v1/drifts", `{"`+plant("unknown field's name")+`":"`+plant("unknown field's value")+`"}`)

	// What is about the request.
	send(engineer.token, "GET", "/api/v1/drifts", "", "X-Correlation-ID", plant("X-Correlation-ID"), "User-Agent", plant("User-Agent"), "baggage", "k="+plant("baggage"))
	send(engineer.token, "GET", "/api/v1/drifts", "", "Host", plant("Host")+".example", "X-Forwarded-For", plant("X-Forwarded-For"), "Origin", "https://"+plant("Origin"))
	send(engineer.token, "GET", "/nothing/"+plant("path"), "")

	// Data that is stored.
	send(admin.token, "POST", "/api/v1/users", `{"email":"canary@acme.example","name":"`+plant("user's name")+`","role":"viewer"}`)
	send(admin.token, "POST", "/api/v1/api-keys", `{"name":"`+plant("key's name")+`","scope":"ingest"}`)
	// The pair was started with a key made with another DATA_KEY.
	if a := send(admin.createKey(), "POST", "/api/v1/ingest/plan?workspace="+plant("workspace"), planWith(plant)); a.status != http.StatusOK {
		t.Errorf("ingest: %d %s", a.status, a.body)
	}
	made := send(engineer.token, "POST", "/api/v1/drifts", `{"resourceId":"r-1","resourceType":"t","region":"r","severity":"critical","expectedState":{"password":"`+
		plant("value under a secret's name")+`","size":"a"},"actualState":{"password":"x","size":"`+plant("drift's state")+`","note":"it is `+plant("value under a secret's name")+`"}}`,
		"Idempotency-Key", plant("Idempotency-Key"))
	var drift struct{ ID string }
	made.decode(t, &drift)

	// A database that returns an error, with the row in its detail; and one without the table.
	p.sql("alter table drift add constraint complain check (approval_reason is null)")
	send(engineer.token, "POST", "/api/v1/drifts/"+drift.ID+"/approve", `{"reason":"`+plant("reason of a decision that failed")+`"}`)
	p.sql("alter table drift drop constraint complain")
	p.sql("alter table alert rename to gone")
	send(engineer.token, "GET", "/api/v1/alerts", "", "Idempotency-Key", plant("Idempotency-Key"))
	p.sql("alter table gone rename to alert")
	send(engineer.token, "POST", "/api/v1/drifts/"+drift.ID+"/approve", `{"reason":"`+plant("reason of a decision")+`"}`)
	watcher.waitEvent("drift.approved")
	send(engineer.token, "GET", "/api/v1/drifts/"+drift.ID, "")
	send(admin.token, "GET", "/api/v1/audit?limit=100", "")
	send(admin.token, "GET", "/api/v1/workspaces", "")
	send(admin.token, "GET", "/api/v1/api-keys", "")
	send(admin.token, "GET", "/api/v1/users", "")
	send(admin.token, "GET", "/api/v1/ops/errors", "")

	// Sockets.
	resp := p.raw("", "GET", "REALTIME/ws", "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol", "driftsentry.v1, bearer."+plant("token of a socket"))
	fmt.Fprintf(&all, "%v %s\n", resp.header, resp.body)
	watcher.send(map[string]any{"type": "auth", "id": "a", "token": plant("token of a frame")})
	watcher.send(map[string]any{"type": "ping", "id": plant("id of a frame")})
	watcher.wait("the pong", func(f frame) bool { return f.Type == "pong" })
	return all.Bytes(), []byte(watcher.text())
}

// planWith is a plan with a secret wherever a plan has one.
func planWith(plant func(string) string) string {
	return `{"format_version":"1.2","terraform_version":"1.11.4","complete":true,"errored":false,"applyable":true,
		"variables":{"db":{"value":"` + plant("plan's variable") + `"}},
		"configuration":{"provider_config":{"aws":{"expressions":{"secret_key":{"constant_value":"` + plant("plan's configuration") + `"}}}}},
		"prior_state":{"values":{"root_module":{"resources":[{"address":"a","values":{"k":"` + plant("plan's prior state") + `"}}]}}},
		"resource_drift":[{"address":"aws_db_instance.main","mode":"managed","type":"aws_db_instance","name":"main","provider_name":"p","change":{
			"actions":["update"],"before":{"id":"1","blob":"` + plant("masked value of a plan") + `","password":"` + plant("password in a plan") + `","size":"s"},
			"after":{"id":"1","blob":"y","password":"x","size":"t","note":"it was ` + plant("masked value of a plan") + `"},"after_unknown":{},
			"before_sensitive":{"blob":true},"after_sensitive":{"blob":true}}}]}`
}

// raw sends what the api's description may not allow.
func (p *pair) raw(bearer, method, path, body string, headers ...string) reply {
	p.t.Helper()
	target := p.apiURL + path
	if rest, ok := strings.CutPrefix(path, "REALTIME"); ok {
		target = p.realtimeURL + rest
	}
	req, err := http.NewRequestWithContext(spec.Invalid(p.t.Context()), method, target, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	a := reply{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		p.t.Fatal(err)
	}
	return readAnswer(a)
}
