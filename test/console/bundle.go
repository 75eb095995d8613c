// Package console bundles the page that api serves: `make console` writes the result into services/api/internal/console. It uses
// esbuild as a library, so that Node.js is not needed; what the page is made of comes from npm, at the versions of
// console/package-lock.json.
package console

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// bundled are the packages of npm whose code is in the page. Their licences go with it.
var bundled = []string{"preact", "@preact/signals", "@preact/signals-core"}

const entry = "src/main.tsx"

// Build makes the files of the page from the folder `console` of a checkout, by name. Its node_modules must be there.
func Build(dir string) (map[string][]byte, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the sources: %w", err)
	}
	made := api.Build(api.BuildOptions{
		AbsWorkingDir: dir, EntryPoints: []string{entry}, Outdir: "dist", Metafile: true,
		Bundle: true, Splitting: true, Format: api.FormatESModule, Target: api.ES2022, Charset: api.CharsetUTF8,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
		EntryNames: "assets/[name]-[hash]", ChunkNames: "assets/[name]-[hash]", LegalComments: api.LegalCommentsNone,
		// What a browser knows that knows ES2023: else light-dark and color-mix would be replaced.
		Engines: []api.Engine{{Name: api.EngineChrome, Version: "123"}, {Name: api.EngineFirefox, Version: "120"}, {Name: api.EngineSafari, Version: "17.5"}},
		Define:  map[string]string{"process.env.NODE_ENV": `"production"`},
	})
	if err := problems(made.Errors); err != nil {
		return nil, fmt.Errorf("bundle the console (is console/node_modules there? `make console` fetches it): %w", err)
	}
	files := map[string][]byte{}
	for _, f := range made.OutputFiles {
		name, err := filepath.Rel(filepath.Join(dir, "dist"), f.Path)
		if err != nil {
			return nil, fmt.Errorf("name %s: %w", f.Path, err)
		}
		files[filepath.ToSlash(name)] = f.Contents
	}
	icon, err := os.ReadFile(filepath.Join(dir, "src/icon.svg"))
	if err != nil {
		return nil, fmt.Errorf("read the icon: %w", err)
	}
	iconName := "assets/icon-" + hash(icon) + ".svg"
	files[iconName] = icon
	if files["index.html"], err = index(dir, made.Metafile, iconName); err != nil {
		return nil, err
	}
	if files["assets/licences.txt"], err = licences(dir); err != nil {
		return nil, err
	}
	return files, nil
}

// index is the page, with the names of what it needs.
func index(dir, metafile, icon string) ([]byte, error) {
	var meta struct {
		Outputs map[string]struct {
			EntryPoint string `json:"entryPoint"`
			CSSBundle  string `json:"cssBundle"`
			Imports    []struct {
				Path string `json:"path"`
				Kind string `json:"kind"`
			} `json:"imports"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return nil, fmt.Errorf("read what esbuild made: %w", err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "src/index.html"))
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	for name, output := range meta.Outputs {
		if output.EntryPoint != entry {
			continue
		}
		address := func(name string) string { return "/" + strings.TrimPrefix(name, "dist/") }
		var preload []string
		for _, i := range output.Imports {
			if i.Kind == "import-statement" {
				preload = append(preload, fmt.Sprintf(`<link rel="modulepreload" href=%q />`, address(i.Path)))
			}
		}
		slices.Sort(preload)
		return []byte(strings.NewReplacer(
			"{{icon}}", "/"+icon, "{{style}}", address(output.CSSBundle), "{{script}}", address(name), "{{preload}}", strings.Join(preload, "\n    "),
		).Replace(string(page))), nil
	}
	return nil, errors.New("esbuild made no output of " + entry)
}

func licences(dir string) ([]byte, error) {
	var all strings.Builder
	for _, name := range bundled {
		text, err := os.ReadFile(filepath.Join(dir, "node_modules", filepath.FromSlash(name), "LICENSE"))
		if err != nil {
			return nil, fmt.Errorf("read the licence of %s: %w", name, err)
		}
		fmt.Fprintf(&all, "%s\n\n%s\n\n", name, strings.TrimSpace(string(text)))
	}
	return []byte(all.String()), nil
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return base32.StdEncoding.EncodeToString(sum[:5])
}

func problems(messages []api.Message) error {
	all := make([]error, 0, len(messages))
	for _, m := range messages {
		where := ""
		if m.Location != nil {
			where = fmt.Sprintf("%s:%d: ", path.Clean(m.Location.File), m.Location.Line)
		}
		all = append(all, errors.New(where+m.Text))
	}
	return errors.Join(all...)
}
