//go:build cluster

package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// shortly is how many requests may fail while a pod is gone that the cluster does not know of yet: the load sends 14 a second, half of them to
// each pod, and no ingress controller repeats them here.
const shortly = 60

// anyNumber is how many requests may fail without Postgres.
const anyNumber = -1

func TestCluster(t *testing.T) {
	c := start(t)
	defer c.print()
	c.toolsImage(t)
	secrets := c.database(t)
	c.before = c.release(t, commitBefore(t), "before", secrets)
	c.now = c.release(t, "", "now", secrets)
	c.documented(t, c.now, "create secret")
	c.install(t, c.before)
	c.expectReady(t, 2) // The autoscaler adds the second replica.
	c.begin(t)

	c.do(t, "upgrade from the version before", 0, c.upgrade)
	t.Run("applied again, nothing changes", c.again)
	c.do(t, "SIGKILL to an api and a realtime", shortly, c.killed)
	c.do(t, "drain node-2", 0, c.drain)
	c.do(t, "roll out a second signing key, one node with a zone", 0, c.secondKey)
	c.do(t, "roll out the use of that key, both nodes with a zone", 0, c.otherKey)
	c.do(t, "Postgres away for 5 s", anyNumber, c.blip)
	c.do(t, "Postgres away for 60 s", anyNumber, c.outage)
	c.do(t, "node-2 cut off, until the cluster knows", anyNumber, c.cut)
	// Connections that were idle when the node was cut off are tried once more.
	c.do(t, "node-2 cut off, and known to be", shortly, c.cutOff)
	c.do(t, "node-2 is back", shortly, c.heal)
	c.do(t, "scale up by CPU", 0, c.scale)
	c.do(t, "try what each pod reaches", 0, c.policies)
	t.Run("what does not fit is refused", c.careless)
	c.do(t, "back to the version before", 0, c.goBack)

	said := c.end(t)
	t.Log(said)
	for _, want := range []string{"0 lost, 0 duplicated, 0 reordered, 0 sockets without their place, 0 acknowledged writes missing", "silence: "} {
		if !strings.Contains(said, want) {
			t.Errorf("the load does not say %q", want)
		}
	}
	fmt.Fprintln(os.Stderr, regexp.MustCompile(`(?m)^(failed|events|writes|broken) .*$`).FindAllString(said, -1))
}

// upgrade is seen to spread the replicas over nodes that have no zone.
func (c *cluster) upgrade(t *testing.T) {
	t.Helper()
	c.install(t, c.now)
	c.expectReady(t, 2)
	c.expectSpread(t)
}

// again does what deployment from git does all the time. The selector of a PodDisruptionBudget is always sent by kubectl, which says
// `configured` then; its generation tells that nothing has changed.
func (c *cluster) again(t *testing.T) {
	t.Helper()
	budgets := func() string {
		return c.kubectl(t, "-n", namespace, "get", "poddisruptionbudgets", "-o", "jsonpath={.items[*].metadata.generation}")
	}
	before := budgets()
	said := c.kubectl(t, "apply", "-k", filepath.Join(c.now.dir, "deploy/kubernetes/overlays/production"))
	for line := range strings.Lines(said) {
		if !strings.HasSuffix(strings.TrimSpace(line), " unchanged") && !strings.HasPrefix(line, "poddisruptionbudget.policy/") {
			t.Error(line)
		}
	}
	if now := budgets(); now != before || before == "" {
		t.Errorf("the budgets have the generations %s, before %s", now, before)
	}
}

func (c *cluster) killed(t *testing.T) {
	t.Helper()
	for _, service := range services {
		p := c.pods(t, service)[0]
		p.kill(t, service)
		eventually(t, "it starts again", func() error {
			for _, now := range c.pods(t, service) {
				if now.Metadata.Name == p.Metadata.Name && now.Status.ContainerStatuses[0].RestartCount > p.Status.ContainerStatuses[0].RestartCount && now.ready() != "" {
					return nil
				}
			}
			return fmt.Errorf("%s was not restarted, or is not ready", p.Metadata.Name)
		})
	}
}

func (c *cluster) drain(t *testing.T) {
	t.Helper()
	c.kubectl(t, "drain", "node-2", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=180s")
	c.kubectl(t, "uncordon", "node-2")
	c.expectReady(t, 2)
}

// secondKey and otherKey replace the key of access tokens as docs/operations.md says. Users stay signed in: the load's sessions go on. The roll
// outs spread the replicas again, with zones on some nodes and on all.
func (c *cluster) secondKey(t *testing.T) {
	t.Helper()
	c.kubectl(t, "label", "node", "node-1", "topology.kubernetes.io/zone=a")
	c.documented(t, c.now, "openssl genpkey")
	c.rollOut(t, c.now)
	c.expectReady(t, 2)
	c.expectSpread(t)
}

func (c *cluster) otherKey(t *testing.T) {
	t.Helper()
	c.kubectl(t, "label", "node", "node-2", "topology.kubernetes.io/zone=b")
	secrets := filepath.Join(c.now.dir, "secrets")
	if err := os.Rename(filepath.Join(secrets, "jwt_private_key.next"), filepath.Join(secrets, "jwt_private_key")); err != nil {
		t.Fatal(err)
	}
	c.rollOut(t, c.now)
	c.expectReady(t, 2)
	c.expectSpread(t)
}

// blip is short enough that no replica leaves its service.
func (c *cluster) blip(t *testing.T) {
	t.Helper()
	before := c.readiness(t)
	back := c.away(t)
	after(t, 5*time.Second)
	back()
	c.settle(t)
	if now := c.readiness(t); now != before {
		t.Errorf("ready before:\n%s\nand after:\n%s", before, now)
	}
}

// outage is long enough that every replica does.
func (c *cluster) outage(t *testing.T) {
	t.Helper()
	before := c.pods(t, services[0])[0].Status.ContainerStatuses[0].RestartCount
	back := c.away(t)
	began := time.Now()
	eventually(t, "no pod is ready without Postgres", func() error {
		for _, service := range services {
			for _, p := range c.pods(t, service) {
				if p.ready() != "" {
					return fmt.Errorf("%s is ready", p.Metadata.Name)
				}
			}
		}
		return nil
	})
	t.Logf("no pod was ready %s after Postgres had gone", time.Since(began).Round(100*time.Millisecond))
	after(t, time.Minute-time.Since(began))
	back()
	began = time.Now()
	c.expectReady(t, 2)
	t.Logf("all pods were ready %s after Postgres was back", time.Since(began).Round(100*time.Millisecond))
	c.settle(t)
	if now := c.pods(t, services[0])[0].Status.ContainerStatuses[0].RestartCount; now != before {
		t.Errorf("a pod was restarted, which brings no database back: %d times, before %d", now, before)
	}
}

// cut lasts until the cluster has taken the pods of the node out of the services.
func (c *cluster) cut(t *testing.T) {
	t.Helper()
	c.expectSpread(t)
	began := time.Now()
	c.must(t, c.program, "cut", "2")
	c.expectReady(t, 1)
	t.Logf("the cluster knew after %s", time.Since(began).Round(100*time.Millisecond))
	c.settle(t)
}

// cutOff is long enough for each of the load's sockets to find that it is silent.
func (c *cluster) cutOff(t *testing.T) {
	t.Helper()
	after(t, 15*time.Second)
}

func (c *cluster) heal(t *testing.T) {
	t.Helper()
	c.must(t, c.program, "heal", "2")
	c.kubectl(t, "wait", "--for=condition=Ready", "--timeout=90s", "node/node-2")
	c.expectReady(t, 2)
}

// settle waits until no request fails any more: those that were under way have come to their end.
func (c *cluster) settle(t *testing.T) {
	t.Helper()
	const quiet = 5 // lines about the state, one each second
	last, same := c.load.next(t).failed, 0
	eventually(t, "requests succeed again", func() error {
		now := c.load.next(t).failed
		if now == last {
			same++
		} else {
			last, same = now, 0
		}
		if same < quiet {
			return fmt.Errorf("%d requests have failed", now)
		}
		return nil
	})
}

// scale lets the autoscaler act on what metrics-server measures. The load is far below the shipped limit, so the limit is lowered.
func (c *cluster) scale(t *testing.T) {
	t.Helper()
	limit := func(cpu string, replicas int) {
		c.kubectl(t, "-n", namespace, "patch", "hpa", "driftsentry-api", "--type=merge",
			fmt.Sprintf(`--patch={"spec":{"maxReplicas":%d,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"AverageValue","averageValue":%q}}}]}}`, replicas, cpu))
	}
	limit("5m", 3)
	defer limit("700m", 6)
	eventually(t, "a third replica serves", func() error {
		if pods := c.pods(t, "driftsentry-api"); len(pods) != 3 || pods[0].ready() == "" || pods[1].ready() == "" || pods[2].ready() == "" {
			return fmt.Errorf("%d pods; the autoscaler says %s", len(pods), c.kubectl(t, "-n", namespace, "get", "hpa", "driftsentry-api", "-o", "jsonpath={.status}"))
		}
		return nil
	})
}

func (c *cluster) goBack(t *testing.T) {
	t.Helper()
	c.install(t, c.before)
}
