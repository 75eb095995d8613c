//go:build mutation

package observability

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/driftsentry/driftsentry/test/internal/installed"
	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// TestMutations changes one thing of a rule at a time: each number, window and offset of its expression (twice, half; two, or minus one, in place of zero), `for`, each
// label. promtool's tests of that alert must fail then. It takes minutes:
//
//	go test -tags mutation -run 'TestMutations/StreamLag' -v ./test/prometheus/observability/
func TestMutations(t *testing.T) {
	promtool := installed.Programs(t, "promtool")["promtool"]
	for _, file := range shipped.RuleFiles(t, shipped.Compose) {
		if !strings.HasPrefix(filepath.Base(file), "alerts-") {
			continue // Made by sloth.
		}
		var content struct {
			Groups []struct{ Rules []map[string]any }
		}
		shipped.YAML(t, file, &content)
		for _, g := range content.Groups {
			for i, rule := range g.Rules {
				name := rule["alert"].(string)
				t.Run(name, func(t *testing.T) {
					tried := 0
					// The alert may have two rules, a page and a ticket, and may read other alerts.
					others := slices.Concat(g.Rules[:i], g.Rules[i+1:])
					if name == "OutageKnown" {
						others = content.Groups[0].Rules
					}
					others = related(name, others)
					if !passes(t, promtool, name, others, rule) {
						t.Fatal("its tests fail without a mutation, too")
					}
					for what, mutant := range mutants(t, rule) {
						if equivalent(name, what) {
							continue
						}
						if passes(t, promtool, name, others, mutant) {
							t.Errorf("survives: %s", what)
							continue
						}
						tried++
					}
					t.Logf("tried: %d mutations of %s, each caught by promtool", tried, name)
				})
			}
		}
	}
}

// equivalent are changes that mean the same. A process that ran for longer than 30 minutes has not started within them, however far one
// looks back. Watchdog fires with any value. A disk that will have less than 0 bytes is as full as one that will have less than 2, or -1.
func equivalent(alert, what string) bool {
	if alert == "DiskFilling" || alert == "DiskFull" {
		return strings.HasPrefix(what, "number -1 (") || strings.HasPrefix(what, "number 2 (")
	}
	return alert == "ServiceRestarts" && strings.HasPrefix(what, "window 1h0m0s (3)") || alert == "Watchdog" && strings.HasPrefix(what, "number")
}

func related(name string, rules []map[string]any) (list []map[string]any) {
	for _, r := range rules {
		if r["alert"] == name || name == "OutageKnown" && r["alert"] == "ServiceDown" {
			list = append(list, r)
		}
	}
	return list
}

// mutants are the changed rules by what was changed.
func mutants(t *testing.T, rule map[string]any) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	with := func(what, key string, value any) {
		changed := maps.Clone(rule)
		changed[key] = value
		all[what] = changed
	}
	for _, key := range []string{"for", "keep_firing_for"} {
		if rule[key] != nil {
			with(key+" is gone", key, "0s")
			with(key+" is longer", key, "3d")
		}
	}
	labels := rule["labels"].(map[string]any)
	for name := range labels {
		changed := maps.Clone(labels)
		changed[name] = "other"
		with("label "+name, "labels", changed)
	}
	for n := 0; ; n++ {
		changed := false
		for _, factor := range []float64{0.5, 2} {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(rule["expr"].(string))
			if err != nil {
				t.Fatal(err)
			}
			at, what := 0, ""
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				switch v := node.(type) {
				case *parser.NumberLiteral:
					at++
					if at == n+1 {
						if v.Val == 0 { // Twice as much is no change. An increase of one comes out as a little more.
							v.Val = 2
							if factor < 1 {
								v.Val = -1
							}
						} else {
							v.Val *= factor
						}
						what = "number " + v.String()
					}
				case *parser.MatrixSelector:
					at++
					if at == n+1 {
						v.Range = time.Duration(float64(v.Range) * factor)
						what = "window " + v.Range.String()
					}
				case *parser.VectorSelector:
					if v.OriginalOffset == 0 {
						break
					}
					at++
					if at == n+1 {
						v.OriginalOffset = time.Duration(float64(v.OriginalOffset) * factor)
						what = "offset " + v.OriginalOffset.String()
					}
				case *parser.SubqueryExpr:
					at++
					if at == n+1 {
						v.Range = time.Duration(float64(v.Range) * factor)
						what = "window " + v.Range.String()
					}
				}
				return nil
			})
			if what != "" {
				changed = true
				with(fmt.Sprintf("%s (%d) in %s", what, n, expr), "expr", expr.String())
			}
		}
		if !changed {
			return all
		}
	}
}

var ruleFiles = regexp.MustCompile(`(?m)^rule_files: .*$`)

// passes reports whether promtool's tests of the alert find nothing.
func passes(t *testing.T, promtool, name string, others []map[string]any, mutant map[string]any) bool {
	t.Helper()
	dir := t.TempDir()
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "mutant", "rules": append(others, mutant)}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.yml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"test", "rules", "--run=^" + name + "$"}
	for _, file := range shipped.Files(t, shipped.Deploy+"/prometheus/tests/*.yml") {
		tests := shipped.Text(t, file)
		// slo-history.yml needs what the rules of the objectives record; slo-budget.yml has the same alert without.
		if !strings.Contains(tests, "- name: "+name+"\n") || filepath.Base(file) == "slo-history.yml" {
			continue
		}
		path := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(path, []byte(ruleFiles.ReplaceAllString(tests, "rule_files: ["+dir+"/rules.yml]")), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	return exec.CommandContext(t.Context(), promtool, args...).Run() == nil
}
