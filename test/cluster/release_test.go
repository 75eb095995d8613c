//go:build cluster

package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// release is a version of the product as an operator has it: a folder with its deploy, and images.
type release struct {
	dir string // has deploy and secrets
	tag string // of its images
}

// commitBefore is the version before: the newest tag or, until there is one, 50 commits ago.
func commitBefore(t *testing.T) string {
	t.Helper()
	tag, err := exec.CommandContext(t.Context(), "git", "-C", root, "describe", "--tags", "--abbrev=0", "HEAD^").Output()
	if err == nil {
		return strings.TrimSpace(string(tag))
	}
	return output(t, exec.CommandContext(t.Context(), "git", "-C", root, "rev-list", "--first-parent", "--max-count=1", "--skip=50", "HEAD"))
}

// release unpacks a commit, or the files as they are for "", builds its images, and gives them to the nodes.
func (c *cluster) release(t *testing.T, commit, tag, secrets string) *release {
	t.Helper()
	source, dir := root, t.TempDir()
	if commit != "" {
		source = t.TempDir()
		archive := c.command(t.Context(), "sh", "-c", `git -C "$1" archive "$2" | tar -x -C "$3"`, "sh", root, commit, source)
		output(t, archive)
	}
	for _, name := range []string{"api", "realtime"} {
		c.image(t, "driftsentry-"+name+":"+tag, "--build-arg", "VERSION="+tag, "-f", filepath.Join(source, "Dockerfile."+name), source)
	}
	if err := os.CopyFS(filepath.Join(dir, "deploy"), os.DirFS(filepath.Join(source, "deploy"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secrets, filepath.Join(dir, "secrets")); err != nil {
		t.Fatal(err)
	}
	r := &release{dir: dir, tag: tag}
	r.own(t)
	return r
}

// image builds one, gives it to the nodes, and removes it from Docker with the end of the test.
func (c *cluster) image(t *testing.T, name string, args ...string) {
	t.Helper()
	c.must(t, "nice", append([]string{"docker", "build", "-q", "-t", name}, args...)...)
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "-f", name).Run() })
	c.must(t, c.program, "load", name)
}

// own makes the overlay that of an operator: with images that this cluster has. Heartbeats are short, so that clients notice soon that a
// node is cut off.
func (r *release) own(t *testing.T) {
	t.Helper()
	path := filepath.Join(r.dir, "deploy/kubernetes/overlays/production/kustomization.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	own := regexp.MustCompile(`newName: registry\.example\.com/(\S+), newTag: [^ }]+`).ReplaceAllString(string(text), "newName: $1, newTag: "+r.tag)
	own = strings.Replace(own, "    literals:\n", "    literals:\n      - WEBSOCKET_HEARTBEAT=5s\n", 1)
	if strings.Contains(own, "registry.example.com") || !strings.Contains(own, "HEARTBEAT") {
		t.Fatalf("the overlay is not as expected:\n%s", own)
	}
	if err := os.WriteFile(path, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
}

// documented runs the commands of docs/operations.md that have these words, and returns what they print.
func (c *cluster) documented(t *testing.T, r *release, words string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	// A line of text in a list begins with fewer spaces.
	for _, block := range regexp.MustCompile(`(?: {4}.*\n)+`).FindAllString(string(page), -1) {
		if strings.Contains(block, words) {
			cmd := c.command(t.Context(), "bash", "-euo", "pipefail", "-c", block)
			cmd.Dir = r.dir
			return output(t, cmd)
		}
	}
	t.Fatalf("docs/operations.md has no commands with %q", words)
	return ""
}

// install runs the commands for an installation, an upgrade and the way back, which are the same.
func (c *cluster) install(t *testing.T, r *release) {
	t.Helper()
	c.documented(t, r, "kubectl apply -k")
	for _, name := range services {
		image := c.kubectl(t, "-n", namespace, "get", "deployment", name, "-o", "jsonpath={.spec.template.spec.containers[0].image}")
		if image != name+":"+r.tag {
			t.Errorf("%s runs %s, want %s", name, image, r.tag)
		}
	}
}

// rollOut updates the Secrets from the files, and replaces every pod.
func (c *cluster) rollOut(t *testing.T, r *release) {
	t.Helper()
	c.documented(t, r, "create secret")
	c.documented(t, r, "rollout restart")
}

var services = []string{"driftsentry-api", "driftsentry-realtime"}
