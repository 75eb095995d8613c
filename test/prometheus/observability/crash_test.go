package observability

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// The folder of what ended a process is a volume, which outlives a container with a read-only root, and its user can write to it:
// Docker gives a new volume the owner of the image's folder.
func TestCrashDir_compose(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Environment any
			Volumes     []string
			ReadOnly    bool `yaml:"read_only"`
			Tmpfs       any
			Restart     string
		}
		Volumes map[string]any
	}
	shipped.YAML(t, "../../../docker-compose.prod.yml", &file)
	for _, name := range []string{"api", "realtime"} {
		service := file.Services[name]
		environment, _ := service.Environment.(map[string]any)
		dir, _ := environment["CRASH_DIR"].(string)
		if _, declared := file.Volumes["crash"]; !declared || dir == "" || !slices.Contains(service.Volumes, "crash:"+dir) {
			t.Errorf("%s keeps its crash output in %q, which is not the volume among %v", name, dir, service.Volumes)
		}
		if !service.ReadOnly || service.Tmpfs != nil || service.Restart != "unless-stopped" {
			t.Errorf("%s: %+v", name, service)
		}
		text, err := os.ReadFile("../../../Dockerfile." + name)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)^COPY --from=\S+ --chown=65532:65532 \S+ ` + regexp.QuoteMeta(dir) + `$`).Match(text) {
			t.Errorf("Dockerfile.%s does not give %s to the user of the image", name, dir)
		}
	}
}
