package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

const (
	// networksPerUser is of how many networks it is known that a user signs in from them: the last ones.
	networksPerUser = 50
	// failuresPerEmail is how many networks an email's failed sign-ins are counted by within an hour, and strangeFailures how many
	// rows there are within an hour of emails that no user has. What is more counts as from no network, and of no email.
	failuresPerEmail = 20
	strangeFailures  = 10_000
)

// Attempts implements identity.Store.
func (s *IdentityStore) Attempts(ctx context.Context, user uuid.UUID, email []byte, network string, known, since time.Time) (*identity.Attempts, error) {
	return one[identity.Attempts](ctx, s.db, noUser, `-- SELECT failed_sign_in
		select
			exists (select from sign_in_network where user_id = @user and network = @network and last_at > @known) as known,
			(select coalesce(sum(f.count), 0) from failed_sign_in f where f.email_hash = @email and f.last_at > @since
				and not exists (
					select from sign_in_network n where n.user_id = @user and n.network = f.network and n.last_at > @known))::int as failed`,
		pg.Args{"user": user, "email": email, "network": network, "known": known, "since": since})
}

// CountFailure implements identity.Store.
func (s *IdentityStore) CountFailure(ctx context.Context, f identity.Failure) error {
	return exec(ctx, s.db, `-- INSERT failed_sign_in
		insert into failed_sign_in (id, email_hash, user_id, account_id, network, hour, count, first_at, last_at)
		select @id, place.email, nullif(@user, '00000000-0000-0000-0000-000000000000'::uuid),
			nullif(@account, '00000000-0000-0000-0000-000000000000'::uuid), place.network, @hour, 1, @at, @at
		from (
			select @email::bytea as email, @network::text as network where exists (
				select from failed_sign_in where email_hash = @email and hour = @hour and network = @network)
			union all
			select '', '' where @user = '00000000-0000-0000-0000-000000000000'::uuid and @strange <= (
				select count(*) from (select from failed_sign_in where hour = @hour and user_id is null limit @strange) s)
			union all
			select @email, case when @most <= (select count(*) from failed_sign_in where email_hash = @email and hour = @hour)
				then '' else @network end
			limit 1
		) place
		on conflict (email_hash, hour, network) do update set
			count = failed_sign_in.count + 1, last_at = @at, user_id = excluded.user_id, account_id = excluded.account_id`,
		pg.Args{
			"id": f.ID, "email": f.Email, "user": f.User, "account": f.Account, "network": f.Network, "hour": f.At.Truncate(time.Hour), "at": f.At,
			"most": failuresPerEmail, "strange": strangeFailures,
		})
}

// NoteNetwork implements identity.Tx.
func (t identityTx) NoteNetwork(ctx context.Context, user uuid.UUID, network string, at time.Time) error {
	args := pg.Args{"user": user, "network": network, "at": at, "most": networksPerUser}
	if err := exec(ctx, t.tx, `-- INSERT sign_in_network
		insert into sign_in_network (user_id, network, last_at) values (@user, @network, @at)
		on conflict (user_id, network) do update set last_at = @at`, args); err != nil {
		return err
	}
	return exec(ctx, t.tx, `-- DELETE sign_in_network
		delete from sign_in_network where user_id = @user and network in (
			select network from sign_in_network where user_id = @user order by last_at desc offset @most)`, args)
}
