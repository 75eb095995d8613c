package console

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

const dist = "services/api/internal/console/dist"

// TestFiles: what api serves is what the sources say. Mutation: any change in console/src without `make console`.
func TestFiles(t *testing.T) {
	root := doctable.Root(t)
	if _, err := os.Stat(filepath.Join(root, "console/node_modules/preact")); err != nil {
		const message = "NOT RUN: console/node_modules is not there, so the page cannot be built again; `make console` fetches it with npm"
		fmt.Fprintln(os.Stderr, message)
		t.Skip(message)
	}
	want, err := Build(filepath.Join(root, "console"))
	if err != nil {
		t.Fatal(err)
	}
	if doctable.Updating() {
		write(t, filepath.Join(root, dist), want)
		return
	}
	got := read(t, filepath.Join(root, dist))
	for name, content := range want {
		if !bytes.Equal(got[name], content) {
			t.Errorf("%s is not what console/src says: run make console", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s is there, and nothing makes it: run make console", name)
	}
}

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		files[name] = content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The budgets of the first load, compressed: what a person waits for who opens the inbox.
const (
	scriptBudget = 45 << 10
	styleBudget  = 12 << 10
)

// TestBudget: the first load stays small. Mutation: a screen that is imported in main.tsx instead of fetched when it is opened.
func TestBudget(t *testing.T) {
	files := read(t, filepath.Join(doctable.Root(t), dist))
	scripts, styles := 0, 0
	for _, m := range regexp.MustCompile(`(?:src|href)="/(assets/[^"]+)"`).FindAllStringSubmatch(string(files["index.html"]), -1) {
		content, ok := files[m[1]]
		if !ok {
			t.Errorf("the page needs %s, which is not there", m[1])
		}
		switch filepath.Ext(m[1]) {
		case ".js":
			scripts += compressed(t, content)
		case ".css":
			styles += compressed(t, content)
		}
	}
	if scripts == 0 || scripts > scriptBudget {
		t.Errorf("the scripts of the first load are %d bytes compressed, the budget is %d", scripts, scriptBudget)
	}
	if styles == 0 || styles > styleBudget {
		t.Errorf("the styles are %d bytes compressed, the budget is %d", styles, styleBudget)
	}
	t.Logf("tried: the first load of the console is %d bytes of scripts and %d of styles, compressed", scripts, styles)
}

func compressed(t *testing.T, content []byte) int {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}
