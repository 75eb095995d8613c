package drift

import (
	"context"

	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// exportPart is how many drifts of an export are in memory at once.
const exportPart = 250

// Export gives all drifts that pass a filter to each, newest first, a part at a time, and the head at which the first part was read: what
// has changed since is told by the events after it. Between the parts it holds no connection, since the one who reads may be slow.
func (s *Service) Export(ctx context.Context, p identity.Principal, f Filter, each func([]*Drift) error) (list.Head, error) {
	l := Listing{Filter: f, Order: Order{By: ByCreated, Direction: Descending}, Range: list.Range{Page: list.Page{Number: 1, Size: exportPart}}}
	head, err := s.store.Head(ctx, p.AccountID)
	for err == nil {
		var found Found
		if found, err = s.store.ListDrifts(ctx, p.AccountID, l); err != nil {
			break
		}
		part := found.Items[:min(len(found.Items), l.Size)]
		if len(part) > 0 {
			if err = each(part); err != nil {
				break
			}
		}
		if len(part) < l.Size {
			return head, nil
		}
		place := part[len(part)-1].Place(ByCreated)
		l.After = &place
	}
	return head, err
}
