package kubernetes

import (
	"slices"
	"strconv"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// TestResilience checks what decides how much of a service a fault takes away. Each line was seen on a cluster (test/cluster). Mutations: a spread
// over zones beside that over nodes; a spread without matchLabelKeys; zones that are required; readiness that fails at once, or after a minute.
func TestResilience(t *testing.T) {
	for _, d := range build(t, "overlays/production").deployments {
		expectSpread(t, d)
		probe := d.Spec.Template.Spec.Containers[0].ReadinessProbe
		if patience := time.Duration(probe.FailureThreshold*probe.PeriodSeconds) * time.Second; patience < 8*time.Second || patience > 20*time.Second {
			t.Errorf("%s leaves its service after %s without Postgres: every blip takes all replicas away, or a lost one stays for long", d.Name, patience)
		}
	}
}

func expectSpread(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	const zone, version = "topology.kubernetes.io/zone", appsv1.DefaultDeploymentUniqueLabelKey
	spec := d.Spec.Template.Spec
	// With another key beside it, nodes without that label do not count.
	if c := spec.TopologySpreadConstraints; len(c) != 1 || c[0].TopologyKey != corev1.LabelHostname || c[0].MaxSkew != 1 ||
		c[0].WhenUnsatisfiable != corev1.ScheduleAnyway || !slices.Equal(c[0].MatchLabelKeys, []string{version}) {
		t.Errorf("%s is spread by %+v", d.Name, c)
	}
	if spec.Affinity == nil || spec.Affinity.PodAntiAffinity == nil {
		t.Fatalf("%s does not prefer different zones", d.Name)
	}
	apart := spec.Affinity.PodAntiAffinity
	if len(apart.RequiredDuringSchedulingIgnoredDuringExecution) > 0 {
		t.Errorf("%s: a cluster of one zone could run one replica", d.Name)
	}
	preferred := apart.PreferredDuringSchedulingIgnoredDuringExecution
	if len(preferred) != 1 || preferred[0].PodAffinityTerm.TopologyKey != zone || !slices.Equal(preferred[0].PodAffinityTerm.MatchLabelKeys, []string{version}) ||
		preferred[0].PodAffinityTerm.LabelSelector.MatchLabels["app.kubernetes.io/name"] != d.Name {
		t.Errorf("%s prefers %+v", d.Name, preferred)
	}
}

// TestAppliedAgain: what the API server would add to an item of a list that is replaced as a whole, or to a strategy, is written, so that nothing changes
// when the same manifests are applied again, as deployment from git does all the time. Mutations: a port without its protocol; a strategy without its type.
func TestAppliedAgain(t *testing.T) {
	expect := func(policy string, ports []networkingv1.NetworkPolicyPort) {
		for _, port := range ports {
			if port.Protocol == nil {
				t.Errorf("policy %s, port %s: the protocol is not written, so each apply says that the policy changes", policy, port.Port)
			}
		}
	}
	m := build(t, "overlays/production")
	for _, d := range m.deployments {
		if d.Spec.Strategy.Type == "" {
			t.Errorf("%s: the type of its strategy is not written, so each apply says that it changes", d.Name)
		}
	}
	for _, p := range m.policies {
		for _, rule := range p.Spec.Ingress {
			expect(p.Name, rule.Ports)
		}
		for _, rule := range p.Spec.Egress {
			expect(p.Name, rule.Ports)
		}
	}
}

// TestMigrateAgain: the Job can be applied for each version by what deploys from git, before the services are replaced. Mutations: no delete
// policy; the Job in the wave of the services, or before its account; no force for Flux.
func TestMigrateAgain(t *testing.T) {
	m := build(t, "overlays/production")
	job := m.jobs[0]
	wave := func(annotations map[string]string) int {
		n, _ := strconv.Atoi(annotations["argocd.argoproj.io/sync-wave"]) // Without one it is 0.
		return n
	}
	if job.Annotations["argocd.argoproj.io/hook"] != "Sync" || job.Annotations["argocd.argoproj.io/hook-delete-policy"] != "BeforeHookCreation" ||
		job.Annotations["kustomize.toolkit.fluxcd.io/force"] != "enabled" {
		t.Errorf("a second version can't be applied: %v", job.Annotations)
	}
	account := m.serviceAccounts[job.Spec.Template.Spec.ServiceAccountName]
	if wave(job.Annotations) >= 0 || wave(account.Annotations) >= wave(job.Annotations) {
		t.Errorf("the waves of the account and of the Job are %d and %d, of the services 0", wave(account.Annotations), wave(job.Annotations))
	}
}
