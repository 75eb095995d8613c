//go:build stack

package stack

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
	"github.com/driftsentry/driftsentry/testkit/localpg"
)

const (
	database      = "driftsentry"
	servicesLogin = "driftsentry_service"
)

// startPostgres makes a cluster with the roles of production, by the very script of the image's first start.
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

	s.secret("database_owner_url", s.databaseURL("driftsentry_owner", "owner-pw"))
	s.secret("database_url", s.databaseURL(servicesLogin, "service-pw"))
	s.secret("database_realtime_url", s.databaseURL("driftsentry_reader", "reader-pw"))
	s.secret("database_monitor_password", "monitor-pw")
	server, err := url.Parse(s.superuser)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := server.User.Password()
	roles := exec.CommandContext(t.Context(), "bash", filepath.Join(shipped.Deploy, "postgres/10-roles.sh"))
	roles.Env = append(os.Environ(), "PGHOST="+server.Hostname(), "PGPORT="+server.Port(), "PGUSER="+server.User.Username(),
		"PGPASSWORD="+password, "SECRETS_DIR="+s.path("run/secrets"), "POSTGRES_USER=")
	if said, err := roles.CombinedOutput(); err != nil || len(said) > 0 {
		t.Fatalf("10-roles.sh: %v\n%s", err, said)
	}
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
