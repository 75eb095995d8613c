//go:build stack

package stack

import (
	"context"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
	"github.com/driftsentry/driftsentry/testkit/localpg"
)

const (
	database      = "driftsentry"
	servicesLogin = "driftsentry_service"
)

// startPostgres makes a cluster with the roles of production, by the very statements of the image's first start.
func (s *system) startPostgres() {
	t := s.t
	t.Helper()
	cluster, err := localpg.Start(t.Context(), localpg.Options{Dir: s.path("postgres"), Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	s.cluster = cluster
	t.Cleanup(func() {
		if err := cluster.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	s.ports["postgres:5432"] = cluster.Port()
	s.superuser = cluster.DSN(database)

	passwords := map[string]string{"owner_password": "owner-pw", "service_password": "service-pw", "monitor_password": "monitor-pw"}
	s.secret("database_monitor_password", passwords["monitor_password"])
	for i, part := range s.roleStatements(passwords) {
		dsn := cluster.DSN("postgres")
		if i > 0 {
			dsn = s.superuser
		}
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		for statement := range strings.SplitSeq(part, ";\n") {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

var shellDocument = regexp.MustCompile(`(?s)<<'SQL'\n(.*?)SQL\n`)

// roleStatements are the SQL of deploy/postgres/10-roles.sh, before and after its \connect.
func (s *system) roleStatements(passwords map[string]string) []string {
	s.t.Helper()
	document := shellDocument.FindStringSubmatch(shipped.Text(s.t, filepath.Join(shipped.Deploy, "postgres/10-roles.sh")))
	if document == nil {
		s.t.Fatal("10-roles.sh has no SQL")
	}
	sql := document[1]
	for name, value := range passwords {
		sql = strings.ReplaceAll(sql, ":'"+name+"'", "'"+value+"'")
	}
	return strings.Split(sql, "\\connect "+database+"\n")
}

func (s *system) databaseURL(login, password string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(login, password), Host: s.address("postgres", 5432), Path: database,
	}).String()
}

// administer runs a statement as who may do everything.
func (s *system) administer(t *testing.T, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.superuser)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
