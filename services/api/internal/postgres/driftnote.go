package postgres

import (
	"context"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// SaveOwner implements drift.AssignTx.
func (t driftTx) SaveOwner(ctx context.Context, d *drift.Drift) error {
	return t.tx.Later(ctx, `-- UPDATE drift
		update drift set version = @version, updated_at = @at, owner = @owner, owner_by = @by where account_id = @account and id = @id`,
		pg.Args{"account": d.AccountID, "id": d.ID, "version": d.Version, "at": d.UpdatedAt, "owner": d.Owner, "by": d.OwnerBy}, nil)
}

// SaveAttribution implements drift.AttributionTx.
func (t driftTx) SaveAttribution(ctx context.Context, d *drift.Drift, a drift.Attribution) error {
	return t.tx.Later(ctx, `-- UPDATE drift
		update drift set version = @version, updated_at = @at, attributed_to = @by, attributed_at = @changed_at,
			attribution_source = @source, attribution_url = nullif(@url, '')
		where account_id = @account and id = @id`,
		pg.Args{
			"account": d.AccountID, "id": d.ID, "version": d.Version, "at": d.UpdatedAt,
			"by": a.By, "changed_at": a.At, "source": a.Source, "url": a.URL,
		}, nil)
}

// readAttribution reads its columns, the first of which is null when there is none.
func readAttribution(row *pg.Row) *drift.Attribution {
	at := row.OptionalTime()
	a := drift.Attribution{By: row.Text(""), Source: row.Text(""), URL: row.Text("")}
	if at == nil {
		return nil
	}
	a.At = *at
	return &a
}
