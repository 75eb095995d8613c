package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// Page chooses a part of a list.
type Page struct {
	Number int // from 1, which is also what 0 means
	Size   int // 1 to 100; 20 for 0
	// After is the Pagination.NextCursor of the page before, of the same query. It leads further than numbers do, and what is
	// inserted meanwhile moves nothing. Number must be 0 then.
	After string
}

// List is one page.
type List[T any] struct {
	Items      []T        `json:"items"`
	Pagination Pagination `json:"pagination"`
	// Cursor is the place in the stream of events at which the list was read: begin a Stream there, and nothing is missed in
	// between. It is empty with servers that do not tell; take ListEvents' Head before the list then.
	Cursor string `json:"cursor,omitempty"`
}

// Pagination says which part of the list a page is.
type Pagination struct {
	Total      int  `json:"total"` // items of all pages
	Page       int  `json:"page"`
	PageSize   int  `json:"pageSize"`
	TotalPages int  `json:"totalPages"`
	HasMore    bool `json:"hasMore"`
	// NextCursor is what the list goes on after: see Page.After. It is empty on the last page, and in lists without cursors.
	NextCursor string `json:"nextCursor"`
}

func list[T any](ctx context.Context, c *Client, path string, query url.Values, p Page) (List[T], error) {
	if p.Number > 0 {
		query.Set("page", strconv.Itoa(p.Number))
	}
	if p.After != "" {
		query.Set("cursor", p.After)
	}
	if p.Size > 0 {
		query.Set("limit", strconv.Itoa(p.Size))
	}
	return get[List[T]](ctx, c, path, query)
}

// maxPageSize is the largest page that the API gives.
const maxPageSize = 100

// all goes through the pages, by cursors where the list has them. Without, a row that is inserted meanwhile can bring an item a
// second time.
func all[T any](page func(Page) (List[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p := (Page{Size: maxPageSize, Number: 1}); ; {
			l, err := page(p)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range l.Items {
				if !yield(item, nil) {
					return
				}
			}
			if !l.Pagination.HasMore {
				return
			}
			if p.After = l.Pagination.NextCursor; p.After != "" {
				p.Number = 0
			} else {
				p.Number++
			}
		}
	}
}

// AnyOf is several values of a query's field, of which one must fit: Severity: client.AnyOf(client.Critical, client.Warning).
func AnyOf[S ~string](values ...S) S {
	var joined S
	for i, v := range values {
		if i > 0 {
			joined += ","
		}
		joined += v
	}
	return joined
}

// setTime adds a time unless it is zero.
func setTime(query url.Values, name string, t time.Time) {
	if !t.IsZero() {
		query.Set(name, t.Format(time.RFC3339Nano))
	}
}

// setBool adds a boolean unless it is nil.
func setBool(query url.Values, name string, value *bool) {
	if value != nil {
		query.Set(name, strconv.FormatBool(*value))
	}
}

// set adds a parameter unless it is empty.
func set[S ~string](query url.Values, name string, value S) {
	if value != "" {
		query.Set(name, string(value))
	}
}
