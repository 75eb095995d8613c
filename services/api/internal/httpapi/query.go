package httpapi

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// query reads a request's query parameters and collects what is wrong with them, so that the caller learns of every
// problem at once. Each accessor makes its parameter known; the others are refused by err.
type query struct {
	values url.Values
	known  map[string]bool
	fields []apierror.Field
	broken error // the query string can't be read at all
}

func newQuery(r *http.Request) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values, known: make(map[string]bool)}
	if err != nil {
		q.broken = apierror.Wrap(apierror.Invalid, err, "the query string is malformed")
	}
	return q
}

// err gives the problems of a query, nil when there is none.
func (q *query) err() error {
	if q.broken != nil {
		return q.broken
	}
	for _, name := range slices.Sorted(maps.Keys(q.values)) {
		if !q.known[name] {
			q.refuse(cleanName(name), "is not a parameter of this request")
		}
	}
	if len(q.fields) > 0 {
		return apierror.InvalidFields(q.fields...)
	}
	return nil
}

// cleanName makes what a caller chose as a name fit to be shown.
func cleanName(name string) string {
	const most = 64
	name = strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "")
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return legible.EscapeLine(name)
}

func (q *query) refuse(name, format string, args ...any) {
	q.fields = append(q.fields, apierror.Field{Field: name, Message: fmt.Sprintf(format, args...)})
}

// value is the parameter's one value; false when it is absent, or refused.
func (q *query) value(name string) (string, bool) {
	q.known[name] = true
	values, ok := q.values[name]
	switch {
	case !ok:
		return "", false
	case len(values) > 1:
		q.refuse(name, "must not be repeated")
	case values[0] == "":
		q.refuse(name, "must not be empty")
	case !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0):
		q.refuse(name, "must be valid UTF-8 without NUL characters")
	default:
		return values[0], true
	}
	return "", false
}

// text returns a string of at most limit characters, or empty if absent.
func (q *query) text(name string, limit int) string {
	v, ok := q.value(name)
	if ok && utf8.RuneCountInString(v) > limit {
		q.refuse(name, "must have at most %d characters", limit)
	}
	return v
}

// matching is a string that fits the pattern, empty when absent.
func (q *query) matching(name string, pattern *regexp.Regexp, description string) string {
	v, ok := q.value(name)
	if ok && !pattern.MatchString(v) {
		q.refuse(name, "must be %s", description)
	}
	return v
}

// maxValues is how many values a filter takes.
const maxValues = 20

// list are the parameter's values, which commas separate; check says what is wrong with one. They are sorted, and each is there
// once: the order that they come in makes no other list.
func (q *query) list(name string, check func(string) string) []string {
	v, ok := q.value(name)
	if !ok {
		return nil
	}
	values := strings.Split(v, ",")
	if len(values) > maxValues {
		q.refuse(name, "must have at most %d values", maxValues)
		return nil
	}
	for _, value := range values {
		if problem := check(value); problem != "" {
			q.refuse(name, "%s", problem)
			return nil
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// workspace is the name of a workspace, empty when absent.
func (q *query) workspace() string {
	v, ok := q.value("workspace")
	if ok {
		if problem := drift.CheckWorkspaceName(v); problem != "" {
			q.refuse("workspace", "%s", problem)
		}
	}
	return v
}

// workspaces are names of workspaces.
func (q *query) workspaces() []string { return q.list("workspace", drift.CheckWorkspaceName) }

// texts are strings of at most limit characters each.
func (q *query) texts(name string, limit int) []string {
	return q.list(name, func(v string) string {
		if n := utf8.RuneCountInString(v); n < 1 || n > limit {
			return fmt.Sprintf("must have 1 to %d characters, or several of these, separated by commas", limit)
		}
		return ""
	})
}

// integer is a number from 1, or the default.
func (q *query) integer(name string, otherwise, most int) int {
	v, ok := q.value(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		q.refuse(name, "must be a number from 1 to %d", most)
		return otherwise
	}
	return n
}

// boolean is true, false, or nil when absent.
func (q *query) boolean(name string) *bool {
	v, ok := q.value(name)
	if !ok {
		return nil
	}
	if v != "true" && v != "false" {
		q.refuse(name, "must be true or false")
		return nil
	}
	b := v == "true"
	return &b
}

// time is a point in time, or nil when absent.
func (q *query) time(name string) *time.Time {
	v, ok := q.value(name)
	if !ok {
		return nil
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		q.refuse(name, "must be a time such as 2026-03-01T09:00:00Z")
		return nil
	}
	return &t
}

// id is a UUID, or nil when absent.
func (q *query) id(name string) *uuid.UUID {
	v, ok := q.value(name)
	if !ok {
		return nil
	}
	id, err := parseID(v)
	if err != nil {
		q.refuse(name, "must be a UUID")
		return nil
	}
	return &id
}

// ids are UUIDs.
func (q *query) ids(name string) []uuid.UUID {
	var ids []uuid.UUID
	q.list(name, func(v string) string {
		id, err := parseID(v)
		if err != nil {
			return "must be a UUID, or several of these, separated by commas"
		}
		ids = append(ids, id)
		return ""
	})
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// choice is one of these values, or the default.
func choice[T ~string](q *query, name string, otherwise T, values ...T) T {
	v, ok := q.value(name)
	if !ok {
		return otherwise
	}
	if !slices.Contains(values, T(v)) {
		q.refuse(name, "must be one of %s", names(values))
		return otherwise
	}
	return T(v)
}

// choices are some of these values.
func choices[T ~string](q *query, name string, values ...T) []T {
	chosen := q.list(name, func(v string) string {
		if !slices.Contains(values, T(v)) {
			return "must be one of " + names(values) + ", or several of these, separated by commas"
		}
		return ""
	})
	if chosen == nil {
		return nil
	}
	typed := make([]T, len(chosen))
	for i, v := range chosen {
		typed[i] = T(v)
	}
	return typed
}

func names[T ~string](values []T) string {
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = string(value)
	}
	return strings.Join(names, ", ")
}

// Bounds of a page.
const (
	defaultPageSize = 20
	maxPageSize     = 100
	maxPageEnd      = 10_000
)

// page is which part of a list is asked for.
func (q *query) page() list.Page {
	p := list.Page{
		Number: q.integer("page", 1, maxPageEnd),
		Size:   q.integer("limit", defaultPageSize, maxPageSize),
	}
	if p.Number*p.Size > maxPageEnd {
		q.refuse("page", "times limit must be at most %d; narrow the filter", maxPageEnd)
	}
	return p
}

// days is how far to look back.
func (q *query) days() int { return q.integer("days", 30, 365) }

// pathID is the UUID in the path.
func pathID(r *http.Request) (uuid.UUID, error) {
	id, err := parseID(chi.URLParam(r, "id"))
	if err != nil {
		return uuid.Nil, apierror.InvalidField("id", "must be a UUID")
	}
	return id, nil
}

// pathWorkspace is the name of the workspace in the path, in which a slash is sent as %2F.
func pathWorkspace(r *http.Request) (string, error) {
	name := chi.URLParam(r, "name")
	if r.URL.RawPath != "" { // The router took that one, with its escapes; else it took Path, which has none.
		name, _ = url.PathUnescape(name) // net/http has refused what is no escape.
	}
	if problem := drift.CheckWorkspaceName(name); problem != "" {
		return "", apierror.InvalidField("name", "%s", problem)
	}
	return name, nil
}

// parseID reads the one form of a UUID that we write ourselves.
func parseID(s string) (uuid.UUID, error) {
	const length = 36
	if len(s) != length {
		return uuid.Nil, fmt.Errorf("not a UUID of %d characters", length)
	}
	return uuid.Parse(s)
}
