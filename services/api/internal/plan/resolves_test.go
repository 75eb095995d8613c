package plan

import (
	"testing"
)

func TestPlan_Resolves(t *testing.T) {
	config := `,"configuration":{"root_module":{"resources":[{"mode":"managed","type":"aws_thing","name":"a"},{"mode":"data","type":"aws_x","name":"d"}],` +
		`"module_calls":{"m":{"module":{"resources":[{"mode":"managed","type":"aws_thing","name":"b"}]}}}}}`
	change := func(address string) string {
		return `{"address":` + address + `,"type":"aws_thing","change":{"actions":["no-op"]}}`
	}
	both := `,"resource_changes":[` + change(`"aws_thing.a[0]"`) + `,` + change(`"module.m[\"x.]\\\"y\"].aws_thing.b"`) + `]`
	onlyA := `,"resource_changes":[` + change(`"aws_thing.a"`) + `]`
	for _, tt := range []struct {
		name, rest           string
		unstated, full, part bool
	}{
		{"complete", `,"complete":true`, true, true, false},
		{"incomplete", `,"complete":false`, false, false, false},
		{"complete but errored", `,"complete":true,"errored":true`, false, false, false},
		{"slimmed without complete", `,"errored":false`, false, true, false},
		{"refresh-only without complete", `,"errored":false` + config, false, true, false},
		{"normal without complete", `,"errored":false` + config + both, true, true, false},
		{"normal without complete and a resource left out", `,"errored":false` + config + onlyA, false, true, false},
		{"normal without complete, slimmed", `,"errored":false` + both, false, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := read(t, `{"format_version":"1.2"`+tt.rest+`}`)
			for scope, want := range map[Scope]bool{ScopeUnstated: tt.unstated, ScopeFull: tt.full, ScopePartial: tt.part} {
				if got := p.Resolves(OriginDrift, scope); got != want {
					t.Errorf("Resolves(drift, %q) = %t", scope, got)
				}
				if p.Resolves(OriginManual, scope) || p.Resolves(OriginChange, scope) {
					t.Errorf("resolves with scope %q what it cannot see", scope)
				}
			}
		})
	}
	t.Run("changes are seen when asked for and listed", func(t *testing.T) {
		for raw, want := range map[string]bool{
			`{"format_version":"1.2","complete":true,"resource_changes":[]}`: true,
			`{"format_version":"1.2","complete":true}`:                       false,
		} {
			if read(t, raw, true).Resolves(OriginChange, ScopeUnstated) != want {
				t.Errorf("%s: want %t", raw, want)
			}
			if read(t, raw).Resolves(OriginChange, ScopeUnstated) {
				t.Errorf("%s: resolves changes that nobody asked for", raw)
			}
		}
	})
}
