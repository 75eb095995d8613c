//go:build cluster

package cluster

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/test/internal/installed"
	"github.com/driftsentry/driftsentry/test/internal/polling"
)

const (
	root      = "../.."
	namespace = "driftsentry"
)

// cluster is a running one, with what the test has made on it.
type cluster struct {
	program string   // that starts and ends it
	environ []string // with KUBECONFIG, and kubectl on the PATH
	load    *load    // nil before it has begun
	rows    []row    // what was done

	before, now *release
}

// start skips the test where there is no cluster to start.
func start(t *testing.T) *cluster {
	t.Helper()
	program := os.Getenv("CLUSTER")
	if program == "" {
		program = installed.Programs(t, "cluster")["cluster"]
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	kubelet := filepath.Join(cmp.Or(os.Getenv("STACK_DIR"), filepath.Join(home, ".cache", "stack")), "kubernetes/bin/kubelet")
	for what, missing := range map[string]error{
		"no Kubernetes in STACK_DIR":    stat(kubelet),
		"no container engine":           exec.CommandContext(t.Context(), "docker", "info").Run(),
		"only root can start a cluster": asRoot(),
		"no psql on the PATH":           look("psql"),
	} {
		if missing != nil {
			fmt.Fprintf(os.Stderr, "NOT RUN: %s (%v)\n", what, missing)
			t.Skipf("NOT RUN: %s (%v)", what, missing)
		}
	}
	c := &cluster{program: program, environ: os.Environ()}
	out, err := c.command(t.Context(), program, "up").CombinedOutput()
	if err != nil && strings.Contains(string(out), "runs already") {
		t.Fatalf("%s\nIf nobody uses it, end it: %s down", out, program) // Else it would be someone else's that ends with this test.
	}
	t.Cleanup(func() { c.down(t) })
	if err != nil {
		t.Fatalf("%s up: %v\n%s", program, err, out)
	}
	for _, match := range regexp.MustCompile(`(\w+)=(\S+)`).FindAllStringSubmatch(c.must(t, program, "env"), -1) {
		c.environ = append(c.environ, match[1]+"="+os.Expand(match[2], os.Getenv))
	}
	return c
}

func stat(path string) error {
	_, err := os.Stat(path)
	return err
}

func look(program string) error {
	_, err := exec.LookPath(program)
	return err
}

func asRoot() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("the user is %d", os.Geteuid())
	}
	return nil
}

// down removes the cluster, and looks whether that left something on this machine.
func (c *cluster) down(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if out, err := c.command(ctx, c.program, "down").CombinedOutput(); err != nil {
		t.Errorf("cluster down: %v\n%s", err, out)
	}
	for _, look := range []struct{ where, pattern string }{
		{"iptables-save", `KUBE-|CNI-|10\.20[123]\.`}, {"ip -o link", `ds-(node|pods)`}, {"ip netns list", `ds-node|cni-`}, {"ps -eo args", `^\S*/kubernetes/bin/`},
	} {
		words := strings.Fields(look.where)
		out, err := c.command(ctx, words[0], words[1:]...).Output()
		if left := regexp.MustCompile("(?m)^.*("+look.pattern+").*$").FindAllString(string(out), 3); err != nil || left != nil {
			t.Errorf("%s: %v; left behind: %q", look.where, err, left)
		}
	}
}

func (c *cluster) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = c.environ
	// exec looks for the program on the PATH of this process.
	if name == "kubectl" {
		for _, entry := range slices.Backward(c.environ) {
			if path, ok := strings.CutPrefix(entry, "PATH="); ok {
				cmd.Path, cmd.Err = filepath.Join(filepath.SplitList(path)[0], name), nil
				break
			}
		}
	}
	return cmd
}

// must runs a program that has to succeed, and returns what it prints.
func (c *cluster) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	return output(t, c.command(t.Context(), name, args...))
}

// kubectl has to succeed.
func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return c.must(t, "kubectl", args...)
}

// apply sends objects, given as YAML.
func (c *cluster) apply(t *testing.T, objects string) {
	t.Helper()
	cmd := c.command(t.Context(), "kubectl", "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(objects)
	output(t, cmd)
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// eventually repeats a check until it returns no error. Other programs work at their own speed, so it can only poll.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	polling.Until(t, what, 2*time.Minute, 500*time.Millisecond, func(context.Context) error { return try() })
}

// after lets an outage last for its time, which is what it is about.
func after(t *testing.T, outage time.Duration) {
	t.Helper()
	select {
	case <-time.After(outage):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
