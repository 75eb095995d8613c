package redaction

import (
	"fmt"
	"strings"
	"testing"
)

func testRedactor(t testing.TB) *Redactor {
	t.Helper()
	r, err := New([]string{"pin"}, []string{`ds_[A-Za-z0-9]{8,}`})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRedactor_Key(t *testing.T) {
	r := testRedactor(t)
	for _, key := range []string{
		"password", "PASSWORD", "dbPassword", "db.password", "user_password_hash", "secret", "client-secret", "clientSecret",
		"Authorization", "http.request.header.authorization", "Set-Cookie", "api_key", "apiKey", "X-API-Key", "apikey",
		"private_key", "access_token", "refreshToken", "DSN", "sentry.dsn", "credentials", "pin", "card.pin",
	} {
		if !r.key(key) {
			t.Errorf("%s is not masked", key)
		}
	}
	for _, key := range []string{"", "user", "tokenizer", "passwordless", "secretary", "key", "keyboard", "cookiecutter", "spin", "trace_id", "http.route", "error.code", "accountId"} {
		if r.key(key) {
			t.Errorf("%s is masked", key)
		}
	}
}

func TestRedactor_Text(t *testing.T) {
	r := testRedactor(t)
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXNpZw"
	for name, tc := range map[string]struct{ in, want string }{
		"bearer":                 {"Authorization: Bearer abcdefgh12", "Authorization: Bearer [redacted]"},
		"bearer, lower case":     {"sent bearer abcdefgh12.", "sent bearer [redacted]"},
		"bearer, upper case":     {"BEARER abcdefgh12", "BEARER [redacted]"},
		"JWT":                    {"got " + jwt + " here", "got [redacted] here"},
		"JWT cut short":          {"got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0", "got [redacted]"},
		"URL":                    {"dial postgres://app:hunter2@db:5432/x failed", "dial postgres://app:[redacted]@db:5432/x failed"},
		"URL, @ in the password": {"postgres://app:hun@ter2@db/x", "postgres://app:[redacted]@db/x"},
		"URL without user":       {"redis://:hunter2@cache", "redis://:[redacted]@cache"},
		"pattern":                {"key ds_0123456789abc is gone", "key [redacted] is gone"},
		"DSN of words":           {"host=db user=app password=hunter2 dbname=x", "host=db user=app password=[redacted] dbname=x"},
		"DSN, quoted":            {"password='hun ter2' user=app", "password='[redacted]' user=app"},
		"query":                  {"GET /x?a=1&access_token=hunter2&b=2", "GET /x?a=1&access_token=[redacted]&b=2"},
		"JSON":                   {`{"user":"a","password":"hun \"ter2"}`, `{"user":"a","password":"[redacted]"}`},
		"JSON in JSON":           {`{\"password\": \"hunter2\"}`, `{\"password\": \"[redacted]\"}`},
		"JSON number":            {`{"pin":1234}`, `{"pin":"[redacted]"}`},
		"private key":            {"x -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- y", "x [redacted] y"},
		"private key, cut short": {"-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted]"},
		"several":                {"password=a token=b", "password=[redacted] token=[redacted]"},
		"invalid UTF-8":          {"a\xffb", "a\uFFFDb"},

		"prose":             {"read token: unexpected EOF", "read token: unexpected EOF"},
		"prose on bearers":  {"Bearer token is missing", "Bearer token is missing"},
		"URL with a port":   {"http://localhost:3001/users/a@b.c", "http://localhost:3001/users/a@b.c"},
		"SQL":               {"select * from t where a = $1", "select * from t where a = $1"},
		"trace ID and time": {"0af7651916cd43dd8448eb211c80319c 12:30:00", "0af7651916cd43dd8448eb211c80319c 12:30:00"},
		"empty value":       {"password=", "password="},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.Text(tc.in)
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if again := r.Text(got); again != got {
				t.Errorf("a second pass makes %s of %s", again, got)
			}
		})
	}
}

func TestRedactor_remembers_few(t *testing.T) {
	r := testRedactor(t)
	for i := range maxKnown + 100 {
		r.key(strings.Repeat("k", i+1))
		r.Code(fmt.Sprint("select ", i))
	}
	if keys, texts := r.known.Load(), r.knownClean.Load(); keys != maxKnown || texts != maxKnown {
		t.Errorf("%d keys and %d texts are remembered, want %d", keys, texts, maxKnown)
	}
	r = testRedactor(t)
	r.Code(strings.Repeat("select ", maxCleanLength))
	if texts := r.knownClean.Load(); texts != 0 {
		t.Errorf("a long text is remembered")
	}
}

// Mutation: a text that was masked is remembered.
func TestRedactor_Under(t *testing.T) {
	r := testRedactor(t)
	for range 2 {
		for key := range fromCode {
			if got, want := r.Under(key, "create role x password = 'hunter2hunter2'"), "create role x password = '[redacted]'"; got != want {
				t.Errorf("%s: %q, want %q", key, got, want)
			}
			if got := r.Under(key, "select 1"); got != "select 1" {
				t.Errorf("%s: %q", key, got)
			}
		}
	}
}

func FuzzRedactor_Text(f *testing.F) {
	for _, s := range []string{`password="`, `"token":`, `\"token\":\"`, "://:@", "bearer eyJ", "=password==", "a:b=c"} {
		f.Add(s)
	}
	r := testRedactor(f)
	f.Fuzz(func(t *testing.T, s string) {
		if got := r.Text("password=hunter2-" + "x " + s); strings.Contains(got, "hunter2") && !strings.Contains(s, "hunter2") {
			t.Errorf("%q kept the password", got)
		}
		r.Text(s)
	})
}

func BenchmarkRedactor_text(b *testing.B) {
	r := testRedactor(b)
	for name, text := range map[string]string{
		"path": "/api/v1/drifts/0af76519-16cd-43dd-8448-eb211c80319c", "message": "the request took longer than usual",
		"sql": "select id, workspace, resource_id from drift where account_id = $1 and status = $2 order by detected_at desc limit 50",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r.Text(text)
			}
		})
	}
}
