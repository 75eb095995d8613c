package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apidoc"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

// TestDocuments: everyone gets the documents, whole and once; the page runs nothing and needs no other host. Mutations: `access`
// viewer; Cache-Control no-store kept; the policy with a script-src; a <script>, or an image of another host, in page.html.
func TestDocuments(t *testing.T) {
	api := apitest.Start(t)
	for _, d := range apidoc.Documents("") {
		res := api.Anonymous.Get(d.Path).Want(http.StatusOK)
		if !bytes.Equal(res.Body, d.Body) || res.Header.Get("Content-Type") != d.ContentType {
			t.Errorf("%s: %d bytes of %s", d.Path, len(res.Body), res.Header.Get("Content-Type"))
		}
		if policy := res.Header.Get("Content-Security-Policy"); policy != "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" {
			t.Errorf("%s: policy %q", d.Path, policy)
		}
		if cached := res.Header.Get("Cache-Control"); cached != "no-cache" {
			t.Errorf("%s: Cache-Control %q", d.Path, cached)
		}
		again := api.Anonymous.Do(http.MethodGet, d.Path, nil, "If-None-Match", res.Header.Get("ETag")).Want(http.StatusNotModified)
		if len(again.Body) > 0 {
			t.Errorf("%s: a body with 304", d.Path)
		}
		if head := api.Anonymous.Do(http.MethodHead, d.Path, nil); head.Status != http.StatusOK || head.Header.Get("ETag") != res.Header.Get("ETag") {
			t.Errorf("HEAD %s: %d", d.Path, head.Status)
		}
		api.Anonymous.Wrong().Get(d.Path + "?a=b").Want(http.StatusBadRequest)
		if strings.Contains(d.ContentType, "html") {
			for _, bad := range []string{"<script", "style=", "src=", "<img", "onclick"} {
				if strings.Contains(string(d.Body), bad) {
					t.Errorf("%s has %q", d.Path, bad)
				}
			}
		}
	}
}

// TestAttackManyRanges: a stranger can't ask for the same bytes of a document thousands of times in one request, or for a part that is not
// in the envelope of errors. Mutation: the header Range is kept.
func TestAttackManyRanges(t *testing.T) {
	api := apitest.Start(t)
	for _, d := range apidoc.Documents("") {
		for _, ranges := range []string{"bytes=0-0" + strings.Repeat(",0-0", 1000), "bytes=0-5", "bytes=5-1", "x"} {
			res := api.Anonymous.Do(http.MethodGet, d.Path, nil, "Range", ranges).Want(http.StatusOK)
			if !bytes.Equal(res.Body, d.Body) {
				t.Errorf("%s: %d bytes for %.20s", d.Path, len(res.Body), ranges)
			}
		}
	}
}

// TestDocuments_servers: the documents name the server that is to be used. Mutations: replace does nothing; the scheme
// of the socket is always ws.
func TestDocuments_servers(t *testing.T) {
	type server struct{ URL, Host, Protocol string }
	for _, c := range []struct{ public, rest, upgrade, host, protocol string }{
		{"", "/", "http://localhost:3002", "localhost:3002", "ws"},
		{"https://drift.example.com/", "https://drift.example.com", "https://drift.example.com", "drift.example.com", "wss"},
		{"http://drift.example.com:8080", "http://drift.example.com:8080", "http://drift.example.com:8080", "drift.example.com:8080", "ws"},
	} {
		documents := apidoc.Documents(c.public)
		var open struct {
			Servers []server
			Paths   map[string]struct{ Servers []server }
		}
		var async struct{ Servers map[string]server }
		if err := json.Unmarshal(documents[0].Body, &open); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(documents[1].Body, &async); err != nil {
			t.Fatal(err)
		}
		got := open.Servers[0].URL + " " + open.Paths["/ws"].Servers[0].URL + " " + async.Servers["realtime"].Host + " " + async.Servers["realtime"].Protocol
		if want := strings.Join([]string{c.rest, c.upgrade, c.host, c.protocol}, " "); got != want {
			t.Errorf("%q: servers %s, want %s", c.public, got, want)
		}
	}
}
