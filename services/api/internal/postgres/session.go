package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// sessionRow is a session with its user and account.
type sessionRow struct {
	SessionID        uuid.UUID
	SessionCreatedAt time.Time
	SessionExpiresAt time.Time
	LastUsedAt       *time.Time
	UserAgent        string
	Issuer           string
	Revoked          bool
	AccountName      string
	identity.User
}

const sessionColumns = "s.id as session_id, s.created_at as session_created_at, s.expires_at as session_expires_at, " +
	"s.last_used_at, s.user_agent, coalesce(s.issuer, '') as issuer, s.revoked_at is not null as revoked, a.name as account_name, " + userColumns

const sessionTables = "session s join app_user u on u.id = s.user_id join account a on a.id = u.account_id"

func (r *sessionRow) state() identity.SessionState {
	return identity.SessionState{
		Session: identity.Session{
			ID: r.SessionID, CreatedAt: r.SessionCreatedAt, ExpiresAt: r.SessionExpiresAt, LastUsedAt: r.LastUsedAt, UserAgent: r.UserAgent,
			Issuer: r.Issuer,
		},
		Revoked: r.Revoked, User: r.User, Account: identity.Account{ID: r.AccountID, Name: r.AccountName},
	}
}

// Session implements identity.Store.
func (s *IdentityStore) Session(ctx context.Context, id uuid.UUID) (*identity.SessionState, error) {
	row, err := one[sessionRow](ctx, s.db, noSession, `-- SELECT session
		select `+sessionColumns+` from `+sessionTables+` where s.id = @id`, pg.Args{"id": id})
	if err != nil {
		return nil, err
	}
	state := row.state()
	return &state, nil
}

// Sessions implements identity.Store.
func (s *IdentityStore) Sessions(ctx context.Context, account, user uuid.UUID, at, oldest time.Time, r list.Range) (list.Part[identity.Session], error) {
	type row struct {
		identity.Session
		listed
	}
	return readPart(ctx, s.db, listing{
		name: "session", columns: "s.id, s.created_at, s.expires_at, s.last_used_at, s.user_agent, coalesce(s.issuer, '') as issuer", alias: "s", oldestFirst: true,
		table:  "(select s.*, u.account_id from session s join app_user u on u.id = s.user_id where u.id = @user)",
		filter: " and s.revoked_at is null and s.expires_at > @now and s.created_at > @oldest",
	}, r, pg.Args{"account": account, "user": user, "now": at, "oldest": oldest}, func(row row) (identity.Session, listed) { return row.Session, row.listed })
}

// SessionOpen implements identity.ActorTx.
func (t auditTx) SessionOpen(ctx context.Context, id, user uuid.UUID) (bool, error) {
	return pg.Scalar[bool](ctx, t.tx, `-- SELECT session
		select exists (select from session where id = @id and user_id = @user and revoked_at is null and expires_at > now())`,
		pg.Args{"id": id, "user": user})
}

// InsertSession implements identity.Tx.
func (t identityTx) InsertSession(ctx context.Context, user uuid.UUID, s identity.Session) error {
	return exec(ctx, t.tx, `-- INSERT session
		insert into session (id, user_id, created_at, expires_at, user_agent, issuer) values (@id, @user, @created, @expires, @agent, nullif(@issuer, ''))`,
		pg.Args{"id": s.ID, "user": user, "created": s.CreatedAt, "expires": s.ExpiresAt, "agent": s.UserAgent, "issuer": s.Issuer})
}

// ExtendSession implements identity.Tx.
func (t identityTx) ExtendSession(ctx context.Context, id uuid.UUID, at, until time.Time) error {
	return exec(ctx, t.tx, "-- UPDATE session\nupdate session set expires_at = @until, last_used_at = @at where id = @id",
		pg.Args{"id": id, "at": at, "until": until})
}

// RevokeSession implements identity.Tx.
func (t identityTx) RevokeSession(ctx context.Context, id, user uuid.UUID, why identity.Reason, at time.Time) (bool, error) {
	tag, err := t.tx.Exec(ctx, `-- UPDATE session
		update session set revoked_at = @at, revoked_reason = @why where id = @id and user_id = @user and revoked_at is null`,
		pg.Args{"id": id, "user": user, "why": why, "at": at})
	return tag.RowsAffected() > 0, err
}

// RevokeSessions implements identity.Tx. It ends those too that have expired by this replica's clock: by that of another one they may go on
// for some seconds, and be refreshed.
func (t identityTx) RevokeSessions(ctx context.Context, user, except uuid.UUID, why identity.Reason, at time.Time) (int, error) {
	return pg.Scalar[int](ctx, t.tx, `-- UPDATE session
		with ended as (
			update session set revoked_at = @at, revoked_reason = @why
			where user_id = @user and id <> @except and revoked_at is null returning expires_at
		)
		select count(*) from ended where expires_at > @at`,
		pg.Args{"user": user, "except": except, "why": why, "at": at})
}
