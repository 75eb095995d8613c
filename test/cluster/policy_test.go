//go:build cluster

package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// dialer is a pod that connects and listens. Beside our pods it is as restricted as they are. It is never ready, so that no service has it.
const dialer = `
apiVersion: v1
kind: Pod
metadata: { name: %[1]s, namespace: %[2]s, labels: { %[3]s } }
spec:
  terminationGracePeriodSeconds: 1
  automountServiceAccountToken: false
  readinessGates: [{ conditionType: example.com/never }]
  securityContext: { runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }
  containers:
    - name: dial
      image: ` + tools + `
      imagePullPolicy: Never
      command: [/dial, "-listen=4317,8080"]
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
`

// policies tries who reaches whom, for each rule and both ways: what is allowed connects, and what is not does not. Where nothing may reach a
// port, another pod shows that it listens.
func (c *cluster) policies(t *testing.T) {
	t.Helper()
	c.apply(t, "{ apiVersion: v1, kind: Namespace, metadata: { name: monitoring } }")
	const name, ours = "app.kubernetes.io/name: ", ", app.kubernetes.io/part-of: driftsentry"
	where := map[string]string{}
	addresses := map[string]string{"postgres": "postgres.database", "kubernetes": "kubernetes.default"} // by their names: DNS is allowed
	for _, p := range []struct{ name, namespace, labels string }{
		{"controller", "ingress-nginx", "app.kubernetes.io/component: controller"}, {"neighbour", "ingress-nginx", "app: neighbour"},
		{"prometheus", "monitoring", name + "prometheus"}, {"collector", "monitoring", name + "opentelemetry-collector"}, {"stranger", "default", "app: stranger"},
		{"as-api", namespace, name + "driftsentry-api" + ours}, {"as-realtime", namespace, name + "driftsentry-realtime" + ours},
		{"as-migrate", namespace, name + "driftsentry-migrate" + ours},
	} {
		c.apply(t, fmt.Sprintf(dialer, p.name, p.namespace, p.labels))
		remove := c.command(context.WithoutCancel(t.Context()), "kubectl", "-n", p.namespace, "delete", "pod", p.name, "--wait=false")
		t.Cleanup(func() { _ = remove.Run() })
		where[p.name] = p.namespace
	}
	for pod, namespace := range where {
		c.kubectl(t, "-n", namespace, "wait", "--for=condition=ContainersReady", "--timeout=60s", "pod/"+pod)
		addresses[pod] = c.kubectl(t, "-n", namespace, "get", "pod", pod, "-o", "jsonpath={.status.podIP}")
	}
	for _, service := range services {
		for _, p := range c.pods(t, service) {
			if p.ready() != "" { // and so not one of those above
				addresses[strings.TrimPrefix(service, "driftsentry-")] = p.Status.PodIP
			}
		}
	}
	for _, rule := range []struct{ from, open, closed string }{
		{"controller", "api:3001 realtime:3002", "api:9090 realtime:9090"},
		{"neighbour", "collector:4317", "api:3001 realtime:3002 api:9090"},
		{"prometheus", "api:9090 realtime:9090", "api:3001 realtime:3002"},
		{"collector", "stranger:8080", "api:3001 api:9090 realtime:3002"},
		{"stranger", "collector:4317 collector:8080 kubernetes:443 postgres:5432", "api:3001 api:9090 realtime:3002 realtime:9090 as-migrate:8080"},
		{"as-api", "postgres:5432 collector:4317", "collector:8080 stranger:4317 kubernetes:443 realtime:3002 realtime:9090"},
		{"as-realtime", "postgres:5432 collector:4317", "collector:8080 stranger:4317 kubernetes:443 api:3001 api:9090"},
		{"as-migrate", "postgres:5432", "collector:4317 stranger:4317 kubernetes:443 api:3001 realtime:3002"},
	} {
		command := []string{"-n", where[rule.from], "exec", rule.from, "--", "/dial"}
		var want []string
		for state, targets := range map[string]string{"open": rule.open, "closed": rule.closed} {
			for target := range strings.FieldsSeq(targets) {
				who, port, _ := strings.Cut(target, ":")
				command = append(command, addresses[who]+":"+port)
				want = append(want, fmt.Sprintf("%s:%s %s", addresses[who], port, state))
			}
		}
		// The firewall of a node hears of a new pod a moment after its start.
		eventually(t, "what the pod "+rule.from+" reaches", func() error {
			got := c.kubectl(t, command...)
			if want := strings.Join(want, "\n"); got != want {
				return fmt.Errorf("from %s:\n%s\nwant\n%s", rule.from, got, want)
			}
			return nil
		})
	}
}

// careless tries pods and objects that the cluster must refuse.
func (c *cluster) careless(t *testing.T) {
	t.Helper()
	for what, try := range map[string]struct {
		refusal string
		args    []string
	}{
		"a pod with the rights that Kubernetes gives by default": {
			`violates PodSecurity "restricted`, []string{"-n", namespace, "run", "careless", "--image=" + tools, "--image-pull-policy=Never"},
		},
		"a ServiceMonitor that its CRD does not know": {
			"spec.endpoints", []string{"-n", namespace, "patch", "servicemonitor", "driftsentry", "--type=merge", "--dry-run=server", `--patch={"spec":{"endpoints":[{"port":9090}]}}`},
		},
	} {
		out, err := c.command(t.Context(), "kubectl", try.args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), try.refusal) {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
}
