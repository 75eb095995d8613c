//go:build compose

package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestRelease makes a release of the files as they are, for this kind of machine, and uses it: its programs say their version, its images are
// loaded and run, an installation can be prepared from it alone, and no file can be changed without a sign. Mutations in tools/release: the
// images are not told the commit; the notes of all versions; no deploy in deploy.tar.gz; a signature is an unknown file.
func TestRelease(t *testing.T) {
	engine(t)
	const released = "9.9.9-test"
	dir, platform := t.TempDir(), "linux/"+runtime.GOARCH
	sh := func(dir, script string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "bash", append([]string{"-euo", "pipefail", "-c", script, "bash"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CYCLONEDX="+whole(t, ".run/tools/cyclonedx-gomod"), "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com",
			"GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com", "GIT_CONFIG_GLOBAL="+os.DevNull)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	must := func(dir, script string, args ...string) string {
		t.Helper()
		out, err := sh(dir, script, args...)
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", script, args, err, out)
		}
		return out
	}
	refused := func(want, dir, script string, args ...string) {
		t.Helper()
		if out, err := sh(dir, script, args...); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s %s: %v: %s; want %q", script, args, err, out, want)
		}
	}
	must(root, "make .run/tools/cyclonedx-gomod")
	must(root, `git ls-files -z | tar --null --ignore-failed-read -cf - -T - | tar -xf - -C "$1"`, dir)
	must(dir, "git init -q . && git add -A && git commit -q -m one")

	refused("HEAD is not v"+released, dir, `tools/release "$@"`, released, platform)
	must(dir, `git tag "v$1"`, released)
	refused("CHANGELOG.md has no part about", dir, `tools/release "$@"`, released, platform)
	must(dir, `sed -i "s/^## \[Unreleased\]/&\n\n- what-comes-later\n\n## [$1] - 2026-11-30/" CHANGELOG.md`, released)
	refused("not committed", dir, `tools/release "$@"`, released, platform)
	must(dir, `git commit -qam two && git tag -f "v$1" >/dev/null`, released)
	commit := must(dir, "git rev-parse HEAD")

	t.Cleanup(func() {
		_ = exec.Command("docker", "image", "rm", "-f", "driftsentry-api:"+released, "driftsentry-realtime:"+released).Run()
	})
	t.Log(must(dir, `tools/release "$@"`, released, platform))
	dist := filepath.Join(dir, "dist", released)
	suffix := "_linux_" + runtime.GOARCH
	for script, want := range map[string]string{
		"./driftsentry" + suffix + " version": "driftsentry " + released,
		"./api" + suffix + " version":         "api " + released + " (" + commit + ")",
		"./realtime" + suffix + " version":    "realtime " + released + " (" + commit + ")",
		"docker image rm -f driftsentry-api:" + released + " >/dev/null; docker load -qi images" + suffix + ".tar.gz >/dev/null && " +
			"docker run --rm --network=none driftsentry-api:" + released + " version": "api " + released + " (" + commit + ")",
		"grep -c '^driftsentry-[a-z]*:" + released + "$' images.txt": "2",
		"grep -o '^postgres:' images.txt":                            "postgres:",
		"grep -c what-comes-later NOTES.md || true":                  "0",
		"grep -c '^### Added' NOTES.md":                              "1",
		"grep -o '\"gitCommit\":\"[^\"]*' provenance.json":           `"gitCommit":"` + commit,
		"grep -om1 'pkg:golang/github.com/jackc/pgx' api.cdx.json":   "pkg:golang/github.com/jackc/pgx",
	} {
		if out := must(dist, script); out != want {
			t.Errorf("%s: %q, want %q", script, out, want)
		}
	}

	// What an installation without the repository has.
	place := t.TempDir()
	must(place, `tar -xzf "$1/deploy.tar.gz" && cd "driftsentry-$2" && deploy/prepare && VERSION=$2 deploy/compose config --images`, dist, released)

	must(dist, `"$1" --check "$PWD"`, filepath.Join(dir, "tools/release"))

	// Signed as docs/operations.md says, and checked by who has the public key. A file that was changed with its sum is noticed, too.
	sign, verify := line(t, "ssh-keygen -Y sign"), line(t, "ssh-keygen -Y verify")
	key := filepath.Join(t.TempDir(), "key")
	sign, verify = strings.Replace(sign, "~/.ssh/release_ed25519", key, 1), strings.Replace(verify, "allowed_signers", key+".allowed", 1)
	must(dist, `ssh-keygen -q -t ed25519 -N "" -f "$1" && echo "release@example.com $(cat "$1.pub")" >"$1.allowed"`, key)
	must(dist, sign)
	must(dist, verify)
	must(dist, `"$1" --check "$PWD"`, filepath.Join(dir, "tools/release"))
	must(dist, "cp SHA256SUMS kept && cp NOTES.md kept-notes && echo more >>NOTES.md && sha256sum NOTES.md | cat <(grep -v NOTES.md kept) - >SHA256SUMS")
	refused("incorrect signature", dist, verify)
	must(dist, "mv kept SHA256SUMS && mv kept-notes NOTES.md && rm SHA256SUMS.sig")

	must(dist, "echo more >>NOTES.md")
	refused("is not what was made", dist, `"$1" --check "$PWD"`, filepath.Join(dir, "tools/release"))
	must(dist, "sed -i '$ d' NOTES.md && echo x >other")
	refused("has files that SHA256SUMS does not name", dist, `"$1" --check "$PWD"`, filepath.Join(dir, "tools/release"))
	must(dist, "rm other && sed -i s/NOTES.md/OTHER.md/ provenance.json && sha256sum provenance.json | cat <(grep -v provenance.json SHA256SUMS) - >sums && mv sums SHA256SUMS")
	refused("provenance.json is about other files", dist, `"$1" --check "$PWD"`, filepath.Join(dir, "tools/release"))
}

// line is the command of docs/operations.md that begins so.
func line(t *testing.T, begin string) string {
	t.Helper()
	page, err := os.ReadFile(whole(t, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(page)) {
		if text = strings.TrimSpace(text); strings.HasPrefix(text, begin) {
			return text
		}
	}
	t.Fatalf("docs/operations.md has no command %q", begin)
	return ""
}
