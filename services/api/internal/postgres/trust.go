package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

const (
	trustColumns = "t.id, t.account_id, t.name, t.issuer, t.audience, t.subject, t.claims, t.workspaces, t.created_at, u.email as created_by, t.last_used_at"
	noTrust      = "there is no such trust"
)

// AllTrusts implements identity.Store.
func (s *IdentityStore) AllTrusts(ctx context.Context) ([]identity.Trust, error) {
	return pg.Collect[identity.Trust](ctx, s.db, `-- SELECT ci_trust
		select `+trustColumns+` from ci_trust t join app_user u on u.id = t.created_by order by t.created_at, t.id`, pg.Args{})
}

// TouchTrust implements identity.Store.
func (s *IdentityStore) TouchTrust(ctx context.Context, id uuid.UUID, at time.Time) error {
	return exec(ctx, s.db, "-- UPDATE ci_trust\nupdate ci_trust set last_used_at = @at where id = @id", pg.Args{"id": id, "at": at})
}

// Trusts implements identity.Store.
func (s *IdentityStore) Trusts(ctx context.Context, account uuid.UUID, r list.Range) (list.Part[identity.Trust], error) {
	type row struct {
		identity.Trust
		listed
	}
	return readPart(ctx, s.db, listing{
		name: "ci_trust", table: "ci_trust", alias: "t", join: " join app_user u on u.id = t.created_by", columns: trustColumns, oldestFirst: true,
	}, r, pg.Args{"account": account}, func(row row) (identity.Trust, listed) { return row.Trust, row.listed })
}

// InsertTrust implements identity.Tx.
func (t identityTx) InsertTrust(ctx context.Context, trust identity.Trust, by uuid.UUID) error {
	args := pg.Args{
		"id": trust.ID, "account": trust.AccountID, "name": trust.Name, "issuer": trust.Issuer, "audience": trust.Audience, "subject": trust.Subject,
		"claims": trust.Claims, "workspaces": trust.Workspaces, "by": by, "created": trust.CreatedAt,
	}
	// This waits for a concurrent transaction with the same audience, and locks its row until the end.
	owner, err := pg.Scalar[uuid.UUID](ctx, t.tx, `-- INSERT ci_audience
		insert into ci_audience (audience, account_id) values (@audience, @account)
		on conflict (audience) do update set audience = excluded.audience returning account_id`, args)
	if err != nil {
		return err
	}
	if owner != trust.AccountID {
		return apierror.New(apierror.Conflict, "the audience belongs to another account; choose another one, and ask the host of CI for tokens with it")
	}
	return exec(ctx, t.tx, `-- INSERT ci_trust
		insert into ci_trust (id, account_id, name, issuer, audience, subject, claims, workspaces, created_by, created_at)
		values (@id, @account, @name, @issuer, @audience, @subject, @claims, @workspaces, @by, @created)`, args)
}

// CountTrusts implements identity.Tx.
func (t identityTx) CountTrusts(ctx context.Context, account uuid.UUID) (int, error) {
	return pg.Scalar[int](ctx, t.tx, "-- SELECT ci_trust\nselect count(*)::int from ci_trust where account_id = @account", pg.Args{"account": account})
}

// DeleteTrust implements identity.Tx. The audience stays the account's: jobs may still send tokens with it.
func (t identityTx) DeleteTrust(ctx context.Context, account, id uuid.UUID) (*identity.Trust, error) {
	return one[identity.Trust](ctx, t.tx, noTrust, `-- DELETE ci_trust
		delete from ci_trust t using app_user u where t.id = @id and t.account_id = @account and u.id = t.created_by returning `+trustColumns,
		pg.Args{"account": account, "id": id})
}
