//go:build cluster

package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// postgres is a server as a cloud has one: its administrator is no superuser. It can be away without a loss of its data.
const postgres = `
apiVersion: v1
kind: Namespace
metadata: { name: database }
---
apiVersion: v1
kind: Pod
metadata: { name: postgres, namespace: database, labels: { app: postgres } }
spec:
  nodeName: node-1
  terminationGracePeriodSeconds: 1
  containers:
    - name: postgres
      image: postgres:18
      imagePullPolicy: Never
      command:
        - bash
        - -c
        - |
          while :; do
            docker-entrypoint.sh postgres -c fsync=off &
            wait $! || true
            while [ -e /tmp/away ]; do sleep 0.1; done
          done
      env: [{ name: POSTGRES_PASSWORD, value: superuser }]
      readinessProbe: { exec: { command: [pg_isready, -h, 127.0.0.1, -U, postgres] }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: postgres, namespace: database }
spec:
  selector: { app: postgres }
  # As a server beside the cluster, it has its address while it is away.
  publishNotReadyAddresses: true
  ports: [{ port: 5432 }]
`

// database starts Postgres, makes the secret files for it as docs/operations.md says, and returns their folder.
func (c *cluster) database(t *testing.T) (secrets string) {
	t.Helper()
	c.must(t, c.program, "load", "postgres:18")
	c.apply(t, postgres)
	c.kubectl(t, "-n", "database", "wait", "--for=condition=Ready", "--timeout=90s", "pod/postgres")
	c.inPostgres(t, "psql -U postgres -qc \"create role administrator login createrole createdb password 'administrator'\"")

	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "deploy"), os.DirFS(filepath.Join(root, "deploy"))); err != nil {
		t.Fatal(err)
	}
	output(t, exec.CommandContext(t.Context(), filepath.Join(dir, "deploy/prepare")))
	secrets = filepath.Join(dir, "secrets")
	for _, name := range []string{"database_url", "database_realtime_url", "database_owner_url"} {
		replace(t, filepath.Join(secrets, name), "@postgres:5432", "@postgres.database:5432")
	}
	script := c.command(t.Context(), filepath.Join(dir, "deploy/postgres/10-roles.sh"))
	host := c.kubectl(t, "-n", "database", "get", "pod", "postgres", "-o", "jsonpath={.status.podIP}")
	script.Env = append(script.Env, "PGHOST="+host, "PGUSER=administrator", "PGPASSWORD=administrator", "SECRETS_DIR="+secrets)
	output(t, script)
	return secrets
}

func (c *cluster) inPostgres(t *testing.T, script string) string {
	t.Helper()
	return c.kubectl(t, "-n", "database", "exec", "postgres", "--", "bash", "-c", script)
}

// away stops Postgres until the returned function starts it again.
func (c *cluster) away(t *testing.T) (back func()) {
	t.Helper()
	c.inPostgres(t, `touch /tmp/away && kill -INT "$(head -1 "$PGDATA/postmaster.pid")"`)
	return func() {
		t.Helper()
		c.inPostgres(t, "rm /tmp/away")
		c.kubectl(t, "-n", "database", "wait", "--for=condition=Ready", "--timeout=60s", "pod/postgres")
	}
}

// replace changes a text in a file that must have it.
func replace(t *testing.T, path, before, now string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), before) {
		t.Fatalf("%s has no %q", path, before)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), before, now)), 0o600); err != nil {
		t.Fatal(err)
	}
}
