package httpapi_test

import (
	"net/http"
	pathpkg "path"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/httpapi"
)

// TestMethods calls every path of the service with every method: a 405 names just those that the path has, HEAD is there where GET is
// and has its status, and where nothing is every method finds nothing.
//
// Mutations: rest.MethodNotAllowed responds 405 to an unknown method everywhere; without middleware.GetHead.
func TestMethods(t *testing.T) {
	api := apitest.Start(t)
	allowed := map[string][]string{"/health/live": {"GET"}, "/health/ready": {"GET"}, "/health/detailed": {"GET"}, "/metrics": {"GET"}, "/nope": {}, "/api/v1/nope/x": {}, "/api/v1": {}}
	for _, rt := range httpapi.Routes() {
		allowed[pathOf(rt, uuid.NewString(), "prod")] = nil
	}
	for path := range allowed {
		for _, rt := range httpapi.Routes() {
			// A parameter also takes what is another route's own word: there is no alert "mark-all-read", but that path.
			if fits, err := pathpkg.Match(strings.NewReplacer("{id}", "*", "{name}", "*", "{delivery}", "*").Replace(rt.Path), path); err != nil {
				t.Fatal(err)
			} else if fits && !slices.Contains(allowed[path], rt.Method) {
				allowed[path] = append(allowed[path], rt.Method)
			}
		}
	}
	for path, methods := range allowed {
		if slices.Contains(methods, http.MethodGet) {
			methods = append(methods, http.MethodHead)
		}
		slices.Sort(methods)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "FOO"} {
			got := api.Anonymous.Wrong().Do(method, path, nil)
			allow := got.Header.Values("Allow")
			switch {
			case slices.Contains(methods, method):
				isThere := got.Status != http.StatusNotFound || strings.HasPrefix(path, "/api/v1/auth/oidc/") // No provider is set up.
				if !isThere || got.Status == http.StatusMethodNotAllowed || allow != nil {
					t.Errorf("%s %s: %d, Allow %v", method, path, got.Status, allow)
				}
				if method == http.MethodHead && got.Status != api.Anonymous.Wrong().Get(path).Status {
					t.Errorf("HEAD %s: %d, and GET another", path, got.Status)
				}
			case len(methods) == 0:
				if got.Status != http.StatusNotFound || allow != nil {
					t.Errorf("%s %s: %d, Allow %v", method, path, got.Status, allow)
				}
			default:
				if got.Status != http.StatusMethodNotAllowed || !slices.Equal(allow, []string{strings.Join(methods, ", ")}) {
					t.Errorf("%s %s: %d, Allow %v, want %v", method, path, got.Status, allow, methods)
				}
			}
			if got.Correlation() == "" || len(got.Body) > 0 && got.Status >= 400 && got.Error.TraceID != got.Correlation() {
				t.Errorf("%s %s: trace %q, %s", method, path, got.Correlation(), got.Body)
			}
		}
	}
}
