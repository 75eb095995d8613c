package plan

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// made is a plan by rule.
type made struct {
	version         string // of the tool
	mode            string // refresh-only, normal or destroy
	complete        string // "", "true" or "false"
	drift, slimmed  bool
	move, errored   bool
	deposed, forget bool
}

func (m made) String() string {
	const resource = `"mode":"managed","type":"aws_thing","name":"a","provider_name":"registry.terraform.io/hashicorp/aws"`
	entry := func(address, rest, actions, before, after string) string {
		return fmt.Sprintf(`{"address":%q,%s%s,"change":{"actions":[%s],"before":%s,"after":%s}}`, address, resource, rest, actions, before, after)
	}
	previous := ""
	if m.move {
		previous = `,"previous_address":"aws_thing.old"`
	}
	var top, drifts, changes []string
	top = append(top, fmt.Sprintf(`"format_version":"1.2","terraform_version":%q`, cmp.Or(m.version, "1.11.4")))
	if m.drift {
		drifts = append(drifts, entry("aws_thing.a", previous, `"update"`, `{"n":1}`, `{"n":2}`))
	} else if m.move {
		drifts = append(drifts, entry("aws_thing.a", previous, `"no-op"`, `{"n":1}`, `{"n":1}`))
	}
	switch m.mode {
	case "normal":
		changes = append(changes, entry("aws_thing.a", previous, `"no-op"`, `{"n":1}`, `{"n":1}`),
			entry("aws_thing.b", `,"action_reason":"delete_because_no_resource_config"`, `"delete"`, `{"n":1}`, `null`))
	case "destroy":
		changes = append(changes, entry("aws_thing.a", previous, `"delete"`, `{"n":1}`, `null`), entry("aws_thing.b", "", `"delete"`, `{"n":1}`, `null`))
		if m.forget {
			changes = append(changes, entry("aws_thing.c", "", `"forget"`, `{"n":1}`, `null`))
		}
	}
	if m.deposed {
		changes = append(changes, entry("aws_thing.a", `,"deposed":"0a1b"`, `"delete"`, `{"n":1}`, `null`))
	}
	if len(drifts) > 0 {
		top = append(top, `"resource_drift":[`+strings.Join(drifts, ",")+`]`)
	}
	if !m.slimmed && len(changes) > 0 {
		top = append(top, `"resource_changes":[`+strings.Join(changes, ",")+`]`)
	}
	if !m.slimmed {
		top = append(top, `"prior_state":{"values":{"root_module":{"resources":[{"address":"aws_thing.a",`+resource+`,"values":{"n":1}}]}}}`,
			`"configuration":{"root_module":{"resources":[{"address":"aws_thing.a",`+resource+`}]}}`)
	}
	if m.complete != "" {
		top = append(top, `"complete":`+m.complete)
	}
	return `{` + strings.Join(top, ",") + fmt.Sprintf(`,"errored":%t}`, m.errored)
}

// by is who makes a plan: the tool's version, and what it says about how much it covers.
type by struct{ name, version, complete string }

var makers = []by{
	{"Terraform", "1.11.4", "true"},
	{"Terraform with -target", "1.11.4", "false"},
	{"Terraform before 1.8", "1.7.5", ""},
	{"OpenTofu", "1.12.6", ""},
}

// TestRead_evidence crosses the two tables: how the plan was made, and how much of its root it covers; whole and slimmed, with
// and without a move, of a run that failed, stale, and with everything that a sender may state and that the plan does not contradict.
func TestRead_evidence(t *testing.T) {
	for _, maker := range makers {
		for _, mode := range []Mode{ModeRefreshOnly, ModeNormal, ModeDestroy} {
			for bits := range 16 {
				m := made{
					version: maker.version, complete: maker.complete, mode: string(mode),
					drift: bits&1 > 0 && mode != ModeDestroy, slimmed: bits&2 > 0, move: bits&4 > 0, errored: bits&8 > 0,
				}
				for _, says := range statements(mode) {
					p := readWith(t, m.String(), says)
					refreshed, coverage := expected(m, mode, says)
					label := fmt.Sprintf("%s, %+v, stated mode=%s refreshed=%t scope=%s", maker.name, m, says.Mode, says.Refreshed, says.Scope)
					e := p.Evidence
					if e.Refreshed != refreshed || e.Coverage != coverage {
						t.Errorf("%s: got %s and %s, want %s and %s", label, e.Refreshed, e.Coverage, refreshed, coverage)
					}
					resolves := (refreshed == RefreshProven || refreshed == RefreshStated) && coverage == CoverageFull
					if got := p.Judge(OriginDrift, "aws_thing.gone").Resolved; got != resolves || e.Resolves() != resolves {
						t.Errorf("%s: resolves %t", label, got)
					}
					// One reason for each doubt; where nothing could be proven anyhow, only the one that helps.
					doubts := 0
					if refreshed == RefreshUnknown || refreshed == RefreshNo {
						doubts++
					}
					if coverage != CoverageFull && refreshed != RefreshNo {
						doubts++
					}
					if len(e.Reasons) != doubts || slices.ContainsFunc(e.Reasons, func(r string) bool { return !strings.HasSuffix(r, ".") }) {
						t.Errorf("%s: reasons %q", label, e.Reasons)
					}
					if stale := e.Stale(); stale.Resolves() || stale.Refreshed != RefreshNo || stale.Coverage != coverage {
						t.Errorf("%s: stale, it has %+v", label, stale)
					}
				}
			}
		}
	}
}

// statements are what a sender may state of a plan of this mode without contradicting it.
func statements(mode Mode) []Options {
	var list []Options
	for _, stated := range []Mode{ModeUnknown, mode} {
		for _, refreshed := range []bool{false, true} {
			for _, scope := range []Scope{"", ScopeFull, ScopePartial} {
				list = append(list, Options{Mode: stated, Refreshed: refreshed, Scope: scope})
			}
		}
	}
	return list
}

// expected is what the two tables say.
func expected(m made, mode Mode, says Options) (refreshed Refreshed, coverage Coverage) {
	shows := !m.slimmed || says.Mode != ModeUnknown // how it was made
	switch {
	case m.errored, shows && mode == ModeDestroy:
		refreshed = RefreshNo
	case m.drift, shows && mode == ModeRefreshOnly:
		refreshed = RefreshProven
	case says.Refreshed:
		refreshed = RefreshStated
	default:
		refreshed = RefreshUnknown
	}
	switch {
	case m.complete == "false" || says.Scope == ScopePartial:
		coverage = CoveragePartial
	case m.complete == "true" || says.Scope == ScopeFull:
		coverage = CoverageFull
	default:
		coverage = CoverageUnknown
	}
	return refreshed, coverage
}

func readWith(t *testing.T, raw string, opt Options) *Plan {
	t.Helper()
	opt.Key = testKey
	p, err := Read(t.Context(), strings.NewReader(raw), opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRead_evidence_special(t *testing.T) {
	for _, tt := range []struct {
		name      string
		plan      made
		says      Options
		refreshed Refreshed
		mode      Mode
		reason    string
	}{
		{"errored", made{mode: "normal", complete: "false", drift: true, errored: true}, Options{Refreshed: true}, RefreshNo, ModeNormal, "failed"},
		{"refresh-only is said of a normal plan", made{mode: "normal", complete: "true"}, Options{Mode: ModeRefreshOnly}, RefreshUnknown, ModeNormal, "mode=refresh-only was sent"},
		{"refresh-only is said of a destroy plan", made{mode: "destroy", complete: "true"}, Options{Mode: ModeRefreshOnly}, RefreshNo, ModeDestroy, "destroy"},
		{"normal is said of a destroy plan", made{mode: "destroy", complete: "true"}, Options{Mode: ModeNormal, Refreshed: true}, RefreshNo, ModeDestroy, "destroy"},
		{"a normal plan is said of a refresh-only one", made{mode: "refresh-only", complete: "true"}, Options{Mode: ModeNormal}, RefreshUnknown, ModeNormal, "refreshed=true"},
		{"a destroy plan that forgets one", made{mode: "destroy", complete: "true", forget: true}, Options{Refreshed: true}, RefreshNo, ModeDestroy, "destroy"},
		{"a normal plan that deletes a deposed object", made{mode: "normal", complete: "true", deposed: true}, Options{Refreshed: true}, RefreshStated, ModeNormal, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := readWith(t, tt.plan.String(), tt.says).Evidence
			if e.Refreshed != tt.refreshed || e.Mode != tt.mode || !strings.Contains(strings.Join(e.Reasons, " "), tt.reason) {
				t.Errorf("%+v", e)
			}
		})
	}
	t.Run("a resource that was deleted was the last one", func(t *testing.T) {
		raw := `{"format_version":"1.2","complete":true,"configuration":{},"resource_drift":[` + strings.Replace(update("a", `{"n":1}`, `null`), "update", "delete", 1) + `]}`
		if e := readWith(t, raw, Options{}).Evidence; e.Refreshed != RefreshProven || e.Mode != ModeRefreshOnly {
			t.Errorf("%+v", e)
		}
	})
	t.Run("a normal plan of an old Terraform that deletes", func(t *testing.T) {
		raw := `{"format_version":"0.2","resource_changes":[{"address":"a.b","type":"a","change":{"actions":["delete"]}},{"address":"a.c","type":"a","change":{"actions":["no-op"]}}]}`
		if e := readWith(t, raw, Options{Refreshed: true}).Evidence; e.Refreshed != RefreshStated || e.Mode != ModeNormal {
			t.Errorf("%+v", e)
		}
	})
	t.Run("a slimmed plan of which all changes were left out", func(t *testing.T) {
		raw := strings.TrimSuffix(drifted(update("a", `{"n":1}`, `{"n":2}`)), "}") + `,"resource_changes":[]}`
		for mode, want := range map[Mode]bool{ModeUnknown: false, ModeRefreshOnly: false, ModeNormal: true} {
			if v := readWith(t, raw, Options{Changes: true, Mode: mode}).Judge(OriginChange, "x.y"); v.Resolved != want {
				t.Errorf("%q: %+v", mode, v)
			}
		}
	})
	t.Run("stale", func(t *testing.T) {
		e := readWith(t, made{mode: "refresh-only", complete: "true"}.String(), Options{}).Evidence
		if s := e.Stale(); s.Resolves() || s.Refreshed != RefreshNo || len(s.Reasons) != 1 || len(e.Reasons) != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("changes are seen when asked for and listed", func(t *testing.T) {
		raw := made{mode: "normal", complete: "true", drift: true}.String()
		if !readWith(t, raw, Options{Changes: true}).Judge(OriginChange, "x.y").Resolved {
			t.Error("a change that is gone stays open")
		}
		for name, p := range map[string]*Plan{
			"not asked for": readWith(t, raw, Options{}),
			"not listed":    readWith(t, made{mode: "refresh-only", complete: "true"}.String(), Options{Changes: true}),
		} {
			if p.Judge(OriginChange, "x.y").Resolved {
				t.Errorf("%s: a change is resolved", name)
			}
		}
		if readWith(t, raw, Options{Changes: true}).Judge(OriginManual, "x.y").Resolved {
			t.Error("a plan resolves what a person reported")
		}
	})
}

func field(t *testing.T, name string) string {
	t.Helper()
	files, err := filepath.Glob("testdata/field/" + name + "*")
	if err != nil || len(files) != 1 {
		t.Fatal(name, files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestRead_field_evidence reads plans of real reports, made by real tools.
func TestRead_field_evidence(t *testing.T) {
	for _, tt := range []struct {
		file      string
		scope     Scope
		mode      Mode
		refreshed Refreshed
		coverage  Coverage
	}{
		{"case01a", "", ModeRefreshOnly, RefreshProven, CoverageFull},
		{"case01b", "", ModeNormal, RefreshUnknown, CoverageFull},
		{"case01b", ScopeFull, ModeNormal, RefreshUnknown, CoverageFull},
		{"case06", "", ModeNormal, RefreshProven, CoverageFull},
		{"case10x-b", "", ModeUnknown, RefreshUnknown, CoverageFull},
		{"case16a", "", ModeRefreshOnly, RefreshProven, CoverageUnknown},
		{"case16e", ScopeFull, ModeNormal, RefreshUnknown, CoverageFull},
		{"case16f", "", ModeRefreshOnly, RefreshProven, CoverageUnknown},
		{"case16f", ScopeFull, ModeRefreshOnly, RefreshProven, CoverageFull},
		{"case20f", "", ModeUnknown, RefreshNo, CoverageUnknown},
		{"case26b", "", ModeRefreshOnly, RefreshProven, CoverageFull},
		{"case27a", "", ModeRefreshOnly, RefreshProven, CoverageFull},
		{"case27b", "", ModeDestroy, RefreshNo, CoverageFull},
		{"case28c", "", ModeNormal, RefreshProven, CoverageFull},
	} {
		t.Run(tt.file+string(tt.scope), func(t *testing.T) {
			e := readWith(t, field(t, tt.file), Options{Scope: tt.scope}).Evidence
			if e.Mode != tt.mode || e.Refreshed != tt.refreshed || e.Coverage != tt.coverage {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestRead_old_Terraform(t *testing.T) {
	_, err := Read(t.Context(), strings.NewReader(field(t, "case02-legacy")), Options{Key: testKey})
	if e, ok := errors.AsType[*Error](err); !ok || e.Path != "terraform_version" || !strings.Contains(e.Message, "0.14.11") {
		t.Error(err)
	}
	for version, ok := range map[string]bool{
		"0.15.3": false, "0.15.4-beta1": true, "0.15.4": true, "0.12.31": false, "1.0.0": true, "1.12.6-dev": true, "": true, "next": true, "0.15": true,
	} {
		_, err := Read(t.Context(), strings.NewReader(`{"format_version":"0.1","errored":false,"terraform_version":"`+version+`"}`), Options{Key: testKey})
		if (err == nil) != ok {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// TestPlan_Judge_resource: evidence that resolves does not reach what was not refreshed, or could not be read.
func TestPlan_Judge_resource(t *testing.T) {
	const state = `"prior_state":{"values":{"root_module":{"resources":[{"address":"aws_thing.a","mode":"managed"},` +
		`{"address":"aws_thing.a","mode":"managed","deposed_key":"0a1b"},{"address":"data.x.y","mode":"data"}],` +
		`"child_modules":[{"resources":[{"address":"module.m[\"x.]\\\"y\"].aws_thing.b[0]","mode":"managed"},{"address":"aws_thing.left","mode":"managed"}]}]}}}`
	const config = `"configuration":{"root_module":{"resources":[{"mode":"managed","type":"aws_thing","name":"a"}],` +
		`"module_calls":{"m":{"module":{"resources":[{"mode":"managed","type":"aws_thing","name":"b"}]}}}}}`
	const drift = `"resource_drift":[{"address":"aws_thing.new","previous_address":"aws_thing.left","type":"aws_thing","change":{"actions":["no-op"]}},` +
		`{"address":"aws_thing.x","type":"aws_thing","change":{"actions":["update"],"before":{"n":1},"after":{"n":2}}}]`
	changes := `"resource_changes":[{"address":"aws_thing.f","type":"aws_thing","change":{"actions":["forget"]}},{"address":"aws_thing.a","type":"aws_thing","change":{"actions":["no-op"]}}]`
	top := func(parts ...string) string {
		return `{"format_version":"1.2","complete":true,` + strings.Join(parts, ",") + `}`
	}
	partly := func(parts ...string) string { // whole only by scope=full
		return `{"format_version":"1.2",` + strings.Join(parts, ",") + `}`
	}
	moved := strings.Replace(state, "aws_thing.left", "aws_thing.new", 1)
	config2 := strings.Replace(config, `{"mode":"managed","type":"aws_thing","name":"a"}`, `{"mode":"managed","type":"aws_thing","name":"a"},{"mode":"managed","type":"aws_thing","name":"new"}`, 1)
	for _, tt := range []struct {
		name, raw, id string
		opened        string // the id it was opened with, when it is another
		want          Verdict
	}{
		{"in the state", top(drift, state, config), "aws_thing.a", "", Verdict{Resolved: true, How: HowUnknown}},
		{"a deposed object", top(drift, state, config), "aws_thing.a (deposed 0a1b)", "", Verdict{Resolved: true, How: HowUnknown}},
		{"another deposed object", top(drift, state, config), "aws_thing.a (deposed 0a1c)", "", Verdict{Resolved: true, How: HowRemoved}},
		{"in a module with keys", top(drift, state, config), `module.m["x.]\"y"].aws_thing.b[0]`, "", Verdict{Resolved: true, How: HowUnknown}},
		{"no longer in the state", top(drift, state, config), "aws_thing.gone", "", Verdict{Resolved: true, How: HowRemoved}},
		{"no state", top(drift, config), "aws_thing.gone", "", Verdict{Resolved: true, How: HowUnknown}},
		{"a null state", top(drift, `"prior_state":null`, config), "aws_thing.gone", "", Verdict{Resolved: true, How: HowUnknown}},
		{"no longer in the configuration", top(drift, state, config), "aws_thing.left", "", Verdict{Reason: reasonOrphan}},
		{"no configuration to tell by", top(drift, state), "aws_thing.left", "", Verdict{Resolved: true, How: HowUnknown}},
		{"forgotten, in a slimmed plan", top(drift, changes), "aws_thing.f", "", Verdict{Reason: reasonOrphan}},
		{"not among the planned changes of a part", partly(drift, changes, moved), "aws_thing.new", "", Verdict{Reason: reasonOmitted}},
		{"among the planned changes of a part", partly(drift, changes, moved), "aws_thing.a", "", Verdict{Resolved: true, How: HowUnknown}},
		{"gone from the state, and from a part", partly(drift, changes, moved), "aws_thing.gone", "", Verdict{Resolved: true, How: HowRemoved}},
		{"no planned changes at all", partly(drift, moved), "aws_thing.new", "", Verdict{Resolved: true, How: HowUnknown}},
		{"not among the planned changes of a plan that says it is whole", top(drift, changes, moved), "aws_thing.new", "", Verdict{Resolved: true, How: HowUnknown}},
		{"moved", top(drift, moved, config2), "aws_thing.new", "aws_thing.left", Verdict{Resolved: true, How: HowUnknown}},
		{"moved, the state is read first", top(moved, drift, config2), "aws_thing.new", "aws_thing.left", Verdict{Resolved: true, How: HowUnknown}},
		{"moved, and not in the configuration", top(drift, moved, config), "aws_thing.new", "aws_thing.left", Verdict{Reason: reasonOrphan}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			open := map[Object]Open{{OriginDrift, cmp.Or(tt.opened, tt.id)}: {}}
			if got := readWith(t, tt.raw, Options{Open: open, Scope: ScopeFull}).Judge(OriginDrift, tt.id); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
