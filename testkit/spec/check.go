package spec

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A body over this size is not looked at: a test that sends one is about its size.
const maxBody = 8 << 20

// checkRequest compares a request with its operation.
func (op *operation) checkRequest(r *http.Request, path map[string]string) error {
	var errs []error
	query := r.URL.Query()
	for _, p := range op.parameters {
		var values []string
		switch p.in {
		case "path":
			values = []string{path[p.name]}
		case "query":
			values = query[p.name]
		case "header":
			values = r.Header.Values(p.name)
		}
		errs = append(errs, p.check(values, "request "+p.in+" parameter"))
	}
	for name := range query {
		if !slices.ContainsFunc(op.parameters, func(p parameter) bool { return p.in == "query" && p.name == name }) {
			errs = append(errs, fmt.Errorf("request query parameter %s: the operation has no such parameter", name))
		}
	}
	errs = append(errs, op.checkRequestBody(r))
	return errors.Join(errs...)
}

func (p parameter) check(values []string, where string) error {
	switch {
	case len(values) == 0 && p.required:
		return fmt.Errorf("%s %s: missing", where, p.name)
	case len(values) == 0:
		return nil
	case len(values) > 1:
		return fmt.Errorf("%s %s: present %d times", where, p.name, len(values))
	}
	if err := p.schema.Validate(typed(p.schema, values[0])); err != nil {
		return fmt.Errorf("%s %s: %q: %w", where, p.name, values[0], plain(err))
	}
	return nil
}

// typed reads a parameter as the type that its schema asks for, or leaves it a string, which the schema then refuses.
func typed(schema *jsonschema.Schema, value string) any {
	for schema.Types == nil && schema.Ref != nil {
		schema = schema.Ref
	}
	if schema.Types == nil {
		return value
	}
	for _, name := range schema.Types.ToStrings() {
		switch name {
		case "array": // With explode: false, as all of ours.
			var items []any
			for item := range strings.SplitSeq(value, ",") {
				items = append(items, item)
			}
			return items
		case "integer", "number", "boolean":
			if decoded, err := decode([]byte(value)); err == nil {
				return decoded
			}
		}
	}
	return value
}

func (op *operation) checkRequestBody(r *http.Request) error {
	if r.GetBody == nil || op.body == nil {
		// A body that streams can't be read twice.
		if op.needsBody && (r.Body == nil || r.Body == http.NoBody) {
			return errors.New("request body: missing")
		}
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		return fmt.Errorf("request body: %w", err)
	}
	defer func() { _ = body.Close() }()
	var reader io.Reader = body
	if r.Header.Get("Content-Encoding") == "gzip" {
		if reader, err = gzip.NewReader(body); err != nil {
			return fmt.Errorf("request body: %w", err)
		}
	}
	read, err := io.ReadAll(io.LimitReader(reader, maxBody+1))
	switch {
	case err != nil:
		return fmt.Errorf("request body: %w", err)
	case len(read) > maxBody:
		return nil
	case len(read) == 0 && !op.needsBody:
		return nil
	}
	return op.body.check(r.Header, read, "request")
}

// checkResponse compares a response with those that the operation may return. body is nil when there can't be one.
func (r *response) checkResponse(res *http.Response, body []byte) error {
	var errs []error
	for _, h := range r.headers {
		errs = append(errs, h.check(res.Header.Values(h.name), "response header"))
	}
	if body != nil && len(r.content) > 0 {
		errs = append(errs, r.content.check(res.Header, body, "response"))
	}
	errs = append(errs, checkTrace(res.Header, body))
	return errors.Join(errs...)
}

// checkTrace checks that all trace IDs in a response are the same.
func checkTrace(header http.Header, body []byte) error {
	id := header.Get("X-Correlation-ID")
	if timing := header.Get("Server-Timing"); timing != "" && !strings.Contains(timing, `desc="00-`+id+`-`) {
		return fmt.Errorf("response header Server-Timing: %q has another trace ID than X-Correlation-ID: %q", timing, id)
	}
	var envelope struct {
		Error struct {
			TraceID *string `json:"traceId"`
		} `json:"error"`
	}
	// What is not a JSON object was reported already, or is not meant to be one.
	if json.Unmarshal(body, &envelope) == nil && envelope.Error.TraceID != nil && *envelope.Error.TraceID != id {
		return fmt.Errorf("response body: error.traceId is %q, X-Correlation-ID is %q", *envelope.Error.TraceID, id)
	}
	return nil
}

func (c content) check(header http.Header, body []byte, what string) error {
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	schema, ok := c[mediaType]
	if err != nil || !ok {
		return fmt.Errorf("%s header Content-Type: %q is not among those of the operation", what, header.Get("Content-Type"))
	}
	if mediaType != "application/json" {
		return nil
	}
	value, err := decode(body)
	if err != nil {
		return fmt.Errorf("%s body: not JSON: %w", what, err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s body: %w", what, plain(err))
	}
	return nil
}

func decode(data []byte) (any, error) { return jsonschema.UnmarshalJSON(bytes.NewReader(data)) }

// plain drops the validator's first line, which names a schema by a made-up URL.
func plain(err error) error {
	_, rest, ok := strings.Cut(err.Error(), "\n- ")
	if !ok {
		return err
	}
	return errors.New(rest)
}
