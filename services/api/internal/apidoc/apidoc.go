// Package apidoc has the documents of the API, as api serves them: its OpenAPI and AsyncAPI documents, each in one file, and
// a page for people that needs neither scripts nor another host. `make tables` writes the files from docs/api.
package apidoc

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"net/url"
)

//go:embed openapi.json
var openAPI []byte

//go:embed asyncapi.json
var asyncAPI []byte

//go:embed docs.html
var page []byte

//go:embed style.css
var style []byte

// Document is one file, ready to be sent.
type Document struct {
	Path, ContentType string
	Body              []byte
	ETag              string
}

// Documents returns what there is. With a public URL, the documents name it as their server; without one, openapi.json names
// the place that it came from, and asyncapi.json the address in development.
func Documents(publicURL string) []Document {
	open, async := openAPI, asyncAPI
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		socket := "ws"
		if u.Scheme == "https" {
			socket = "wss"
		}
		site := u.Scheme + "://" + u.Host
		open = replace(open, `"url": "/"`, `"url": `+quoted(site))
		open = replace(open, `"url": "http://localhost:3002"`, `"url": `+quoted(site))
		async = replace(async, `"host": "localhost:3002"`, `"host": `+quoted(u.Host))
		async = replace(async, `"protocol": "ws"`, `"protocol": `+quoted(socket))
	}
	return []Document{
		document("/openapi.json", "application/json", open),
		document("/asyncapi.json", "application/json", async),
		document("/docs", "text/html; charset=utf-8", page),
		document("/docs/style.css", "text/css; charset=utf-8", style),
	}
}

func document(path, contentType string, body []byte) Document {
	sum := sha256.Sum256(body)
	return Document{path, contentType, body, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

func replace(document []byte, old, with string) []byte {
	return bytes.Replace(document, []byte(old), []byte(with), 1)
}

func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err) // A string always has an encoding.
	}
	return string(encoded)
}
