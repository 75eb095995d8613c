package kubernetes

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TestManifests checks what the API server does not: that what refers to something finds it. Mutations that were tried,
// each caught: an unknown field, one in another case, one that a ServiceMonitor does not have, a budget that selects
// nothing, a port that no container has, replicas beside an autoscaler, a writable root, a token, a pod that no policy
// holds for, another name of the jobs, an ingress that leads to the metrics, a Job with the account of the services, or
// whose account has no label.
func TestManifests(t *testing.T) {
	for _, path := range []string{"base", "overlays/production"} {
		t.Run(path, func(t *testing.T) {
			m := build(t, path)
			if len(m.deployments) != 2 || len(m.jobs) != 1 || len(m.budgets) != 2 || len(m.autoscalers) != 2 || len(m.monitors) != 1 {
				t.Fatalf("%d deployments, %d jobs, %d budgets, %d autoscalers, %d monitors",
					len(m.deployments), len(m.jobs), len(m.budgets), len(m.autoscalers), len(m.monitors))
			}
			m.expectSelected(t)
			m.expectReferences(t)
			m.expectFirst(t)
			m.expectAutoscaled(t)
			m.expectWatched(t)
			m.expectCrashDir(t)
			for name, template := range m.templates() {
				expectConfined(t, name, template.Spec)
			}
		})
	}
}

// expectSelected holds every selector against the pods that there are.
func (m *manifests) expectSelected(t *testing.T) {
	t.Helper()
	selectors := map[string]*metav1.LabelSelector{}
	for _, d := range m.deployments {
		selectors["deployment "+d.Name] = d.Spec.Selector
		for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
			selectors["spread of "+d.Name+" by "+spread.TopologyKey] = spread.LabelSelector
		}
	}
	for _, b := range m.budgets {
		selectors["budget "+b.Name] = b.Spec.Selector
	}
	for _, s := range m.services {
		selectors["service "+s.Name] = &metav1.LabelSelector{MatchLabels: s.Spec.Selector}
	}
	for _, p := range m.policies {
		selectors["policy "+p.Name] = &p.Spec.PodSelector
	}
	for name, selector := range selectors {
		selected := m.selected(t, selector)
		kind, of, _ := strings.Cut(name, " ")
		switch {
		case len(selected) == 0:
			t.Errorf("%s selects nothing", name)
		case kind == "policy":
		case len(selected) != 1 || !strings.HasPrefix(strings.TrimPrefix(of, "of "), selected[0]):
			t.Errorf("%s selects %v", name, selected)
		}
	}
	// What no policy refuses, every pod of the cluster reaches.
	for _, p := range m.policies {
		if len(p.Spec.PolicyTypes) == 2 && p.Spec.Ingress == nil && p.Spec.Egress == nil && len(m.selected(t, &p.Spec.PodSelector)) == len(m.templates()) {
			return
		}
	}
	t.Error("no policy refuses everything for every pod")
}

// TestAttackFromPod: a pod of ours that was taken over reaches little, and is reached by few: every rule names peers and ports, whole
// namespaces are no peers, and what leads to the internet leads to no address inside, where clouds give out credentials. Mutations:
// `to` of Postgres or the internet left out; a podSelector left out; `except` without 169.254.0.0/16.
func TestAttackFromPod(t *testing.T) {
	inside := []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"}
	peers := func(policy string, ports []networkingv1.NetworkPolicyPort, peers []networkingv1.NetworkPolicyPeer) {
		t.Helper()
		if len(peers) == 0 || len(ports) == 0 {
			t.Errorf("%s: a rule is for everyone, or for every port", policy)
		}
		for _, p := range peers {
			switch {
			case p.IPBlock == nil && (p.PodSelector == nil || p.NamespaceSelector == nil):
				t.Errorf("%s: a whole namespace is a peer: %+v", policy, p)
			case p.IPBlock == nil || !strings.HasSuffix(p.IPBlock.CIDR, "/0"):
			case strings.Contains(p.IPBlock.CIDR, ":"):
				t.Errorf("%s: all of IPv6 is a peer", policy)
			default:
				for _, network := range inside {
					if !slices.Contains(p.IPBlock.Except, network) {
						t.Errorf("%s: %s is among the addresses outside", policy, network)
					}
				}
			}
		}
	}
	rules := 0
	for _, p := range build(t, "overlays/production").policies {
		for _, rule := range p.Spec.Ingress {
			peers(p.Name, rule.Ports, rule.From)
			rules++
		}
		for _, rule := range p.Spec.Egress {
			peers(p.Name, rule.Ports, rule.To)
			rules++
		}
	}
	if rules < 5 {
		t.Errorf("%d rules were looked at", rules)
	}
}

// selected are those whose pods a selector selects.
func (m *manifests) selected(t *testing.T, s *metav1.LabelSelector) (names []string) {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	for name, template := range m.templates() {
		if selector.Matches(labels.Set(template.Labels)) {
			names = append(names, name)
		}
	}
	return names
}

// expectReferences follows names of ports, services, accounts and configuration.
func (m *manifests) expectReferences(t *testing.T) {
	t.Helper()
	for name, template := range m.templates() {
		if m.serviceAccounts[template.Spec.ServiceAccountName] == nil {
			t.Errorf("%s: there is no service account %q", name, template.Spec.ServiceAccountName)
		}
		for _, c := range template.Spec.Containers {
			for _, from := range c.EnvFrom {
				if m.configMaps[from.ConfigMapRef.Name] == nil {
					t.Errorf("%s: there is no ConfigMap %s", name, from.ConfigMapRef.Name)
				}
			}
		}
	}
	ports := map[string]map[string]bool{}
	for name, template := range m.templates() {
		ports[name] = map[string]bool{}
		for _, p := range template.Spec.Containers[0].Ports {
			ports[name][p.Name] = true
		}
	}
	for name, s := range m.services {
		for _, p := range s.Spec.Ports {
			if p.TargetPort.Type != intstr.String || !ports[name][p.TargetPort.StrVal] {
				t.Errorf("service %s: no container has the port %s", name, p.TargetPort.String())
			}
		}
	}
	for _, p := range m.policies {
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				for _, name := range m.selected(t, &p.Spec.PodSelector) {
					if !ports[name][port.Port.StrVal] {
						t.Errorf("policy %s: %s has no port %s", p.Name, name, port.Port)
					}
				}
			}
		}
	}
	for _, ingress := range m.ingresses {
		for _, rule := range ingress.Spec.Rules {
			for _, path := range rule.HTTP.Paths {
				s := m.services[path.Backend.Service.Name]
				if s == nil || !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == path.Backend.Service.Port.Name }) || path.Backend.Service.Port.Name != "http" {
					t.Errorf("ingress: %s leads to %+v", path.Path, path.Backend.Service)
				}
				// The detailed report is for insiders.
				exact := path.PathType != nil && *path.PathType == networkingv1.PathTypeExact
				if path.Path == "/health/detailed" || !exact && (isPrefix(path.Path, "/health/detailed") || strings.HasPrefix(path.Path, "/health")) {
					t.Errorf("ingress: %s lets more pass than live and ready", path.Path)
				}
			}
		}
	}
}

// expectFirst: on a cluster that has nothing of ours yet, what docs/operations.md applies first is the Job, with the
// account that its pod can't be made without.
func (m *manifests) expectFirst(t *testing.T) {
	t.Helper()
	match := regexp.MustCompile(`kubectl apply -k \S+ -l (\S+)\n`).FindStringSubmatch(read(t, "docs/operations.md"))
	if match == nil {
		t.Fatal("docs/operations.md applies nothing first")
	}
	first, err := labels.Parse(match[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range m.jobs {
		if !first.Matches(labels.Set(j.Labels)) {
			t.Errorf("%s does not select the job %s", first, j.Name)
		}
		name := j.Spec.Template.Spec.ServiceAccountName
		if account := m.serviceAccounts[name]; account == nil || !first.Matches(labels.Set(account.Labels)) {
			t.Errorf("%s does not select %q, the account of the job %s", first, name, j.Name)
		}
	}
}

func (m *manifests) expectAutoscaled(t *testing.T) {
	t.Helper()
	for _, d := range m.deployments {
		if d.Spec.Replicas != nil {
			t.Errorf("%s: every apply would undo what the autoscaler has done", d.Name)
		}
		update := d.Spec.Strategy.RollingUpdate
		if update == nil || update.MaxUnavailable.IntValue() != 0 {
			t.Errorf("%s: one is taken away before another is ready", d.Name)
		}
	}
	var targets []string
	for _, a := range m.autoscalers {
		if *a.Spec.MinReplicas < 2 || a.Spec.ScaleTargetRef.Kind != "Deployment" || a.Spec.ScaleTargetRef.APIVersion != "apps/v1" {
			t.Errorf("%s: %+v", a.Name, a.Spec)
		}
		targets = append(targets, a.Spec.ScaleTargetRef.Name)
	}
	slices.Sort(targets)
	if want := []string{"driftsentry-api", "driftsentry-realtime"}; !slices.Equal(targets, want) {
		t.Errorf("autoscalers of %v, want %v", targets, want)
	}
}

// expectWatched compares the ServiceMonitor with the services: their job must have the name that rules and dashboards want.
func (m *manifests) expectWatched(t *testing.T) {
	t.Helper()
	monitor := m.monitors[0].Spec
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Selector)
	if err != nil {
		t.Fatal(err)
	}
	jobs := map[string]bool{}
	for _, s := range m.services {
		if selector.Matches(labels.Set(s.Labels)) && slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == monitor.Endpoints[0].Port }) {
			jobs[s.Labels[monitor.JobLabel]] = true
		}
	}
	if want := map[string]bool{"driftsentry-api": true, "driftsentry-realtime": true}; !maps.Equal(jobs, want) {
		t.Errorf("jobs %v, want %v", jobs, want)
	}
}

// expectCrashDir: what ended a process is kept on the disk of the node, which outlives the container, and its user can write there.
func (m *manifests) expectCrashDir(t *testing.T) {
	t.Helper()
	for _, d := range m.deployments {
		spec := d.Spec.Template.Spec
		container := spec.Containers[0]
		dir := ""
		for _, from := range container.EnvFrom {
			for _, c := range m.configMaps {
				if from.ConfigMapRef != nil && c.Name == from.ConfigMapRef.Name {
					dir = c.Data["CRASH_DIR"]
				}
			}
		}
		mounted := slices.IndexFunc(container.VolumeMounts, func(v corev1.VolumeMount) bool { return v.MountPath == dir && !v.ReadOnly })
		if dir == "" || mounted < 0 {
			t.Errorf("%s keeps its crash output in %q, where no volume is", d.Name, dir)
			continue
		}
		volume := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == container.VolumeMounts[mounted].Name })
		if empty := spec.Volumes[volume].EmptyDir; empty == nil || empty.Medium != corev1.StorageMediumDefault || empty.SizeLimit.Value() < 32<<20 {
			t.Errorf("%s: the volume of %s is %+v: it must be on a disk, and hold 32 MiB of execution traces", d.Name, dir, spec.Volumes[volume])
		}
		if pod := spec.SecurityContext; pod.FSGroup == nil || *pod.FSGroup != *pod.RunAsGroup {
			t.Errorf("%s: the group of its volumes is %v", d.Name, pod.FSGroup)
		}
	}
}

// expectConfined is Kubernetes' own standard "restricted", and a read-only root filesystem.
func expectConfined(t *testing.T, name string, spec corev1.PodSpec) {
	t.Helper()
	is := func(b *bool, want bool) bool { return b != nil && *b == want }
	pod := spec.SecurityContext
	if pod == nil || !is(pod.RunAsNonRoot, true) || pod.SeccompProfile == nil || pod.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s: %+v", name, pod)
	}
	if !is(spec.AutomountServiceAccountToken, false) || !is(spec.EnableServiceLinks, false) || spec.HostNetwork || spec.HostPID || spec.HostIPC {
		t.Errorf("%s gets what it has no use for", name)
	}
	for _, v := range spec.Volumes {
		bounded := v.EmptyDir != nil && v.EmptyDir.SizeLimit != nil && v.Name == "crash"
		if v.Secret == nil && !bounded {
			t.Errorf("%s: volume %s is not a secret", name, v.Name)
		}
	}
	for _, c := range spec.Containers {
		s := c.SecurityContext
		if s == nil || !is(s.AllowPrivilegeEscalation, false) || !is(s.ReadOnlyRootFilesystem, true) || s.Capabilities == nil ||
			!slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
			t.Errorf("%s/%s: %+v", name, c.Name, s)
		}
		if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || !c.Resources.Limits.Memory().Equal(*c.Resources.Requests.Memory()) {
			t.Errorf("%s/%s: resources %+v", name, c.Name, c.Resources)
		}
	}
}

// isPrefix reports whether a path of an ingress takes in another.
func isPrefix(path, of string) bool { return strings.HasPrefix(of, path) }
