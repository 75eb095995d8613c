//go:build cluster

package cluster

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	email    = "engineer@acme.example"
	password = "the-password-of-the-cluster-test"
	sockets  = 40
	tools    = "driftsentry-cluster-tools:test"
)

// counts is the state of the load so far.
type counts struct{ responses, failed, deliveries, lost int }

// load is a pod that sends requests and holds sockets, as an ingress controller does.
type load struct {
	ended chan struct{}

	mu      sync.Mutex
	changed chan struct{} // closed with the next line about the state
	now     counts
	said    []string
}

// loader is beside what may be cut off.
const loader = `
apiVersion: v1
kind: Namespace
metadata: { name: ingress-nginx }
---
apiVersion: v1
kind: Pod
metadata: { name: load, namespace: ingress-nginx, labels: { app.kubernetes.io/component: controller } }
spec:
  nodeName: node-1
  restartPolicy: Never
  terminationGracePeriodSeconds: 180
  initContainers:
    # The firewall of a node hears of a new pod a moment after its start.
    - name: wait
      image: ` + tools + `
      imagePullPolicy: Never
      command: [/dial, -wait, "driftsentry-api.driftsentry:80", "driftsentry-realtime.driftsentry:80"]
  containers:
    - name: load
      image: ` + tools + `
      imagePullPolicy: Never
      command:
        - /load
        - -api=http://driftsentry-api.driftsentry
        - -realtime=http://driftsentry-realtime.driftsentry
        - -allow=driftsentry-api.driftsentry,driftsentry-realtime.driftsentry
        - -for=20m
        - -every=1s
        - -list=6/s
        - -get=6/s
        - -approve=1/s
        - -reject=0
        - -ingest=1/s
        - -sockets=` + "%d" + `
      env: [{ name: LOAD_EMAIL, value: %q }, { name: LOAD_PASSWORD, value: %q }]
`

// toolsImage builds the image of load and dial.
func (c *cluster) toolsImage(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, path := range map[string]string{"load": "./test/cmd/load", "dial": "./test/cluster/dial"} {
		build := exec.CommandContext(t.Context(), "nice", "go", "build", "-buildvcs=false", "-o", filepath.Join(dir, name), path)
		build.Dir = root
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		output(t, build)
	}
	file := "FROM scratch\nCOPY load dial /\nUSER 65532:65532\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	c.image(t, tools, dir)
}

// begin makes the user, starts the pod, and returns when requests are sent.
func (c *cluster) begin(t *testing.T) {
	t.Helper()
	create := c.command(t.Context(), "kubectl", "-n", namespace, "exec", "-i", "deployment/driftsentry-api", "--",
		"api", "user", "create", "--account", "acme", "--email", email, "--name", "Load", "--role", "engineer", "--password-stdin")
	create.Stdin = strings.NewReader(password)
	output(t, create)
	c.apply(t, fmt.Sprintf(loader, sockets, email, password))
	c.kubectl(t, "-n", "ingress-nginx", "wait", "--for=condition=Ready", "--timeout=60s", "pod/load")
	logs := c.command(t.Context(), "kubectl", "-n", "ingress-nginx", "logs", "--follow", "pod/load")
	lines, err := logs.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Start(); err != nil {
		t.Fatal(err)
	}
	l := &load{ended: make(chan struct{}), changed: make(chan struct{})}
	go func() {
		defer close(l.ended)
		l.read(lines)
		_ = logs.Wait()
	}()
	c.load = l
	if n := l.next(t); n.failed > 0 {
		t.Errorf("%d requests failed on an installation that nobody disturbs", n.failed)
	}
}

var state = regexp.MustCompile(`(\d+) of \d+ requests with a response, (\d+) failed; (\d+) deliveries to \d+ sockets, (\d+) lost`)

func (l *load) read(lines io.Reader) {
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		l.mu.Lock()
		if match := state.FindStringSubmatch(scanner.Text()); match != nil {
			var n [4]int
			for i := range n {
				n[i], _ = strconv.Atoi(match[i+1])
			}
			l.now = counts{n[0], n[1], n[2], n[3]}
			close(l.changed)
			l.changed = make(chan struct{})
		} else {
			l.said = append(l.said, scanner.Text())
		}
		l.mu.Unlock()
	}
}

// text is what the pod has said beside its state.
func (l *load) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.said, "\n")
}

// next waits for the next line about the state.
func (l *load) next(t *testing.T) counts {
	t.Helper()
	l.mu.Lock()
	changed := l.changed
	l.mu.Unlock()
	select {
	case <-changed:
	case <-l.ended:
		t.Fatalf("the load has ended:\n%s", l.text())
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// end stops the load, and returns what it says about the whole run once each socket has every event.
func (c *cluster) end(t *testing.T) string {
	t.Helper()
	c.kubectl(t, "-n", "ingress-nginx", "delete", "pod", "load", "--wait=false")
	select {
	case <-c.load.ended:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
	return c.load.text()
}
