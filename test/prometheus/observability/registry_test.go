package observability

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/registry"
	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// TestRegistry compares what is made from docs/telemetry/registry with the registry: the tables of docs/telemetry.md, and the
// descriptors that the code makes its instruments of. -update writes them.
func TestRegistry(t *testing.T) {
	for _, file := range registry.Files {
		t.Run("the_table_of_"+file, func(t *testing.T) {
			doctable.Check(t, "docs/telemetry.md", "metrics "+file, registry.Table(t, registry.Metrics(t, file)))
		})
	}
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
				t.Errorf("%s makes an instrument with %s…): describe it in %s and make it with pkg/telemetry/instrument", path, made, registry.Dir)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Every attribute is described: ours in attributes.yaml, others by OpenTelemetry, whose names have dots.
func TestRegistry_describes_every_attribute(t *testing.T) {
	described := registry.Attributes(t)
	used := map[string]bool{}
	for _, m := range registry.All(t) {
		for _, a := range m.Attributes {
			used[a.Ref] = true
			if !described[a.Ref] && !strings.Contains(a.Ref, ".") {
				t.Errorf("%s has the attribute %s, which %s/attributes.yaml does not describe", m.ID, a.Ref, registry.Dir)
			}
		}
	}
	for name := range described {
		if !used[name] {
			t.Errorf("%s/attributes.yaml describes %s, which no metric has", registry.Dir, name)
		}
	}
}
