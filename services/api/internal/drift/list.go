package drift

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// Reader reads drifts.
type Reader interface {
	// Drift is one drift with the count of its alerts. apierror.NotFound when there is none.
	Drift(ctx context.Context, account, id uuid.UUID) (*Detail, error)
	// ListDrifts is a page of the drifts that pass the filter, and the stream's head that it was read at; "" when the page
	// is empty. CountDrifts counts all of them, and says at which head.
	ListDrifts(ctx context.Context, account uuid.UUID, f Filter, o Order, p Page) ([]*Drift, Head, error)
	CountDrifts(ctx context.Context, account uuid.UUID, f Filter) (int, Head, error)
}

// Get is one drift and what surrounds it.
func (s *Service) Get(ctx context.Context, p identity.Principal, id uuid.UUID) (*Detail, error) {
	return s.store.Drift(ctx, p.AccountID, id)
}

// List is a page of the drifts that pass the filter, and how many pass it. The number is exact: a remembered one is used only
// for a page that was read at the same head.
func (s *Service) List(ctx context.Context, p identity.Principal, f Filter, o Order, page Page) ([]*Drift, int, error) {
	drifts, head, err := s.store.ListDrifts(ctx, p.AccountID, f, o, page)
	if err != nil {
		return nil, 0, err
	}
	if n := len(drifts); n < page.Size && (n > 0 || page.Number == 1) {
		return drifts, page.Offset() + n, nil // The last page tells by itself.
	}
	if total, ok := s.counts.Get(ctx, counted{p.AccountID, f, head}); ok {
		return drifts, total, nil
	}
	total, head, err := s.store.CountDrifts(ctx, p.AccountID, f)
	if err != nil {
		return nil, 0, err
	}
	s.counts.Put(counted{p.AccountID, f.clone(), head}, total)
	return drifts, total, nil
}

// Head says how far an account's stream has reached: its cursor. Every change that a filter can see appends an event, so
// two looks at the drifts under one head see the same of them. (A mere sighting appends none; no filter sees it.) It is
// empty when it is unknown, and no count has that head.
type Head string

// counted is what a count was made of: the drifts that pass the filter, under the head.
type counted struct {
	account uuid.UUID
	filter  Filter
	head    Head
}

// countsKept bounds the memory; a count and its key take half a kilobyte.
const countsKept = 1000

// Filter says which drifts; an empty field does not matter.
type Filter struct {
	Severity     Severity
	Status       Status
	Workspace    string
	ResourceType string
	Region       string
	Search       string // part of the resource's id or type, in any case
}

// clone lets go of the request's URL, of which the texts are parts.
func (f Filter) clone() Filter {
	return Filter{
		Severity: Severity(strings.Clone(string(f.Severity))), Status: Status(strings.Clone(string(f.Status))),
		Workspace: strings.Clone(f.Workspace), ResourceType: strings.Clone(f.ResourceType),
		Region: strings.Clone(f.Region), Search: strings.Clone(f.Search),
	}
}

// SortKey is what drifts are sorted by.
type SortKey string

// The keys.
const (
	ByCreated  SortKey = "createdAt"
	ByDetected SortKey = "detectedAt"
	ByLastSeen SortKey = "lastSeenAt"
	ByCost     SortKey = "costImpactMonthly"
	BySeverity SortKey = "severity"
)

// SortKeys are all keys.
var SortKeys = []SortKey{ByCreated, ByDetected, ByLastSeen, ByCost, BySeverity}

// Direction is the direction of an order.
type Direction string

// The directions.
const (
	Ascending  Direction = "asc"
	Descending Direction = "desc"
)

// Order is how drifts are sorted; ties are broken by id.
type Order struct {
	By        SortKey
	Direction Direction
}

// Page is which part of a list: page Number, from 1, of Size items each.
type Page struct{ Number, Size int }

// Offset is how many items come before the page.
func (p Page) Offset() int { return (p.Number - 1) * p.Size }
