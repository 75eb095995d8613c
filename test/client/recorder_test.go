package client_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/spec"
)

// recorder keeps what passes through it.
type recorder struct {
	base http.RoundTripper

	mu   sync.Mutex
	used map[string]bool // GET /api/v1/drifts/0199…
	last []byte          // response
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := r.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used[req.Method+" "+req.URL.Path] = res.StatusCode < http.StatusBadRequest || r.used[req.Method+" "+req.URL.Path]
	r.last = body
	return res, nil
}

var parameter = regexp.MustCompile(`\\\{[^}]*\\\}`)

// unused gives the operations of a service that no request has used with success.
func (r *recorder) unused(t *testing.T) []string {
	t.Helper()
	operations, err := spec.Operations("api")
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, op := range operations {
		pattern := regexp.MustCompile("^" + parameter.ReplaceAllString(regexp.QuoteMeta(op.Method+" "+op.Path), "[^/]+") + "$")
		if !slices.ContainsFunc(slices.Collect(maps.Keys(r.used)), func(u string) bool { return r.used[u] && pattern.MatchString(u) }) {
			missing = append(missing, op.Method+" "+op.Path)
		}
	}
	return missing
}

// expectWhole sees that what the client made of the last response has all of it.
func (r *recorder) expectWhole(t *testing.T, what string, made any) {
	t.Helper()
	var envelope struct{ Data any }
	if err := json.Unmarshal(r.last, &envelope); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var again any
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if lost := lost("", envelope.Data, again); len(lost) > 0 {
		t.Errorf("%s: the client has no place for %s", what, strings.Join(lost, ", "))
	}
}

// lost names the properties of a response that the decoded value lacks. Empty ones may be left out.
func lost(path string, response, made any) []string {
	var names []string
	switch response := response.(type) {
	case map[string]any:
		made, _ := made.(map[string]any)
		for name, value := range response {
			got, ok := made[name]
			if !ok && value != nil && value != "" {
				names = append(names, path+"."+name)
				continue
			}
			names = append(names, lost(path+"."+name, value, got)...)
		}
	case []any:
		made, _ := made.([]any)
		for i := range min(len(response), len(made)) {
			names = append(names, lost(fmt.Sprintf("%s[%d]", path, i), response[i], made[i])...)
		}
	}
	return names
}
