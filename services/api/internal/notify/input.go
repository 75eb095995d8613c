package notify

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/legible"
)

// Bounds of a channel, in characters and in number.
const (
	maxName     = 100
	maxURL      = 2048
	maxPatterns = 50
	maxPattern  = 128
	// MaxChannels is how many an account can have: each one that wants an event is a row for it.
	MaxChannels = 50
)

// input collects the errors of an input, so that the caller gets all of them in one response.
type input struct{ fields []apierror.Field }

func (in *input) refuse(field, format string, args ...any) {
	in.fields = append(in.fields, apierror.Field{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (in *input) err() error {
	if len(in.fields) == 0 {
		return nil
	}
	return apierror.InvalidFields(in.fields...)
}

func (in *input) name(value string) {
	if n := utf8.RuneCountInString(value); n < 1 || n > maxName {
		in.refuse("name", "must have 1 to %d characters", maxName)
	} else if problem := legible.Filled(value); problem != "" {
		in.refuse("name", "%s", problem)
	}
}

// target gives the host of a URL. Whether its address is allowed is looked at when a connection is made: names change.
func (in *input) target(value string, plain bool) (host string) {
	u, err := url.Parse(value)
	switch {
	case value == "" || len(value) > maxURL || err != nil || u.Hostname() == "" || u.Opaque != "" || legible.Line(value) != "":
		in.refuse("url", "must be a URL such as https://hooks.example.com/path, of at most %d characters", maxURL)
	case u.Scheme != "https" && (u.Scheme != "http" || !plain):
		in.refuse("url", "must begin with https://; http:// is possible where the operator has set OUTGOING_NETWORKS")
	case u.User != nil || u.Fragment != "":
		in.refuse("url", "must have neither a user nor a fragment")
	default:
		return u.Host
	}
	return ""
}

// choice requires some of the known values.
func (in *input) choice(field string, values, known []string) {
	if len(values) == 0 || len(values) > len(known) {
		in.refuse(field, "must have one or more of %s", strings.Join(known, ", "))
		return
	}
	for i, value := range values {
		if !slices.Contains(known, value) || slices.Contains(values[:i], value) {
			in.refuse(field, "each must be another one of %s", strings.Join(known, ", "))
			return
		}
	}
}

// patterns requires some texts, or null; globs says that they are patterns as path.Match has them.
func (in *input) patterns(field string, values []string, globs bool) {
	if values != nil && len(values) == 0 || len(values) > maxPatterns {
		in.refuse(field, "must have 1 to %d values; null is all of them", maxPatterns)
		return
	}
	for _, value := range values {
		_, err := path.Match(value, "")
		switch n := utf8.RuneCountInString(value); {
		case n < 1 || n > maxPattern:
			in.refuse(field, "each must have 1 to %d characters", maxPattern)
		case legible.Filled(value) != "":
			in.refuse(field, "each %s", legible.Filled(value))
		case globs && (err != nil || strings.Contains(value, "**")):
			in.refuse(field, "each must be a name or a glob, such as team/*: * is any text without a slash, ** is not supported")
		default:
			continue
		}
		return
	}
}

func (in *input) filter(f Filter) {
	in.choice("events", f.Events, texts(Events))
	in.choice("severities", f.Severities, Severities)
	in.patterns("workspaces", f.Workspaces, true)
	in.patterns("owners", f.Owners, false)
}

func texts[T ~string](values []T) []string {
	made := make([]string, len(values))
	for i, value := range values {
		made[i] = string(value)
	}
	return made
}
