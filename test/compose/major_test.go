//go:build compose

package compose

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMajorUpgrade moves an installation to the next major version of Postgres and back, as docs/operations.md says: from 17, because 19 is no
// release yet. Mutations not yet tried: the same volume for both; deploy/restore without a new epoch; restored without the new image.
func TestMajorUpgrade(t *testing.T) {
	s := begin(t)
	dir := t.TempDir()
	older, newer := s.older(t), "postgres-18"
	files := slices.DeleteFunc(slices.Clone(s.environ), func(v string) bool { return !strings.HasPrefix(v, "COMPOSE_FILE=") })
	// local says what local/compose.yml has.
	local := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.environ = append(s.environ, files[len(files)-1]+string(os.PathListSeparator)+path)
	}
	before := func() {
		local("17.yml", fmt.Sprintf("services:\n  postgres: { image: %q }\n  restored: { image: %[1]q }\n", older))
	}
	after := func() {
		local("18.yml", fmt.Sprintf("services:\n  postgres: { volumes: [\"%s:/var/lib/postgresql\"] }\nvolumes:\n  %[1]s: {}\n", newer))
	}
	t.Cleanup(after) // For `down`, which then knows both volumes.
	services := []string{"up", "-d", "--wait", "--wait-timeout", "600", "caddy", "api", "realtime", "postgres"}

	before()
	s.run(t, append(slices.Clone(services), "--build")...)
	s.work(t)
	admin := s.signIn(t)
	saw := s.list(t, admin)
	_, lost := s.watch(t)
	if got := s.psql(t, "show server_version_num"); !strings.HasPrefix(got, "17") {
		t.Fatalf("it begins with %s", got)
	}

	s.run(t, "stop", "caddy", "api", "realtime")
	dump := strings.TrimSpace(string(s.script(t, "backup", t.TempDir())))
	after()
	s.run(t, "up", "-d", "--wait", "postgres")
	t.Logf("%s", s.script(t, "restore", dump))
	s.run(t, services...)
	if got := s.psql(t, "show server_version_num"); !strings.HasPrefix(got, "18") {
		t.Fatalf("it ends with %s", got)
	}
	await(t, lost, "epoch")
	admin = s.signIn(t)
	if got := s.list(t, admin); !slices.Equal(got, saw) {
		t.Errorf("before: %v\nafter: %v", saw, got)
	}
	s.drift = s.undecided(t, admin)
	s.approve(t, admin)
	t.Logf("%s%s", s.script(t, "backup"), s.script(t, "drill"))
	if out, err := s.scriptCommand("doctor").CombinedOutput(); !strings.Contains(string(out), "ok       schema ") {
		t.Errorf("%v\n%s", err, out)
	}

	// The way back: everything is as it was when the services stopped.
	before()
	s.run(t, services...)
	if got := s.psql(t, "show server_version_num"); !strings.HasPrefix(got, "17") {
		t.Errorf("back it has %s", got)
	}
	if got := s.list(t, s.signIn(t)); !slices.Equal(got, saw) {
		t.Errorf("before: %v\nback: %v", saw, got)
	}
	if a := s.get(t, "/health/ready"); a.status != http.StatusOK {
		t.Errorf("not ready: %s", a.body)
	}
}

// older is an image of PostgreSQL 17: ours with the package of Debian 13 or of PostgreSQL's own archive, and their folder of data. Its own programs
// come first: pg_dump of 18.6 writes options of 17.12 (pg_attver) that 18.6 then refuses.
func (s *installation) older(t *testing.T) string {
	t.Helper()
	var config struct {
		Services map[string]struct{ Image string }
	}
	if err := json.Unmarshal(s.run(t, "config", "--format", "json"), &config); err != nil {
		t.Fatal(err)
	}
	image := config.Services["postgres"].Image
	const ours = project + "-postgres:17"
	build := exec.CommandContext(t.Context(), "docker", "build", "--tag", ours, "-")
	build.Stdin = strings.NewReader("FROM " + image + "\nUSER root\n" +
		"RUN sed -nE 's, [a-z]+ main$, trixie main,p' /etc/apt/sources.list >/etc/apt/sources.list.d/older.list || true\n" +
		"RUN apt-get update -o Acquire::Check-Valid-Until=false && apt-get install -y --no-install-recommends postgresql-17\n" +
		"ENV PG_MAJOR=17 PGDATA=/var/lib/postgresql/17/docker PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: no package of PostgreSQL 17 can be had for %s: %v\n%s", image, err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", ours).Run() })
	return ours
}
