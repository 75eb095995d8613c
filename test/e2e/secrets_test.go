package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The strings in the fixtures that stand for secrets.
var planted = []string{"hunter2-from-var", "changed-by-hand", "leaked-by-hand"}

// places is everything that this run left anywhere, by place.
func (p *pair) places() map[string][]byte {
	p.t.Helper()
	spans, logs := mustJSON(p.t, p.sink.Spans()), mustJSON(p.t, p.sink.Logs())
	return map[string][]byte{
		"database":          dump(p.t, p.dsn),
		"spans":             spans,
		"OTLP logs":         logs,
		"api stdout":        []byte(p.api.output()),
		"api stderr":        []byte(p.api.errorOutput()),
		"realtime stdout":   []byte(p.realtime.output()),
		"realtime stderr":   []byte(p.realtime.errorOutput()),
		"Sentry's receiver": p.sentry.Bytes(),
	}
}

// expectNoSecret searches every place for every secret of the run.
func (p *pair) expectNoSecret(places map[string][]byte) {
	p.t.Helper()
	for _, found := range findSecrets(places, append(append([]string(nil), planted...), p.secrets...)) {
		p.t.Error(found)
	}
}

// findSecrets looks for the secrets in the forms in which they could stand somewhere.
func findSecrets(places map[string][]byte, secrets []string) []string {
	var found []string
	for _, secret := range secrets {
		forms := map[string]string{
			"": secret, " as base64": base64.StdEncoding.EncodeToString([]byte(secret)), " encoded for a URL": url.QueryEscape(secret),
		}
		for place, content := range places {
			for how, form := range forms {
				if i := bytes.Index(content, []byte(form)); i >= 0 {
					found = append(found, fmt.Sprintf("a secret (%s…) is in %s%s: …%s…", secret[:min(6, len(secret))], place, how,
						content[max(0, i-80):min(len(content), i+20)]))
				}
			}
		}
	}
	return found
}

// dump is the content of every table, as text.
func dump(t *testing.T, dsn string) []byte {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "select tablename from pg_tables where schemaname = 'public' order by 1")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 10 {
		t.Fatalf("tables: %v, %v", tables, err)
	}
	var out bytes.Buffer
	for _, table := range tables {
		fmt.Fprintf(&out, "-- %s\n", table)
		if _, err := conn.PgConn().CopyTo(t.Context(), &out, "copy "+pgx.Identifier{table}.Sanitize()+" to stdout"); err != nil {
			t.Fatalf("dump %s: %v", table, err)
		}
	}
	return out.Bytes()
}

// TestFindSecrets shows that the search finds what it looks for.
func TestFindSecrets(t *testing.T) {
	for _, form := range []string{"s3cr+t", base64.StdEncoding.EncodeToString([]byte("s3cr+t")), url.QueryEscape("s3cr+t")} {
		content := map[string][]byte{"a place": []byte("before " + form + " after")}
		if len(findSecrets(content, []string{"s3cr+t"})) != 1 {
			t.Errorf("%q was not found", form)
		}
	}
	if found := findSecrets(map[string][]byte{"a place": []byte("nothing")}, planted); found != nil {
		t.Errorf("found %v in nothing", found)
	}
}
