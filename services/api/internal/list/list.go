// Package list is what all lists have in common: their parts, and the places in them.
package list

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
)

// Page is which part of a list: page Number, from 1, of Size items each.
type Page struct{ Number, Size int }

// Offset is how many items come before the page.
func (p Page) Offset() int { return (p.Number - 1) * p.Size }

// Range is which part of a list: a page by its number or, if there is a place, as many items after that.
type Range struct {
	Page
	After *Place
}

// Part is a part of a list.
type Part[T any] struct {
	Items []T
	Total int  // of all parts
	More  bool // there are items after these
	Head  Head // that all of this was read at; empty if the list does not follow the stream
}

// Map makes another thing of each item.
func Map[T, U any](p Part[T], made func(T) U) Part[U] {
	mapped := Part[U]{make([]U, len(p.Items)), p.Total, p.More, p.Head}
	for i, item := range p.Items {
		mapped.Items[i] = made(item)
	}
	return mapped
}

// Place is a place in a sorted list: after the item with this key and this ID.
type Place struct {
	Key string
	ID  uuid.UUID
}

// At is the place of an item in a list that is sorted by time.
func At(t time.Time, id uuid.UUID) Place { return Place{t.UTC().Format(time.RFC3339Nano), id} }

// Time is the time of the place.
func (p Place) Time() (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, p.Key)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, ErrPlace
	}
	return t, nil
}

// ErrPlace is the error for a place that we have not given.
var ErrPlace = apierror.InvalidField("cursor", "must be a nextCursor that this list gave")

// ErrBusy is the error for a list that changes all the time.
var ErrBusy = apierror.New(apierror.Unavailable, "the list changes too fast to be read; try again")

// Attempts is how often a list is read that changes between its two statements.
const Attempts = 3

// Head says how far an account's stream has reached: epoch, position, id of the event there, and the revision. Every change that
// a list shows appends an event, or begins a revision, so two looks at the drifts, the alerts or the checks under one head see the
// same. It is empty when it is unknown, and nothing is remembered under that.
type Head string

// Cursor is the place in the stream. It is false for an unknown head.
func (h Head) Cursor() (event.Cursor, bool) {
	epoch, rest, _ := strings.Cut(string(h), ":")
	position, rest, _ := strings.Cut(rest, ":")
	id, _, ok := strings.Cut(rest, ":")
	n, err := strconv.ParseInt(position, 10, 64)
	if !ok || err != nil {
		return event.Cursor{}, false
	}
	c := event.Cursor{Epoch: epoch, Mark: event.Mark{Position: n}}
	if id == "" {
		return c, true
	}
	parsed, err := uuid.Parse(id)
	c.Tag = event.TagOf(parsed)
	return c, err == nil
}
