package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// TestAudit: an operator verifies the trail, sees in the exit code when it was changed, and trims it.
func TestAudit(t *testing.T) {
	dsn := pgtest.DSN(t)
	environ := []string{"DATABASE_URL=" + dsn}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(r result, code int, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(r.stdout+r.stderr, part) {
				t.Errorf("no %q in %s%s", part, r.stdout, r.stderr)
			}
		}
		if r.code != code {
			t.Errorf("exit code %d, want %d", r.code, code)
		}
	}
	exec("insert into account (id, name) values ('019a0000-0000-7000-8000-000000000001', 'acme')")
	exec("insert into audit (id, account_id, action) select gen_random_uuid(), '019a0000-0000-7000-8000-000000000001', 'a.b' from generate_series(1, 3)")
	expect(api(t, "", environ, "audit", "verify"), 0, "0 seals, 0 rows under them, 3 rows not sealed yet")
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("words\n{\"msg\":\"request\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(api(t, "", environ, "audit", "verify", "--seals", log), 1, "no line «sealed the audit trail»")
	expect(api(t, `{"msg":"sealed the audit trail","seal":1,"hash":"`+strings.Repeat("0", 64)+`"}`, environ, "audit", "verify", "--seals", "-"),
		1, "compared with 1 seals of the log", "BROKEN: seal 1: it was logged, and is gone", "1 differences")
	expect(api(t, "", environ, "audit", "trim", "--older-than", "24h"), 0, "removed 0 rows")
}
