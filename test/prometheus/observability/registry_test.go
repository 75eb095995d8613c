package observability

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/registry"
	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// TestRegistry compares the tables of docs/telemetry.md, and the descriptors in Go, with the registry that they are generated
// from. -update writes them.
func TestRegistry(t *testing.T) {
	for _, file := range registry.Files {
		t.Run("the_table_of_"+file, func(t *testing.T) {
			doctable.Check(t, "docs/telemetry.md", "metrics "+file, registry.Table(t, registry.Metrics(t, file)))
		})
	}
	t.Run("the_table_of_spans", func(t *testing.T) {
		doctable.Check(t, "docs/telemetry.md", "spans", registry.SpanTable(registry.Spans(t)))
	})
	t.Run("the_table_of_log_fields", func(t *testing.T) {
		doctable.Check(t, "docs/telemetry.md", "log fields", registry.FieldTable(t, registry.Fields(t)))
	})
	for folder, metrics := range registry.Packages(registry.All(t)) {
		t.Run("the_descriptors_of_"+path.Base(folder), func(t *testing.T) {
			doctable.File(t, path.Join(folder, "registry_gen.go"), registry.Source(t, folder, metrics))
		})
	}
}

var madeByHand = regexp.MustCompile(`\.(Int64|Float64)(Observable)?(Counter|UpDownCounter|Histogram|Gauge)\(`)

// An instrument made beside the registry would have no row in its tables.
func TestRegistry_has_all_instruments(t *testing.T) {
	for _, folder := range []string{"pkg", "services"} {
		err := filepath.WalkDir(filepath.Join(doctable.Root(t), folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "pkg/telemetry/instrument/") {
				return err
			}
			source, err := os.ReadFile(path)
			if made := madeByHand.Find(source); made != nil {
				t.Errorf("%s makes an instrument with %s…): describe it in %s, run `make tables`, and make it with pkg/telemetry/instrument", path, made, registry.Dir)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Every attribute is described once: ours in attributes.yaml or as a log field, others by OpenTelemetry, whose names have dots.
func TestRegistry_describes_every_attribute(t *testing.T) {
	described := registry.Attributes(t)
	used, names := map[string]bool{}, slices.Sorted(maps.Keys(described))
	use := func(where, name string) {
		used[name] = true
		ours := !strings.Contains(name, ".") || strings.HasPrefix(name, "driftsentry.") || strings.HasPrefix(name, "pgx.")
		if ours && !described[name] {
			t.Errorf("%s has the attribute %s, which %s/attributes.yaml does not describe: add it there", where, name, registry.Dir)
		}
	}
	for _, m := range registry.All(t) {
		for _, a := range m.Attributes {
			use(m.ID, a.Ref)
		}
	}
	for _, s := range registry.Spans(t) {
		for _, a := range s.Attributes {
			use(s.ID, a.Ref)
		}
	}
	for _, f := range registry.Fields(t) {
		if f.ID != "" && described[f.ID] {
			t.Errorf("%s/fields.yaml describes %s again: make it a ref", registry.Dir, f.ID)
		}
		described[f.ID] = true
	}
	for _, f := range registry.Fields(t) {
		if f.Ref != "" {
			use("fields.yaml", f.Ref)
		}
	}
	for _, name := range names {
		if !used[name] {
			t.Errorf("%s/attributes.yaml describes %s, which no signal has: remove it", registry.Dir, name)
		}
	}
}
