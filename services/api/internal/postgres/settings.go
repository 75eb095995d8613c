package postgres

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// LockSettings implements drift.SettingsTx.
func (t driftTx) LockSettings(ctx context.Context, account uuid.UUID, name string) (uuid.UUID, drift.WorkspaceSettings, error) {
	type row struct {
		ID uuid.UUID
		drift.WorkspaceSettings
	}
	r, err := one[row](ctx, t.tx, noWorkspace, `-- SELECT workspace for update
		select id, record_ref, root is not null as root_known, accept_root from workspace
		where account_id = @account and name = @name for update`,
		pg.Args{"account": account, "name": name})
	if err != nil {
		return uuid.Nil, drift.WorkspaceSettings{}, err
	}
	return r.ID, r.WorkspaceSettings, nil
}

// SaveSettings implements drift.SettingsTx.
func (t driftTx) SaveSettings(ctx context.Context, account, workspace uuid.UUID, s drift.WorkspaceSettings) error {
	return exec(ctx, t.tx, `-- UPDATE workspace
		update workspace set record_ref = @ref, accept_root = @accept where account_id = @account and id = @id`,
		pg.Args{"account": account, "id": workspace, "ref": s.RecordRef, "accept": s.AcceptRoot})
}
