package drift

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// Group is the drifts of one type in which the same paths changed, from values of the same JSON types to values of the same ones. A drift
// is in one group. Which member of a list differs does not matter.
type Group struct {
	ID                            uuid.UUID // made of the type and the paths, so that it is the same tomorrow
	ResourceType                  string
	Paths                         []ChangedPath // the first GroupPaths
	PathCount                     int
	Count                         int // of the drifts that pass the filter
	Critical, Warning, Info, Open int // of these
	Workspaces                    int
	SampleID                      uuid.UUID // one of the drifts
	FirstSeenAt, LastSeenAt       time.Time
}

// ChangedPath is a path with the JSON types of its two sides.
type ChangedPath struct{ Path, Expected, Actual string }

// GroupPaths is how many paths of a group are shown.
const GroupPaths = 20

// Groups are the largest groups of the drifts that pass a filter.
type Groups struct {
	Items  []Group
	Total  int       // groups
	Drifts int       // of all groups
	Head   list.Head // at which this was still so
}

// GroupReader reads drifts by what changed.
type GroupReader interface {
	Groups(ctx context.Context, account uuid.UUID, f Filter, limit int) (Groups, error)
}

// Groups groups the drifts that pass a filter, and gives the largest groups. The head is read first: what is newer than it is told by the
// events after it.
func (s *Service) Groups(ctx context.Context, p identity.Principal, f Filter, limit int) (Groups, error) {
	head, err := s.store.Head(ctx, p.AccountID)
	if err != nil {
		return Groups{}, err
	}
	groups, err := s.store.Groups(ctx, p.AccountID, f, limit)
	groups.Head = head
	return groups, err
}
