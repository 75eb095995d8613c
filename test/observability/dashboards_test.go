package observability

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct{ List []struct{ Name string } }
	Annotations   struct{ List []struct{ Name, Expr string } }
	Panels        []struct {
		Type, Title, Description string
		FieldConfig              struct {
			Defaults struct {
				Unit, NoValue string
				Thresholds    *struct{ Steps []any }
			}
		}
		Targets []struct {
			Datasource struct{ Type, UID string }
			Expr       string
		}
	}
}

func dashboards(t *testing.T) []dashboard {
	t.Helper()
	var all []dashboard
	for _, file := range files(t, "../../deploy/grafana/dashboards/*.json") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		all = append(all, d)
	}
	return all
}

// Each panel says what it shows, in which unit, what is good, and what it means when there is nothing.
func TestDashboards(t *testing.T) {
	var provisioned struct{ Datasources []struct{ UID, Type string } }
	read(t, "../../deploy/grafana/provisioning/datasources/datasources.yaml", &provisioned)
	sources := map[string]string{}
	for _, s := range provisioned.Datasources {
		sources[s.UID] = s.Type
	}
	uids := map[string]string{}
	for _, d := range dashboards(t) {
		if other, taken := uids[d.UID]; taken || d.UID == "" {
			t.Errorf("%s: uid %q is taken by %q", d.Title, d.UID, other)
		}
		uids[d.UID] = d.Title
		if d.SchemaVersion > 38 { // Newer ones don't load in older releases of Grafana.
			t.Errorf("%s: schema version %d", d.Title, d.SchemaVersion)
		}
		variables := map[string]bool{}
		for _, v := range d.Templating.List {
			variables[v.Name] = true
		}
		if !variables["environment"] || !variables["service"] || !variables["instance"] {
			t.Errorf("%s has the variables %v", d.Title, variables)
		}
		for _, p := range d.Panels {
			if p.Type == "row" {
				continue
			}
			f := p.FieldConfig.Defaults
			if p.Title == "" || p.Description == "" || f.Unit == "" || f.NoValue == "" || f.Thresholds == nil || len(f.Thresholds.Steps) == 0 {
				t.Errorf("%s, panel %q: it lacks a description, unit, text for no data or thresholds", d.Title, p.Title)
			}
			if len(p.Targets) == 0 {
				t.Errorf("%s, panel %q asks for nothing", d.Title, p.Title)
			}
			for _, target := range p.Targets {
				if sources[target.Datasource.UID] != target.Datasource.Type {
					t.Errorf("%s, panel %q: there is no data source %+v", d.Title, p.Title, target.Datasource)
				}
			}
		}
	}
}
