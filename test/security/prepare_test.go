package security

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// prepared runs deploy/prepare in a folder of its own.
func prepared(t *testing.T, dir string) (string, error) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "deploy"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prepare", "env.example"} {
		text, err := os.ReadFile(filepath.Join(doctable.Root(t), "deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "deploy", name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "deploy", "prepare"))
	cmd.Env = append(os.Environ(), "SUDO_UID=")
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// secretFile is a secret's file.
func secretFile(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "secrets", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAttackLocalUser: an installation whose secrets another user of the machine can read, as the collector's is one by its mount of
// the machine, is closed by deploy/prepare, which says so and changes no content. Mutations: without `protect` for the folder;
// `protect` without chmod; with a mode of 0755 for the folder.
func TestAttackLocalUser(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("NOT RUN: no openssl on the PATH")
	}
	dir := t.TempDir()
	secrets := filepath.Join(dir, "secrets")
	if err := os.Mkdir(secrets, 0o777); err != nil {
		t.Fatal(err)
	}
	const old = "the-secret-of-an-earlier-version"
	file := filepath.Join(secrets, "jwt_secret")
	if err := os.WriteFile(file, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o755, secrets: 0o777, file: 0o666} {
		if err := os.Chmod(path, mode); err != nil { // Past the umask.
			t.Fatal(err)
		}
	}
	said, err := prepared(t, dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, change := range []string{"changed the mode of ./secrets from 0777 to 0700", "changed the mode of ./secrets/jwt_secret from 0666 to 0644"} {
		if !strings.Contains(said, change) {
			t.Errorf("not said: %s, but\n%s", change, said)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != old {
		t.Errorf("the secret is %q now, %v", text, err)
	}
	if info, err := os.Stat(secrets); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
	if again, err := prepared(t, dir); err != nil || again != "" {
		t.Errorf("the second time: %v\n%s", err, again)
	}

	t.Run("another user", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("NOT RUN: only root may act as another user")
		}
		const collector = 10001
		cat := exec.CommandContext(t.Context(), "cat", file)
		cat.Dir = "/"
		cat.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: collector, Gid: collector}}
		if text, err := cat.CombinedOutput(); err == nil || !strings.Contains(string(text), "Permission denied") {
			t.Errorf("read: %s (%v)", text, err)
		}
	})
	t.Run("a file that another user owns", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("NOT RUN: only root may give a file away")
		}
		if err := os.Chown(file, 10001, 10001); err != nil {
			t.Fatal(err)
		}
		if said, err := prepared(t, dir); err == nil || !strings.Contains(said, "belongs to another user") {
			t.Errorf("%v\n%s", err, said)
		}
	})
	t.Run("a file that stands elsewhere", func(t *testing.T) {
		if err := errors.Join(os.Remove(file), os.Symlink(filepath.Join(dir, ".env"), file)); err != nil {
			t.Fatal(err)
		}
		if said, err := prepared(t, dir); err == nil || !strings.Contains(said, "is a symbolic link") {
			t.Errorf("%v\n%s", err, said)
		}
	})
}

// TestPrepare: a new installation signs access tokens with Ed25519 and gives each service its login; one of an earlier version keeps
// what it has until its operator changes it.
func TestPrepare(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("NOT RUN: no openssl on the PATH")
	}
	for name, c := range map[string]struct {
		before map[string]string
		want   map[string]string // a part of each file; empty is an empty file
	}{
		"new": {nil, map[string]string{
			"jwt_private_key": "BEGIN PRIVATE KEY", "jwt_public_key": "BEGIN PUBLIC KEY", "jwt_secret": "", "database_realtime_url": "//driftsentry_reader:",
			"database_url": "//driftsentry_service:",
		}},
		"of an earlier version": {
			map[string]string{"database_url": "postgres://driftsentry_service:one@postgres/driftsentry", "jwt_secret": "secret"},
			map[string]string{
				"jwt_private_key": "", "jwt_private_key.next": "BEGIN PRIVATE KEY", "jwt_public_key": "BEGIN PUBLIC KEY", "jwt_secret": "secret",
				"database_realtime_url": "//driftsentry_service:one@", "grafana_secret_key": "SW2YcwTIb9zpOOhoPsMm",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
				t.Fatal(err)
			}
			for file, text := range c.before {
				if err := os.WriteFile(filepath.Join(dir, "secrets", file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if said, err := prepared(t, dir); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			for file, want := range c.want {
				text, err := os.ReadFile(filepath.Join(dir, "secrets", file))
				if err != nil || want == "" && len(text) > 0 || !strings.Contains(string(text), want) {
					t.Errorf("%s: %q, %v", file, text, err)
				}
			}
			keys, err := token.ParsePublicKeys(secretFile(t, dir, "jwt_public_key"))
			if err != nil {
				t.Fatal(err)
			}
			private := "jwt_private_key"
			if c.before != nil {
				private += ".next"
			}
			if _, err := keys.WithPrivateKey(secretFile(t, dir, private)); err != nil {
				t.Error(err)
			}
		})
	}
}
