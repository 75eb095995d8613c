package localpg

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakePrograms makes a folder with programs of the version, as far as a finder looks.
func fakePrograms(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// fromPath reads a version out of a fake program's path: …/postgresql/17/bin/postgres.
func fromPath(_ context.Context, postgres string) (int, error) {
	var version int
	_, err := fmt.Sscan(filepath.Base(filepath.Dir(filepath.Dir(postgres))), &version)
	return version, err
}

func TestFinder(t *testing.T) {
	t.Setenv("PATH", "")
	root := t.TempDir()
	for _, version := range []string{"9", "15", "17", "16", "broken"} {
		fakePrograms(t, filepath.Join(root, version, "bin"))
	}
	f := finder{globs: []string{filepath.Join(root, "*", "bin")}, version: fromPath}

	t.Run("takes the newest", func(t *testing.T) {
		if got, err := f.find(t.Context(), 0); err != nil || got.version != 17 {
			t.Errorf("found %v, %v, want version 17", got, err)
		}
	})
	t.Run("takes the version that made the data", func(t *testing.T) {
		if got, err := f.find(t.Context(), 15); err != nil || got.version != 15 {
			t.Errorf("found %v, %v, want version 15", got, err)
		}
	})
	t.Run("follows a link on PATH to the folder of all programs", func(t *testing.T) {
		bin := t.TempDir()
		if err := os.Symlink(filepath.Join(root, "16", "bin", "initdb"), filepath.Join(bin, "initdb")); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin)
		got, err := finder{version: fromPath}.find(t.Context(), 0)
		if err != nil || got.version != 16 || got.path("postgres") != filepath.Join(root, "16", "bin", "postgres") {
			t.Errorf("found %v, %v, want the folder of 16", got, err)
		}
	})
	t.Run("tries the installers in turn", func(t *testing.T) {
		fetched := filepath.Join(root, "elsewhere", "18", "bin")
		f := f
		f.installers = []installer{
			{"broken", func(context.Context, int) (string, error) { return "", errors.New("no network") }},
			{"idle", func(context.Context, int) (string, error) { return "", nil }},
			{"good", func(context.Context, int) (string, error) { fakePrograms(t, fetched); return fetched, nil }},
		}
		if got, err := f.find(t.Context(), 18); err != nil || got.dir != fetched {
			t.Errorf("found %v, %v, want %s", got, err, fetched)
		}
	})
	t.Run("says what was tried and what to do", func(t *testing.T) {
		f := f
		f.installers = []installer{{"apt-get", func(context.Context, int) (string, error) { return "", errors.New("no network") }}}
		_, err := f.find(t.Context(), 14)
		for _, part := range []string{"no PostgreSQL 14", "apt-get: no network", "DATABASE_URL"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("err = %v, want %q in it", err, part)
			}
		}
	})
}

func TestDebian_install(t *testing.T) {
	root := t.TempDir()
	journal := filepath.Join(root, "journal")
	config := filepath.Join(root, "createcluster.conf")
	// An apt-get that knows no package until its lists are up to date, and notes what it was asked and with which
	// cluster settings.
	apt := filepath.Join(root, "apt-get")
	script := fmt.Sprintf(`#!/bin/sh
echo "$@ [$(grep create_main_cluster %[2]s)]" >> %[1]s
case "$1" in update) touch %[1]s.updated ;; *) test -e %[1]s.updated || { echo "E: Unable to locate package"; exit 100; } ;; esac
`, journal, config)
	if err := os.WriteFile(apt, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	settings := "# settings\n"
	if err := os.WriteFile(config, []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	n := &notes{}
	d := debian{aptGet: apt, clusterConfig: config, say: n.add}
	if _, err := d.install(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := d.install(t.Context(), 16); err != nil {
		t.Fatal(err)
	}

	got, _ := os.ReadFile(journal)
	want := `install -y --no-install-recommends postgresql-common []
update []
install -y --no-install-recommends postgresql-common []
install -y --no-install-recommends postgresql [create_main_cluster = false]
install -y --no-install-recommends postgresql-common []
install -y --no-install-recommends postgresql-16 [create_main_cluster = false]
`
	if string(got) != want {
		t.Errorf("apt-get was asked:\n%swant:\n%s", got, want)
	}
	if after, _ := os.ReadFile(config); string(after) != settings {
		t.Errorf("the cluster settings were left as %q", after)
	}
	n.want(t, "installing it with apt-get")
}

// TestCluster_fetch serves a repository that holds this machine's programs in the layout of embedded-postgres' builds.
func TestCluster_fetch(t *testing.T) {
	if _, err := exec.LookPath("xz"); err != nil {
		t.Skip("SKIPPED, the download is not tested: it needs the program xz to make one")
	}
	c, _ := start(t, clusterDir(t))
	stop(t, c)
	jar := buildJar(t, c.programs)
	sum := sha256.Sum256(jar)
	var asked []string
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:])))
			return
		}
		_, _ = w.Write(jar)
	}))
	defer repository.Close()
	t.Setenv("POSTGRES_BINARIES_URL", repository.URL)

	dir, err := c.fetch(t.Context(), c.programs.version)
	if err != nil {
		t.Fatal(err)
	}
	if len(asked) != 2 || !strings.Contains(asked[0], fmt.Sprintf("/%d.", c.programs.version)) {
		t.Errorf("asked for %q", asked)
	}
	if got, err := c.programVersion(t.Context(), filepath.Join(dir, "postgres")); err != nil || got != c.programs.version {
		t.Errorf("the fetched programs say version %d, %v, want %d", got, err, c.programs.version)
	}
	f := finder{globs: c.finder().globs[len(c.finder().globs)-1:], version: c.programVersion}
	t.Setenv("PATH", "")
	if got, err := f.find(t.Context(), 0); err != nil || got.dir != dir {
		t.Errorf("the next start finds %v, %v, want %s", got, err, dir)
	}
}

// buildJar packs programs that hand over to the given ones.
func buildJar(t *testing.T, p programs) []byte {
	t.Helper()
	var tarball bytes.Buffer
	w := tar.NewWriter(&tarball)
	for _, name := range []string{"initdb", "postgres", "pg_ctl"} {
		script := fmt.Sprintf("#!/bin/sh\nexec %s \"$@\"\n", p.path(name))
		if err := w.WriteHeader(&tar.Header{Name: "bin/" + name, Mode: 0o755, Size: int64(len(script))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(script)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	xz := exec.CommandContext(t.Context(), "xz", "-c")
	xz.Stdin = &tarball
	packed, err := xz.Output()
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	entry, err := z.Create("postgres.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(packed); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}
