package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// Groups implements drift.GroupReader. Rows of an earlier version have no group, so that it is computed.
func (s *DriftStore) Groups(ctx context.Context, account uuid.UUID, f drift.Filter, limit int) (drift.Groups, error) {
	type row struct {
		ID                            uuid.UUID
		ResourceType                  string
		Lines                         []string
		PathCount, Count              int
		Critical, Warning, Info, Open int
		Workspaces                    int
		SampleID                      uuid.UUID
		FirstSeenAt, LastSeenAt       time.Time
		All, AllRows                  int
	}
	where, args := driftWhere(account, f)
	args["limit"] = limit
	rows, err := pg.Collect[row](ctx, s.db, `-- SELECT drift group
		with grouped as (
			select coalesce(change_group, drift_group(resource_type, difference)) as id, count(*) as count,
				count(*) filter (where severity = 'critical') as critical, count(*) filter (where severity = 'warning') as warning,
				count(*) filter (where severity = 'info') as info, count(*) filter (where resolved_at is null) as open,
				count(distinct workspace) as workspaces, min(drift.id::text)::uuid as sample_id,
				min(first_seen_at) as first_seen_at, max(last_seen_at) as last_seen_at
			from drift `+where+` group by 1
		), largest as (
			select *, count(*) over () as all, sum(count) over () as all_rows from grouped order by count desc, id limit @limit
		)
		select largest.id, left(resource_type, 512) as resource_type, count, critical, warning, info, open, workspaces, sample_id,
			largest.first_seen_at, largest.last_seen_at, "all", all_rows::bigint as all_rows,
			coalesce(cardinality(shape), 0) as path_count, shape[1:`+fmt.Sprint(drift.GroupPaths)+`] as lines
		from largest join drift on drift.id = sample_id, lateral (select string_to_array(change_shape(difference), e'\n') as shape) shape
		order by count desc, largest.id`, args)
	if err != nil {
		return drift.Groups{}, err
	}
	groups := drift.Groups{Items: make([]drift.Group, len(rows))}
	for i, r := range rows {
		groups.Total, groups.Drifts = r.All, r.AllRows
		groups.Items[i] = drift.Group{
			ID: r.ID, ResourceType: r.ResourceType, Paths: changedPaths(r.Lines), PathCount: r.PathCount, Count: r.Count,
			Critical: r.Critical, Warning: r.Warning, Info: r.Info, Open: r.Open, Workspaces: r.Workspaces, SampleID: r.SampleID,
			FirstSeenAt: r.FirstSeenAt, LastSeenAt: r.LastSeenAt,
		}
	}
	return groups, nil
}

// changedPaths reads the lines of change_shape.
func changedPaths(lines []string) []drift.ChangedPath {
	paths := make([]drift.ChangedPath, 0, len(lines))
	for _, line := range lines {
		if parts := strings.Split(line, "\t"); len(parts) == 3 {
			paths = append(paths, drift.ChangedPath{Path: parts[0], Expected: parts[1], Actual: parts[2]})
		}
	}
	return paths
}
