package e2e

import (
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/driftsentry/driftsentry/test/internal/registry"
)

// expectSeries looks for every series that the registry promises from the start: rules and dashboards would not see the first
// burst in others. It comes before the first client.
func expectSeries(t *testing.T, p *pair) {
	t.Helper()
	looked := 0
	for service, base := range map[string]string{"api": p.apiURL, "realtime": p.realtimeURL} {
		families := scrape(t, p, service, base)
		for _, m := range registry.All(t) {
			if m.Instrument != "counter" || m.Annotations.Code == "" || !slices.Contains(m.Annotations.Services, service) {
				continue
			}
			series := families[m.Exported(t)].GetMetric()
			if len(m.Attributes) == 0 && len(series) != 1 {
				t.Errorf("%s: %s does not exist", service, m.Exported(t))
			}
			for attribute, values := range m.Annotations.Values {
				label := strings.ReplaceAll(attribute, ".", "_") // as Prometheus has it
				for _, value := range values {
					looked++
					if !slices.ContainsFunc(series, func(s *dto.Metric) bool {
						return slices.ContainsFunc(s.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == label && l.GetValue() == value })
					}) {
						t.Errorf("%s: %s{%s=%q} does not exist", service, m.Exported(t), label, value)
					}
				}
			}
		}
	}
	if looked < 50 {
		t.Errorf("only %d series were looked for: the registry no longer has the values of labels", looked)
	}
}
