package httpapi

import (
	"net/http"
)

// The encoders of responses are in the files encode_*.go, one for each subject. The domain packages know no JSON; the envelope
// is package rest's.

// bodies gives each item the shape in which clients see it.
func bodies[T, B any](items []T, body func(T) B) []B {
	made := make([]B, len(items))
	for i, item := range items {
		made[i] = body(item)
	}
	return made
}

// optionalText is null in JSON when there is no text.
func optionalText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// nextLink points to the rest of a response that is an array: the same request with this parameter.
func nextLink(w http.ResponseWriter, r *http.Request, parameter, value string) {
	query := r.URL.Query()
	query.Set(parameter, value)
	w.Header().Set("Link", "<"+r.URL.EscapedPath()+"?"+query.Encode()+`>; rel="next"`)
}
