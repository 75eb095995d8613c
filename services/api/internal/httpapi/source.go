package httpapi

import (
	"net/url"
	"regexp"

	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// Bounds of what a sender says about an upload, in characters.
const (
	maxRef         = 256
	maxRunURL      = 2048
	maxTriggeredBy = 256
)

var commitPattern = regexp.MustCompile(`^[0-9A-Za-z._-]{1,64}$`)

// source is where an upload came from.
func source(q *query) drift.Source {
	s := drift.Source{
		Ref:         q.line("ref", maxRef),
		Commit:      q.matching("commit", commitPattern, "1 to 64 letters, digits and . _ -"),
		TriggeredBy: q.line("triggeredBy", maxTriggeredBy),
	}
	if v, ok := q.value("runUrl"); ok {
		if problem := checkRunURL(v); problem != "" {
			q.refuse("runUrl", "%s", problem)
		}
		s.RunURL = v
	}
	return s
}

// line is a text of one line, empty when absent.
func (q *query) line(name string, most int) string {
	v := q.text(name, most)
	if v == "" {
		return ""
	}
	if problem := legible.Filled(v); problem != "" {
		q.refuse(name, "%s", problem)
	}
	return v
}

// checkRunURL says what is wrong with the address of a run, which people follow; nothing when it is fine.
func checkRunURL(v string) string {
	u, err := url.Parse(v)
	if err != nil || len(v) > maxRunURL || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return "must be an http or https URL of at most 2048 characters, without a user or a password in it"
	}
	return legible.Line(v)
}
