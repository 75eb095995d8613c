package kubernetes

import (
	"strings"
	"testing"
)

// Every alert links to a dashboard of the Grafana that the services know, and the probes ask the name of the ingress. Mutation: no
// replacement in the overlay.
func TestRules(t *testing.T) {
	m := build(t, "overlays/production")
	if len(m.rules) != 1 || len(m.probes) != 2 {
		t.Fatalf("%d rules, %d probes", len(m.rules), len(m.probes))
	}
	grafana, alerts := "", 0
	for _, c := range m.configMaps {
		grafana = c.Data["GRAFANA_URL"]
	}
	for _, g := range m.rules[0].Spec.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			alerts++
			if link := r.Annotations["dashboard"]; grafana == "" || !strings.HasPrefix(link, grafana+"/d/driftsentry-") {
				t.Errorf("%s has the dashboard %q, which is not of %q", r.Alert, link, grafana)
			}
		}
	}
	if alerts < 15 {
		t.Errorf("only %d alerts", alerts)
	}
	host := m.ingresses[0].Spec.Rules[0].Host
	for _, p := range m.probes {
		if target := p.Spec.Targets.StaticConfig.Targets[0]; p.Spec.JobName != "edge" || !strings.HasPrefix(target, "https://"+host+"/") {
			t.Errorf("%s asks %s in the job %s, and the ingress has the name %s", p.Name, target, p.Spec.JobName, host)
		}
	}
}
