package security

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

var (
	firstCell   = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")
	aSecret     = regexp.MustCompile(`(?m)^ {2}([a-z_]+): \{ file:`)
	aTable      = regexp.MustCompile(`create table (?:if not exists )?([a-z_]+)`)
	recently    = regexp.MustCompile(`(?m)^(?: +- )?RECENT_SIGN_IN=15m$`)
	withoutDown = regexp.MustCompile(`(?s)-- \+goose Down.*`)
)

// expectRows expects that a table of a document has a row for each of these, and no other.
func expectRows(t *testing.T, document, block string, want map[string]bool) {
	t.Helper()
	var rows []string
	for _, match := range firstCell.FindAllStringSubmatch(doctable.Block(t, document, block), -1) {
		rows = append(rows, match[1])
	}
	slices.Sort(rows)
	if names := slices.Sorted(maps.Keys(want)); !slices.Equal(rows, names) {
		t.Errorf("%s has the rows\n%v, want\n%v", document, rows, names)
	}
}

// TestSecurityKeys: docs/asvs.md says of each secret of the stack who holds it and for how long. Mutations: a row less; a secret more in the
// compose file.
func TestSecurityKeys(t *testing.T) {
	compose := read(t, filepath.Join(doctable.Root(t), "docker-compose.prod.yml"))
	_, declared, _ := strings.Cut(compose, "\nsecrets:\n")
	secrets := map[string]bool{}
	for _, match := range aSecret.FindAllStringSubmatch(declared, -1) {
		secrets[match[1]] = true
	}
	expectRows(t, "docs/asvs.md", "keys", secrets)
}

// TestSecurityClasses: docs/security.md says of each table of the database how sensitive it is. Mutations: a row less; a table more in a
// migration.
func TestSecurityClasses(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(doctable.Root(t), "pkg", "schema", "migrations", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]bool{}
	for _, file := range files {
		for _, match := range aTable.FindAllStringSubmatch(withoutDown.ReplaceAllString(read(t, file), ""), -1) {
			tables[match[1]] = true
		}
	}
	expectRows(t, "docs/security.md", "classes", tables)
}

// TestSecurityRecentSignIn: a new installation asks for the password again before a user gets or gives rights. Mutation: the line commented
// out in one of the files.
func TestSecurityRecentSignIn(t *testing.T) {
	for _, file := range []string{"deploy/env.example", "deploy/kubernetes/overlays/production/kustomization.yaml"} {
		if !recently.MatchString(read(t, filepath.Join(doctable.Root(t), filepath.FromSlash(file)))) {
			t.Errorf("%s has no RECENT_SIGN_IN=15m", file)
		}
	}
}
