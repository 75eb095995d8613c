package observability

import (
	"maps"
	"slices"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// Each panel says what it shows, in which unit, what is good, and what it means when there is nothing.
func TestDashboards(t *testing.T) {
	sources := shipped.Datasources(t)
	uids := map[string]string{}
	for _, d := range shipped.Dashboards(t) {
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
				t.Errorf("%s, panel %q: it has no description, unit, text for no data or thresholds", d.Title, p.Title)
			}
			if len(p.Targets) == 0 {
				t.Errorf("%s, panel %q asks for nothing", d.Title, p.Title)
			}
			for _, target := range p.Targets {
				if sources[target.Datasource.UID].Type != target.Datasource.Type {
					t.Errorf("%s, panel %q: there is no data source %+v", d.Title, p.Title, target.Datasource)
				}
			}
		}
	}
}

// Panels lie beside each other, each with an id of its own, on rows without holes: Grafana draws whatever it is told.
func TestDashboards_layout(t *testing.T) {
	const columns = 24
	for _, d := range shipped.Dashboards(t) {
		ids, taken, bottom, area := map[int]string{}, map[[2]int]string{}, 0, 0
		for _, p := range d.Panels {
			if other, used := ids[p.ID]; used || p.ID == 0 {
				t.Errorf("%s: %q and %q have the id %d", d.Title, p.Title, other, p.ID)
			}
			ids[p.ID] = p.Title
			at := p.GridPos
			bottom, area = max(bottom, at.Y+at.H), area+at.W*at.H
			for x := at.X; x < at.X+at.W; x++ {
				for y := at.Y; y < at.Y+at.H; y++ {
					if other, used := taken[[2]int{x, y}]; used || x >= columns {
						t.Fatalf("%s: %q lies on %q, or beyond the page", d.Title, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
		if area != bottom*columns {
			t.Errorf("%s has holes: its panels fill %d of %d cells", d.Title, area, bottom*columns)
		}
	}
}

// What docs/observability.md says of panels that may be empty is about panels that exist.
func TestPanelsThatMayBeEmpty(t *testing.T) {
	queries := map[string]bool{}
	for _, d := range shipped.Dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				queries[d.Title+": "+p.Title+": "+target.RefID] = true
			}
		}
	}
	for _, listed := range slices.Sorted(maps.Keys(shipped.MayBeEmpty(t))) {
		if !queries[listed] {
			t.Errorf("docs/observability.md lists %q, which no dashboard has", listed)
		}
	}
}
