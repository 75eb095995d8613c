package security

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// TestSecurityDatabaseLog lets a database with the shipped rules for its log write down slow statements and failed
// ones. What the statements were about is not in it. Mutation: log_error_verbosity left out. (It covers what the rules
// of parameters do; these stay for whom it is too terse.)
func TestSecurityDatabaseLog(t *testing.T) {
	dir := t.TempDir()
	cluster := startCluster(t, dir)
	conn, err := pgx.Connect(t.Context(), cluster.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	exec := func(statement string, args ...any) error {
		_, err := conn.Exec(t.Context(), statement, args...)
		return err
	}
	must := func(statement string, args ...any) {
		t.Helper()
		if err := exec(statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}

	for name, value := range logRules(t) {
		must("set " + name + " = '" + value + "'")
	}
	must("set log_min_duration_statement = 0") // Everything is slow.
	must("create table kept (id int primary key, secret text check (length(secret) < 12))")
	must("insert into kept values (1, $1)", "canary-slow")
	for _, statement := range []string{
		"insert into kept values (2, $1)",                  // The row is in the error's detail,
		"select 1 / (length($1::text) - length($1::text))", // and parameters are told beside an error.
	} {
		if exec(statement, "canary-refused") == nil {
			t.Errorf("%s: no error", statement)
		}
	}
	if err := cluster.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, needed := range []string{"duration: ", "insert into kept values (1, $1)", "violates check constraint"} {
		if !strings.Contains(string(log), needed) {
			t.Errorf("the log has no %q, so nothing is proven:\n%s", needed, log)
		}
	}
	if strings.Contains(string(log), "canary") {
		t.Errorf("the log has what a statement was about:\n%s", log)
	}
}

// logRules are those of the shipped configuration that a session can have for itself.
func logRules(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(doctable.Root(t), "deploy/postgres/postgresql.conf"))
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if ok && (strings.HasPrefix(name, "log_parameter") || name == "log_error_verbosity") {
			rules[name] = value
		}
	}
	return rules
}
