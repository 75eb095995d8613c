package postgres

import (
	"context"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

// NotifyStore is package notify's database.
type NotifyStore struct{ db *pg.DB }

// NewNotifyStore makes the store on a pool.
func NewNotifyStore(db *pg.DB) *NotifyStore { return &NotifyStore{db} }

var _ notify.Store = (*NotifyStore)(nil)

// InTx implements notify.Store.
func (s *NotifyStore) InTx(ctx context.Context, name string, fn func(ctx context.Context, tx notify.Tx) error) error {
	return s.db.InTx(ctx, name, func(ctx context.Context, tx *pg.Tx) error {
		return fn(ctx, notifyTx{streamTx{auditTx{tx}}, identityTx{auditTx{tx}}})
	})
}

// notifyTx is a transaction of the store.
type notifyTx struct {
	streamTx
	actors identityTx
}

// The messages that callers see.
const (
	noChannel    = "there is no such channel"
	noDelivery   = "there is no such delivery of this channel"
	channelTaken = "the account has another channel of that name"
)

// channelRow is a channel as it is stored.
type channelRow struct {
	ID            uuid.UUID
	AccountID     uuid.UUID
	Name          string
	Kind          notify.Kind
	Host          string
	Target        []byte
	Events        []string
	Severities    []string
	Workspaces    []string
	Owners        []string
	Enabled       bool
	CreatedBy     string
	CreatedAt     time.Time
	UpdatedAt     time.Time
	LastSuccessAt *time.Time
	FailingSince  *time.Time
	LastError     *string
	FailedAt      *time.Time
	Waiting       int
	Parked        int
}

// storedChannel are the columns of a channel, and channelColumns those with what has not been delivered: up to 10,000 of each.
const storedChannel = `c.id, c.account_id, c.name, c.kind, c.host, c.target, c.events, c.severities, c.workspaces, c.owners, c.enabled,
	u.email as created_by, c.created_at, c.updated_at, c.last_success_at, c.failing_since, c.last_error, c.failed_at`

const channelColumns = storedChannel + `,
	(select count(*) from (select from delivery where channel_id = c.id and state = 'waiting' limit 10000) d) as waiting,
	(select count(*) from (select from delivery where channel_id = c.id and state = 'parked' limit 10000) d) as parked`

func (r channelRow) channel() *notify.Channel {
	return &notify.Channel{
		ID: r.ID, AccountID: r.AccountID, Name: r.Name, Kind: r.Kind, Host: r.Host, Target: r.Target,
		Filter:  notify.Filter{Events: r.Events, Severities: r.Severities, Workspaces: r.Workspaces, Owners: r.Owners},
		Enabled: r.Enabled, CreatedBy: r.CreatedBy, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		State: notify.State{
			LastSuccessAt: r.LastSuccessAt, FailingSince: r.FailingSince, LastError: r.LastError, FailedAt: r.FailedAt, Waiting: r.Waiting, Parked: r.Parked,
		},
	}
}

// Channel implements notify.Store.
func (s *NotifyStore) Channel(ctx context.Context, account, id uuid.UUID) (*notify.Channel, error) {
	return s.read(ctx, channelColumns, account, id)
}

func (s *NotifyStore) read(ctx context.Context, columns string, account, id uuid.UUID) (*notify.Channel, error) {
	row, err := one[channelRow](ctx, s.db, noChannel, "-- SELECT channel\nselect "+columns+
		" from channel c join app_user u on u.id = c.created_by where c.account_id = @account and c.id = @id", pg.Args{"account": account, "id": id})
	if err != nil {
		return nil, err
	}
	return row.channel(), nil
}

// Channels implements notify.Store.
func (s *NotifyStore) Channels(ctx context.Context, account uuid.UUID, r list.Range) (list.Part[notify.Channel], error) {
	type row struct {
		channelRow
		listed
	}
	return readPart(ctx, s.db, listing{
		name: "channel", table: "channel", alias: "c", join: " join app_user u on u.id = c.created_by", oldestFirst: true, columns: channelColumns,
	}, r, pg.Args{"account": account}, func(row row) (notify.Channel, listed) { return *row.channel(), row.listed })
}

// LockUsers implements identity.ActorTx, as SessionOpen does.
func (t notifyTx) LockUsers(ctx context.Context, account uuid.UUID, ids ...uuid.UUID) ([]identity.User, error) {
	return t.actors.LockUsers(ctx, account, ids...)
}

// SessionOpen implements identity.ActorTx.
func (t notifyTx) SessionOpen(ctx context.Context, id, user uuid.UUID) (bool, error) {
	return t.actors.SessionOpen(ctx, id, user)
}

// LockAccount implements notify.Tx.
func (t notifyTx) LockAccount(ctx context.Context, account uuid.UUID) (int, error) {
	args := pg.Args{"account": account}
	if err := exec(ctx, t.tx, "-- SELECT account for update\nselect from account where id = @account for no key update", args); err != nil {
		return 0, err
	}
	return pg.Scalar[int](ctx, t.tx, "-- SELECT channel count\nselect count(*) from channel where account_id = @account", args)
}

// channelArgs are what InsertChannel and SaveChannel write.
func channelArgs(c *notify.Channel) pg.Args {
	return pg.Args{
		"account": c.AccountID, "id": c.ID, "name": c.Name, "host": c.Host, "target": c.Target, "events": c.Events, "severities": c.Severities,
		"workspaces": c.Workspaces, "owners": c.Owners, "enabled": c.Enabled, "updated": c.UpdatedAt,
	}
}

const channelNameKey = "channel_account_id_name_key"

// InsertChannel implements notify.Tx.
func (t notifyTx) InsertChannel(ctx context.Context, c *notify.Channel, by uuid.UUID) error {
	args := channelArgs(c)
	maps.Copy(args, pg.Args{"kind": string(c.Kind), "by": by, "created": c.CreatedAt})
	return taken(exec(ctx, t.tx, `-- INSERT channel
		insert into channel (id, account_id, name, kind, host, target, events, severities, workspaces, owners, enabled, created_by, created_at, updated_at)
		values (@id, @account, @name, @kind, @host, @target, @events, @severities, @workspaces, @owners, @enabled, @by, @created, @updated)`, args),
		channelNameKey, channelTaken)
}

// LockChannel implements notify.Tx. The lock lets uploads pass, which refer to the channel.
func (t notifyTx) LockChannel(ctx context.Context, account, id uuid.UUID) (*notify.Channel, error) {
	row, err := one[channelRow](ctx, t.tx, noChannel, "-- SELECT channel for update\nselect "+channelColumns+` from channel c
		join app_user u on u.id = c.created_by where c.account_id = @account and c.id = @id for no key update of c`, pg.Args{"account": account, "id": id})
	if err != nil {
		return nil, err
	}
	return row.channel(), nil
}

// SaveChannel implements notify.Tx.
func (t notifyTx) SaveChannel(ctx context.Context, c *notify.Channel) error {
	return taken(change(ctx, t.tx, noChannel, `-- UPDATE channel
		update channel set name = @name, host = @host, target = @target, events = @events, severities = @severities, workspaces = @workspaces,
			owners = @owners, enabled = @enabled, updated_at = @updated
		where account_id = @account and id = @id`, channelArgs(c)), channelNameKey, channelTaken)
}

// DeleteChannel implements notify.Tx. Its deliveries go with it.
func (t notifyTx) DeleteChannel(ctx context.Context, account, id uuid.UUID) error {
	return change(ctx, t.tx, noChannel, "-- DELETE channel\ndelete from channel where account_id = @account and id = @id", pg.Args{"account": account, "id": id})
}

// Targets implements notify.Store.
func (s *NotifyStore) Targets(ctx context.Context) (map[uuid.UUID][]byte, error) {
	return pairs[uuid.UUID, []byte](ctx, s.db, "-- SELECT channel target\nselect id, target from channel", nil)
}

// Reseal implements notify.Store.
func (s *NotifyStore) Reseal(ctx context.Context, channel uuid.UUID, before, after []byte) error {
	return exec(ctx, s.db, "-- UPDATE channel target\nupdate channel set target = @after where id = @id and target = @before",
		pg.Args{"id": channel, "before": before, "after": after})
}

// TurnChannelsOff implements identity.Tx.
func (t identityTx) TurnChannelsOff(ctx context.Context, account, user uuid.UUID, at time.Time) ([]string, error) {
	return pg.Scalars[string](ctx, t.tx, `-- UPDATE channel
		update channel set enabled = false, updated_at = @at where account_id = @account and created_by = @user and enabled returning name`,
		pg.Args{"account": account, "user": user, "at": at})
}

// HandChannelsOver implements identity.Tx.
func (t identityTx) HandChannelsOver(ctx context.Context, account, user, to uuid.UUID) ([]string, error) {
	return pg.Scalars[string](ctx, t.tx, `-- UPDATE channel
		update channel set created_by = @to where account_id = @account and created_by = @user returning name`,
		pg.Args{"account": account, "user": user, "to": to})
}
