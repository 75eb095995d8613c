package observability

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
	"github.com/driftsentry/driftsentry/testkit/doctable"
)

var (
	label = regexp.MustCompile(`\{\{ \$labels\.(\w+) \}\}`)
	value = regexp.MustCompile(`\{\{ \$value[^}]*\}\}`)
)

// TestRunbookTable compares the table of runbooks with the alerts. A value that Prometheus fills in is shown as `<job>`, a
// number as `<n>`. -update writes the table.
func TestRunbookTable(t *testing.T) {
	var rows []string
	for _, g := range shipped.Groups(t) {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			summary := value.ReplaceAllString(label.ReplaceAllString(r.Annotations["summary"], "`<$1>`"), "`<n>`")
			if strings.Contains(summary, "{{") {
				t.Errorf("%s: the table can't show %q", r.Alert, summary)
			}
			rows = append(rows, doctable.Row(fmt.Sprintf("[%s](%[1]s.md)", r.Alert), r.Labels["severity"], summary))
		}
	}
	slices.Sort(rows)
	table := doctable.Header("Alert", "Severity", "Summary") + strings.Join(rows, "")
	doctable.Check(t, "docs/runbooks/README.md", "alerts", table)
}
