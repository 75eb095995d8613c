//go:build cluster

package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// pod is what the test looks at in one of the services' pods.
type pod struct {
	Metadata struct {
		Name, UID         string
		DeletionTimestamp string
	}
	Spec   struct{ NodeName string }
	Status struct {
		PodIP             string
		Conditions        []struct{ Type, Status, LastTransitionTime string }
		ContainerStatuses []struct{ RestartCount int }
	}
}

// ready is since when a pod is ready; empty if it is not.
func (p pod) ready() string {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" {
			return c.LastTransitionTime
		}
	}
	return ""
}

// pods are those of a service that do not end.
func (c *cluster) pods(t *testing.T, service string) []pod {
	t.Helper()
	var list struct{ Items []pod }
	text := c.kubectl(t, "-n", namespace, "get", "pods", "-l", "app.kubernetes.io/name="+service, "-o", "json")
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(p pod) bool { return p.Metadata.DeletionTimestamp != "" })
}

// readiness is since when each pod of both services is ready.
func (c *cluster) readiness(t *testing.T) string {
	t.Helper()
	var since []string
	for _, service := range services {
		for _, p := range c.pods(t, service) {
			since = append(since, p.Metadata.Name+" "+p.ready())
		}
	}
	slices.Sort(since)
	return strings.Join(since, "\n")
}

// expectReady waits until a number of pods of each service serve, and no other is there.
func (c *cluster) expectReady(t *testing.T, want int) {
	t.Helper()
	eventually(t, "pods are ready", func() error {
		for _, service := range services {
			pods := c.pods(t, service)
			ready := slices.DeleteFunc(slices.Clone(pods), func(p pod) bool { return p.ready() == "" })
			if len(ready) != want || len(pods) != want && want > 1 {
				return fmt.Errorf("%s has %d pods, of which %d are ready; want %d", service, len(pods), len(ready), want)
			}
		}
		return nil
	})
}

// expectSpread: a node that is lost takes away one replica of each service.
func (c *cluster) expectSpread(t *testing.T) {
	t.Helper()
	for _, service := range services {
		var nodes []string
		for _, p := range c.pods(t, service) {
			nodes = append(nodes, p.Spec.NodeName)
		}
		slices.Sort(nodes)
		if !slices.Equal(nodes, []string{"node-1", "node-2"}) {
			t.Errorf("the pods of %s are on %v", service, nodes)
		}
	}
}

// kill ends the process of a pod as the kernel does when memory is short. All nodes are this machine.
func (p pod) kill(t *testing.T, service string) {
	t.Helper()
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	program := "/usr/local/bin/" + strings.TrimPrefix(service, "driftsentry-")
	for _, path := range groups {
		group, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // It has ended meanwhile.
		}
		if err != nil {
			t.Fatal(err)
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		name, _, _ := strings.Cut(string(line), "\x00")
		if !strings.Contains(string(group), "pod"+p.Metadata.UID) || name != program {
			continue
		}
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil {
			err = syscall.Kill(id, syscall.SIGKILL)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no process %s of %s was found", program, p.Metadata.Name)
}
