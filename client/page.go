package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"
)

// Page chooses a part of a list.
type Page struct {
	Number int // from 1, which is also what 0 means
	Size   int // 1 to 100; 20 for 0
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
}

func list[T any](ctx context.Context, c *Client, path string, query url.Values, p Page) (List[T], error) {
	if p.Number > 0 {
		query.Set("page", strconv.Itoa(p.Number))
	}
	if p.Size > 0 {
		query.Set("limit", strconv.Itoa(p.Size))
	}
	return get[List[T]](ctx, c, path, query)
}

// maxPageSize is the largest page that the API gives.
const maxPageSize = 100

// all goes through the pages. A row that is inserted meanwhile can bring an item a second time.
func all[T any](page func(Page) (List[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p := (Page{1, maxPageSize}); ; p.Number++ {
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
		}
	}
}

// set adds a parameter unless it is empty.
func set[S ~string](query url.Values, name string, value S) {
	if value != "" {
		query.Set(name, string(value))
	}
}
