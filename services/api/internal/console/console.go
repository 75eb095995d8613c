// Package console has the page on which people see drift and decide: its files, ready to be sent. `make console` makes them of the
// folder console (test/console says how). The page uses the public API alone.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"path"
)

//go:generate make -C ../../../.. console
//go:embed dist
var dist embed.FS

// File is a file with both of its forms.
type File struct {
	// Name is that of the path: /assets/NAME.
	Name, ContentType, ETag string
	Body, Gzip              []byte
}

// Assets are what the page needs. Their names change with their content, except for that of the licences.
func Assets() []File {
	names, err := fs.ReadDir(dist, "dist/assets")
	if err != nil {
		panic(err) // They are embedded.
	}
	files := make([]File, len(names))
	for i, name := range names {
		files[i] = read("dist/assets/" + name.Name())
	}
	return files
}

// Page is the page itself, for every path of the console.
func Page() File { return read("dist/index.html") }

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

func read(name string) File {
	body, err := dist.ReadFile(name)
	if err != nil {
		panic(err) // It is embedded.
	}
	contentType, ok := contentTypes[path.Ext(name)]
	if !ok {
		panic(fmt.Sprintf("console: the type of %s is not known", name))
	}
	sum := sha256.Sum256(body)
	return File{
		Name: path.Base(name), ContentType: contentType, Body: body, Gzip: compress(body),
		// Weak, because the same bytes are sent plain and compressed (RFC 9110, section 8.8.3.3).
		ETag: `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
	}
}

// compress is done once, when the process starts: it takes some milliseconds, and the repository holds no compressed files.
func compress(body []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic(err) // The level is a constant.
	}
	_, _ = w.Write(body) // A buffer takes everything.
	_ = w.Close()
	return out.Bytes()
}
