package drift

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// Reader reads drifts.
type Reader interface {
	// Drift is one drift with what surrounds it. apierror.NotFound when there is none.
	Drift(ctx context.Context, account, id uuid.UUID) (*Detail, error)
	// ListDrifts is a part of a list, with the head that it was read at; "" when the part is empty. AnyDrift says whether the
	// part has a row, and at which head. CountDrifts counts all drifts that pass the filter, and says at which head.
	ListDrifts(ctx context.Context, account uuid.UUID, l Listing) (Found, error)
	AnyDrift(ctx context.Context, account uuid.UUID, l Listing) (bool, list.Head, error)
	CountDrifts(ctx context.Context, account uuid.UUID, f Filter) (int, list.Head, error)
	// Head is the head of the account's stream.
	Head(ctx context.Context, account uuid.UUID) (list.Head, error)
}

// Listing says which part of which drifts.
type Listing struct {
	Filter Filter
	Order  Order
	list.Range
	// States reads the expected and the actual states, too.
	States bool
}

// Found is what the database has for a part.
type Found struct {
	Items []*Drift
	Head  list.Head
	// Count is how many drifts the part has: more than Items when these became too large together, and one more than the page's
	// size when the part begins after a place and there are more.
	Count int
}

// Get is one drift and what surrounds it.
func (s *Service) Get(ctx context.Context, p identity.Principal, id uuid.UUID) (*Detail, error) {
	return s.store.Drift(ctx, p.AccountID, id)
}

// Head is the head of the account's stream.
func (s *Service) Head(ctx context.Context, p identity.Principal) (list.Head, error) {
	return s.store.Head(ctx, p.AccountID)
}

// List is a part of the drifts that pass the filter. All of it is of one head of the stream.
func (s *Service) List(ctx context.Context, p identity.Principal, l Listing) (list.Part[*Drift], error) {
	for range list.Attempts {
		found, err := s.store.ListDrifts(ctx, p.AccountID, l)
		if err != nil {
			return list.Part[*Drift]{}, err
		}
		if len(found.Items) == 0 {
			isThere, head, err := s.store.AnyDrift(ctx, p.AccountID, l)
			if err != nil {
				return list.Part[*Drift]{}, err
			}
			if isThere { // It has just come.
				continue
			}
			found.Head = head
		}
		part := list.Part[*Drift]{Items: found.Items[:min(len(found.Items), l.Size)], Head: found.Head}
		part.More = found.Count > len(part.Items)
		if n := found.Count; l.After == nil && n < l.Size && (n > 0 || l.Number == 1) {
			part.Total = l.Offset() + n // The last page tells by itself.
			return part, nil
		}
		total, head, err := s.count(ctx, p.AccountID, l.Filter, found.Head)
		if err != nil {
			return list.Part[*Drift]{}, err
		}
		if head != found.Head { // It has just changed.
			continue
		}
		if part.Total = total; l.After == nil {
			part.More = l.Offset()+len(part.Items) < total
		}
		return part, nil
	}
	return list.Part[*Drift]{}, list.ErrBusy
}

// count counts the drifts that pass the filter, and says at which head. The number is exact: a remembered one is used only for
// the head that it was counted at.
func (s *Service) count(ctx context.Context, account uuid.UUID, f Filter, at list.Head) (int, list.Head, error) {
	key := counted{account, f.key(), at}
	if total, ok := s.counts.Get(ctx, key); ok && at != "" {
		return total, at, nil
	}
	total, head, err := s.store.CountDrifts(ctx, account, f)
	if err != nil {
		return 0, "", err
	}
	key.head = head
	s.counts.Put(key, total)
	return total, head, nil
}

// counted is what a count was made of: the drifts that pass the filter, under the head.
type counted struct {
	account uuid.UUID
	filter  string
	head    list.Head
}

// countsKept bounds the memory; a count and its key take a kilobyte, and up to ten if the filter is long.
const countsKept = 1000

// Filter says which drifts; an empty field does not matter, and of several values one must fit.
type Filter struct {
	Severity     []Severity
	Status       []Status
	Workspace    []string
	ResourceType []string
	Region       []string
	Origin       []Origin
	Provider     []string
	Owner        []string
	Open         *bool
	From, To     *time.Time  // detected from this time on, and before that one
	Group        []uuid.UUID // of Group
	Suppressed   *bool       // a rule ignores all of it
	Search       string      // part of the resource's id or type, or of a path that differs, in any case
}

// key is the filter as text: equal for equal ones.
func (f Filter) key() string {
	b := appendTexts(appendTexts(nil, 's', f.Severity), 'a', f.Status)
	b = appendTexts(appendTexts(appendTexts(b, 'w', f.Workspace), 't', f.ResourceType), 'r', f.Region)
	b = appendTexts(appendTexts(appendTexts(b, 'o', f.Origin), 'p', f.Provider), 'x', f.Owner)
	if f.Open != nil {
		b = strconv.AppendBool(append(b, 'c'), *f.Open)
	}
	if f.Suppressed != nil {
		b = strconv.AppendBool(append(b, 'i'), *f.Suppressed)
	}
	for i, at := range [...]*time.Time{f.From, f.To} {
		if at != nil {
			b = at.UTC().AppendFormat(append(b, 'f'+byte(i)), time.RFC3339Nano)
		}
	}
	for _, id := range f.Group {
		b = append(append(b, 'g'), id[:]...)
	}
	return string(strconv.AppendQuote(b, f.Search))
}

// appendTexts appends the values of a field, each after the field's letter.
func appendTexts[T ~string](b []byte, field byte, values []T) []byte {
	for _, v := range values {
		b = strconv.AppendQuote(append(b, field), string(v))
	}
	return b
}

// SortKey is what drifts are sorted by.
type SortKey string

// The keys.
const (
	ByCreated   SortKey = "createdAt"
	ByDetected  SortKey = "detectedAt"
	ByLastSeen  SortKey = "lastSeenAt"
	ByCost      SortKey = "costImpactMonthly"
	BySeverity  SortKey = "severity"
	ByWorkspace SortKey = "workspace"
	ByResource  SortKey = "resourceId"
	ByStatus    SortKey = "status"
)

// SortKeys are all keys.
var SortKeys = []SortKey{ByCreated, ByDetected, ByLastSeen, ByCost, BySeverity, ByWorkspace, ByResource, ByStatus}

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

// Scope names a list of drifts: a place in it is none in another.
func (l Listing) Scope() string {
	return "drifts " + string(l.Order.By) + " " + string(l.Order.Direction) + " " + l.Filter.key()
}
