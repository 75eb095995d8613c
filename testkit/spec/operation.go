package spec

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Operation is one line of the REST API, for tests that go through all of them.
type Operation struct {
	ID       string
	Method   string
	Path     string   // with its parameters in braces
	Services []string // where it is served
	Roles    []string // who may call it, "api_key" among them; none: any caller
	Statuses []int    // what it may return
	Query    []string // its query parameters
}

// Operations gives all operations of openapi.yaml that are served by a service.
func Operations(service string) ([]Operation, error) {
	d, err := load()
	if err != nil {
		return nil, err
	}
	var list []Operation
	for _, op := range d.operations {
		if slices.Contains(op.Services, service) {
			list = append(list, op.Operation)
		}
	}
	return list, nil
}

type operation struct {
	Operation
	segments   []string
	parameters []parameter
	body       *content
	needsBody  bool
	secured    bool
	responses  map[int]*response
}

type parameter struct {
	name, in string
	required bool
	schema   *jsonschema.Schema
}

// content is what a body may be, by media type.
type content map[string]*jsonschema.Schema

type response struct {
	headers []parameter
	content content
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (d *documents) readOperations(c compiler, root node) error {
	for path := range root.child("paths").object() {
		item := root.at("paths", path)
		for _, method := range methods {
			n := item.child(strings.ToLower(method))
			if !n.exists() {
				continue
			}
			op, err := readOperation(c, root, item, n)
			if err != nil {
				return fmt.Errorf("%s %s: %w", method, path, err)
			}
			op.Method, op.Path, op.segments = method, path, strings.Split(path, "/")
			d.operations = append(d.operations, op)
		}
	}
	slices.SortFunc(d.operations, func(a, b *operation) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
	d.unrouted = map[int]*response{}
	for status, name := range map[int]string{
		http.StatusNotFound:            "NotFound",
		http.StatusMethodNotAllowed:    "MethodNotAllowed",
		http.StatusTooManyRequests:     "RateLimitExceeded",
		http.StatusInternalServerError: "InternalServerError",
		http.StatusServiceUnavailable:  "ServiceUnavailable",
	} {
		r, err := readResponse(c, root.at("components", "responses", name))
		if err != nil {
			return err
		}
		d.unrouted[status] = r
	}
	return nil
}

func readOperation(c compiler, root, item, n node) (*operation, error) {
	op := &operation{
		Operation: Operation{
			ID: n.child("operationId").string(), Services: n.child("x-services").strings(), Roles: n.child("x-roles").strings(),
		},
		needsBody: n.at("requestBody", "required").bool(),
		responses: map[int]*response{},
	}
	security := n.child("security")
	if !security.exists() {
		security = root.child("security")
	}
	// An empty requirement among them, or none at all, means that credentials are not needed.
	op.secured = len(security.items()) > 0
	for _, requirement := range security.items() {
		op.secured = op.secured && len(requirement.object()) > 0
	}
	for _, p := range slices.Concat(item.child("parameters").items(), n.child("parameters").items()) {
		read, err := readParameter(c, p, p.child("name").string())
		if err != nil {
			return nil, err
		}
		op.parameters = append(op.parameters, read)
		if read.in == "query" {
			op.Query = append(op.Query, read.name)
		}
	}
	if n.child("requestBody").exists() {
		body, err := readContent(c, n.at("requestBody", "content"))
		if err != nil {
			return nil, err
		}
		op.body = &body
	}
	for key := range n.child("responses").object() {
		status, err := strconv.Atoi(key)
		if err != nil {
			return nil, fmt.Errorf("status: %w", err)
		}
		if op.responses[status], err = readResponse(c, n.at("responses", key)); err != nil {
			return nil, err
		}
	}
	op.Statuses = slices.Sorted(maps.Keys(op.responses))
	return op, nil
}

func readParameter(c compiler, n node, name string) (parameter, error) {
	schema, err := c.schema(n.child("schema"))
	return parameter{name: name, in: n.child("in").string(), required: n.child("required").bool(), schema: schema}, err
}

func readResponse(c compiler, n node) (*response, error) {
	r := &response{}
	for name := range n.child("headers").object() {
		header, err := readParameter(c, n.at("headers", name), name)
		if err != nil {
			return nil, err
		}
		r.headers = append(r.headers, header)
	}
	var err error
	r.content, err = readContent(c, n.child("content"))
	return r, err
}

func readContent(c compiler, n node) (content, error) {
	list := content{}
	for mediaType := range n.object() {
		schema, err := c.schema(n.at(mediaType, "schema"))
		if err != nil {
			return nil, err
		}
		list[mediaType] = schema
	}
	return list, nil
}

// find gives the operation that a request is for, and its path parameters; nil when there is none. allowed are the
// methods of the path.
func (d *documents) find(r *http.Request) (found *operation, values map[string]string, allowed []string) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for _, op := range d.operations {
		match, ok := op.match(segments)
		if !ok {
			continue
		}
		allowed = append(allowed, op.Method)
		// The first one is right: in their order a literal segment comes before a parameter, whose brace is after all
		// letters, so /users/me wins over /users/{id}.
		if op.Method == method && found == nil {
			found, values = op, match
		}
	}
	return found, values, allowed
}

func (op *operation) match(segments []string) (map[string]string, bool) {
	if len(segments) != len(op.segments) {
		return nil, false
	}
	values := map[string]string{}
	for i, want := range op.segments {
		got, err := url.PathUnescape(segments[i])
		if name, ok := strings.CutPrefix(want, "{"); ok && err == nil && got != "" {
			values[strings.TrimSuffix(name, "}")] = got
			continue
		}
		if got != want {
			return nil, false
		}
	}
	return values, true
}
