package drift

import (
	"context"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/cachestat"
)

// Head says how far an account's stream has reached: its cursor. Every change that a filter can see appends an event, so
// two looks at the drifts under one head see the same of them. (A mere sighting appends none; no filter sees it.)
type Head string

// countsKept bounds the memory; a count and its key take half a kilobyte.
const countsKept = 1000

// counts remembers how many drifts pass a filter, each under the head that it was counted at. It is exact: a count is used
// only for a page that was read at the same head.
type counts struct {
	mu      sync.Mutex
	entries map[counted]count

	stat cachestat.Counter
}

type counted struct {
	account uuid.UUID
	filter  Filter
}

type count struct {
	head  Head
	total int
}

func newCounts(stat cachestat.Counter) *counts {
	return &counts{entries: make(map[counted]count), stat: stat}
}

// get gives what was counted at this head.
func (c *counts) get(ctx context.Context, account uuid.UUID, f Filter, head Head) (total int, ok bool) {
	c.mu.Lock()
	found := c.entries[counted{account, f}]
	c.mu.Unlock()
	if head == "" || found.head != head {
		c.stat.Miss(ctx)
		return 0, false
	}
	c.stat.Hit(ctx)
	return found.total, true
}

func (c *counts) put(account uuid.UUID, f Filter, head Head, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= countsKept {
		clear(c.entries) // Those in use are back with the next request.
	}
	c.entries[counted{account, f.clone()}] = count{head, total}
}

// clone lets go of the request's URL, of which the texts are parts.
func (f Filter) clone() Filter {
	return Filter{
		Severity: Severity(strings.Clone(string(f.Severity))), Status: Status(strings.Clone(string(f.Status))),
		Workspace: strings.Clone(f.Workspace), ResourceType: strings.Clone(f.ResourceType),
		Region: strings.Clone(f.Region), Search: strings.Clone(f.Search),
	}
}
