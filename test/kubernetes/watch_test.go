package kubernetes

import (
	"net/url"
	"strings"
	"testing"
)

// TestRules: the rules that hold everywhere are loaded here too, and a link of an alert leads to the Grafana of the overlay. That they are the
// same is what tools/kubernetes-rules --check compares. Mutations: rules.yaml left out; no replacement in the overlay; a link below Prometheus.
func TestRules(t *testing.T) {
	m := build(t, "overlays/production")
	var board *url.URL
	for _, c := range m.configMaps {
		board, _ = url.Parse(c.Data["GRAFANA_URL"])
	}
	alerts := map[string]bool{}
	for _, object := range m.rules {
		for _, group := range object.Spec.Groups {
			for _, rule := range group.Rules {
				if rule.Alert == "" {
					continue
				}
				alerts[rule.Alert] = true
				if link := rule.Annotations["dashboard"]; link != "" && !strings.HasPrefix(link, "https://"+board.Host+"/d/") {
					t.Errorf("%s links to %s", rule.Alert, link)
				}
			}
		}
	}
	for _, name := range []string{"ServiceDown", "ServiceNotReady", "ApiAvailabilityBurn", "RealtimeFreshnessBurn"} {
		if !alerts[name] {
			t.Errorf("no rule of %s is loaded: %v", name, alerts)
		}
	}
}

// TestProbes: what is asked from outside is let in, at the name of the ingress. Mutations: another name; a path that the ingress does not know.
func TestProbes(t *testing.T) {
	m := build(t, "overlays/production")
	ingress := m.ingresses[0].Spec.Rules[0]
	services := map[string]string{}
	for _, p := range m.probes {
		if p.Spec.JobName != "edge" || p.Spec.Module != p.Spec.Targets.StaticConfig.Labels["probe"] {
			t.Errorf("%s: the rules know no job %s with the probe %v of the module %s", p.Name, p.Spec.JobName, p.Spec.Targets.StaticConfig.Labels, p.Spec.Module)
		}
		for _, target := range p.Spec.Targets.StaticConfig.Targets {
			u, err := url.Parse(target)
			if err != nil || u.Scheme != "https" || u.Host != ingress.Host {
				t.Errorf("%s asks %s, %v; the ingress is for %s", p.Name, target, err, ingress.Host)
				continue
			}
			for _, path := range ingress.HTTP.Paths {
				if path.Path == u.Path {
					services[p.Spec.Module] = path.Backend.Service.Name
				}
			}
		}
	}
	if services["api"] != "driftsentry-api" || services["realtime"] != "driftsentry-realtime" {
		t.Errorf("the probes reach %v", services)
	}
}
