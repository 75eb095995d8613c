package kubernetes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// TestEntry: who has the Gateway API in place of an Ingress lets in the same requests, at the same name, and to the same services. Mutations:
// a path left out of gateway.yaml; PathPrefix for an exact path; another port; no ingressClassName.
func TestEntry(t *testing.T) {
	m := build(t, "overlays/production")
	ingress := m.ingresses[0].Spec
	if ingress.IngressClassName == nil {
		t.Error("no controller is asked by name, so a cluster without a default class serves nothing")
	}
	route := decode(t, []byte(read(t, "deploy/kubernetes/overlays/production/gateway.yaml")))[0].(*gatewayv1.HTTPRoute).Spec
	if len(ingress.Rules) != 1 || len(route.Hostnames) != 1 || string(route.Hostnames[0]) != ingress.Rules[0].Host {
		t.Errorf("the route is for %v, the ingress for %+v", route.Hostnames, ingress.Rules)
	}
	kinds := map[string]string{string(networkingv1.PathTypePrefix): string(gatewayv1.PathMatchPathPrefix), string(networkingv1.PathTypeExact): string(gatewayv1.PathMatchExact)}
	var want, got []string
	for _, path := range ingress.Rules[0].HTTP.Paths {
		service := path.Backend.Service
		for _, port := range m.services[service.Name].Spec.Ports {
			if port.Name == service.Port.Name {
				want = append(want, fmt.Sprintf("%s %s to %s:%d", kinds[string(*path.PathType)], path.Path, service.Name, port.Port))
			}
		}
	}
	for _, rule := range route.Rules {
		for _, match := range rule.Matches {
			backend := rule.BackendRefs[0]
			got = append(got, fmt.Sprintf("%s %s to %s:%d", *match.Path.Type, *match.Path.Value, backend.Name, *backend.Port))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 8 || !slices.Equal(got, want) {
		t.Errorf("the gateway lets in\n%s\nand the ingress\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
