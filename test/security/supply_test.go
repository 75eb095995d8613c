package security

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// programs are what we ship, as package within module.
var programs = map[string]string{"services/api": "./cmd/api", "services/realtime": "./cmd/realtime", "cli": "./cmd/driftsentry"}

// pkg is a package of a program, as `go list` prints it.
type pkg struct {
	ImportPath string
	Standard   bool
	Module     *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// packages are all that is linked into a program.
func packages(t *testing.T, module string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Module", programs[module])
	cmd.Dir = filepath.Join(doctable.Root(t), module)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list in %s: %v", module, err)
	}
	var all []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// allowed are the licences, by SPDX name, under which we may ship with Apache-2.0. MPL-2.0 is River's: it covers its own files, which
// we use unchanged, and whose source is public.
var allowed = []string{"Apache-2.0", "MIT", "MPL-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "Unlicense", "CC0-1.0"}

// TestSecurityLicences reads the licence of each module that is linked into what we ship. Mutation: MIT taken off the
// list names every module that has it; a module without a licence file is named, too.
func TestSecurityLicences(t *testing.T) {
	checked := map[string]bool{}
	for module := range programs {
		for _, p := range packages(t, module) {
			m := p.Module
			if m == nil || m.Main || strings.HasPrefix(m.Path, "github.com/driftsentry/") || checked[m.Path] {
				continue
			}
			checked[m.Path] = true
			if names := licences(t, m.Dir); len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(allowed, n) }) {
				t.Errorf("%s %s: its licences are %v", m.Path, m.Version, names)
			}
		}
	}
	if len(checked) < 20 {
		t.Errorf("only %d modules were looked at", len(checked))
	}
}

// support are the modules whose packages tests use and programs must not.
var support = []string{"github.com/driftsentry/driftsentry/testkit", "github.com/driftsentry/driftsentry/test", "github.com/fergusstrange/embedded-postgres", "github.com/nats-io/nats-server"}

// TestSecurityNoTestSupport looks for packages of test support in what we ship. Mutation: an import of testkit/localpg
// in services/api/cmd/api is named.
func TestSecurityNoTestSupport(t *testing.T) {
	for module := range programs {
		for _, p := range packages(t, module) {
			for _, prefix := range support {
				if p.ImportPath == prefix || strings.HasPrefix(p.ImportPath, prefix+"/") {
					t.Errorf("the program of %s links %s, which is for tests only", module, p.ImportPath)
				}
			}
		}
	}
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([.-].*)?$`)

// licences are those of the licence files in a folder.
func licences(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found := licensecheck.Scan(text)
		if found.Percent < 70 {
			names = append(names, "unknown: "+e.Name())
		}
		for _, match := range found.Match {
			if !match.IsURL {
				names = append(names, match.ID)
			}
		}
	}
	return names
}

var (
	action   = regexp.MustCompile(`(?m)^\s*-?\s*uses:\s*(\S+)`)
	pinned   = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	image    = regexp.MustCompile(`(?m)^\s*(?:image:|FROM(?: --platform=\$BUILDPLATFORM)?)\s+(\S+)`)
	tagged   = regexp.MustCompile(`^[\w./-]+:(\$\{VERSION:-dev\}|[\w.-]*\d[\w.-]*|nonroot)$`)
	goModule = regexp.MustCompile(`(?m)^\t?(?:require )?(\S+) (v\S+)`)
)

// TestSecurityPins: what we build with and run is of a named version: actions by commit, images by tag, modules with
// their hashes. Mutations: an action at @v6, an image at :latest or without a tag, a folder without go.sum.
func TestSecurityPins(t *testing.T) {
	root := doctable.Root(t)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	workflows, err := filepath.Glob(filepath.Join(root, ".github/workflows/*"))
	if err != nil || len(workflows) == 0 {
		t.Fatalf("workflows: %v, %v", workflows, err)
	}
	for _, path := range workflows {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range action.FindAllSubmatch(text, -1) {
			if !pinned.Match(match[1]) {
				t.Errorf("%s: %s is not pinned by commit", filepath.Base(path), match[1])
			}
		}
	}
	for _, name := range []string{"docker-compose.prod.yml", "Dockerfile.api", "Dockerfile.realtime"} {
		for _, match := range image.FindAllStringSubmatch(read(name), -1) {
			if !tagged.MatchString(match[1]) {
				t.Errorf("%s: the image %s has no version", name, match[1])
			}
		}
	}
	for _, module := range []string{"client", "pkg", "services/api", "services/realtime", "test", "testkit", "tools", "tools/sbom", "tools/sloth", "tools/vale"} {
		sums := read(module + "/go.sum")
		for _, match := range goModule.FindAllStringSubmatch(read(module+"/go.mod"), -1) {
			ours := strings.HasPrefix(match[1], "github.com/driftsentry/") // replaced by the folder
			if !ours && !strings.Contains(sums, match[1]+" "+match[2]) {
				t.Errorf("%s: go.sum has no hash of %s %s", module, match[1], match[2])
			}
		}
	}
}

// TestSecurityScan: dependencies and images are looked at every week, not only when something changes. The list of images has each that
// docker-compose.prod.yml does not build. Mutations: without the schedule, without `make vuln`, an image with digits alone as its tag.
func TestSecurityScan(t *testing.T) {
	text := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(doctable.Root(t), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	scan := text(".github/workflows/scan.yml")
	for _, part := range []string{"schedule:\n    - cron:", "run: make vuln", "anchore/scan-action@", "image: ${{ matrix.image }}", "image: driftsentry-${{ matrix.service }}:scan"} {
		if !strings.Contains(scan, part) {
			t.Errorf("scan.yml has no %q", part)
		}
	}
	list := regexp.MustCompile(`sed -nE 's,(.*),"\\1",p'`).FindStringSubmatch(scan)
	if list == nil {
		t.Fatal("scan.yml lists no images")
	}
	listed := map[string]bool{}
	compose := text("docker-compose.prod.yml")
	for _, match := range regexp.MustCompile("(?m)"+list[1]).FindAllStringSubmatch(compose, -1) {
		listed[match[1]] = true
	}
	for _, match := range image.FindAllStringSubmatch(compose, -1) {
		if !strings.HasPrefix(match[1], "driftsentry-") && !listed[match[1]] {
			t.Errorf("the image %s is not scanned", match[1])
		}
	}
}
