package drift

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
)

// Store is the database. Everything in it is scoped to an account: what belongs to another is not found.
type Store interface {
	// InTx runs fn in a transaction named for its span. On a deadlock fn runs again, so it must change nothing outside.
	InTx(ctx context.Context, name string, fn func(ctx context.Context, tx Tx) error) error

	Drifts
	Alerts
	Reports
	Records
}

// Drifts reads drifts.
type Drifts interface {
	// Drift is one drift with the count of its alerts. apierror.NotFound when there is none.
	Drift(ctx context.Context, account, id uuid.UUID) (*Detail, error)
	// ListDrifts is a page of the drifts that pass the filter, and the stream's head that it was read at; "" when the page
	// is empty. CountDrifts counts all of them, and says at which head.
	ListDrifts(ctx context.Context, account uuid.UUID, f Filter, o Order, p Page) ([]*Drift, Head, error)
	CountDrifts(ctx context.Context, account uuid.UUID, f Filter) (int, Head, error)
}

// Alerts reads alerts.
type Alerts interface {
	ListAlerts(ctx context.Context, account uuid.UUID, f AlertFilter, p Page) ([]Alert, error)
	CountAlerts(ctx context.Context, account uuid.UUID, f AlertFilter) (int, error)
}

// Reports reads numbers.
type Reports interface {
	// Summary is of the time since then; CostTrend of the days from the first to today.
	Summary(ctx context.Context, account uuid.UUID, since time.Time) (Summary, error)
	CostTrend(ctx context.Context, account uuid.UUID, first, today time.Time) ([]CostDay, error)
	SeverityCounts(ctx context.Context, account uuid.UUID) (map[Severity]int, error)
	StatusCounts(ctx context.Context, account uuid.UUID) (map[Status]int, error)
	// Workspaces are an account's; WorkspaceCounts are of all accounts, by status. A last check before staleBefore is stale.
	Workspaces(ctx context.Context, account uuid.UUID, staleBefore time.Time) ([]Workspace, error)
	WorkspaceCounts(ctx context.Context, staleBefore time.Time) (map[WorkspaceStatus]int, error)
}

// Records reads what was written down: the audit trail and the stream.
type Records interface {
	ListAudit(ctx context.Context, account uuid.UUID, f AuditFilter, p Page) ([]AuditRow, error)
	CountAudit(ctx context.Context, account uuid.UUID, f AuditFilter) (int, error)
	// Timeline is a drift's audit rows, oldest first. apierror.NotFound when there is no such drift.
	Timeline(ctx context.Context, account, drift uuid.UUID) ([]AuditRow, error)
	// Events are at most limit events after the position, in order; EventWindow is what can be read of the stream.
	Events(ctx context.Context, account uuid.UUID, after int64, limit int) ([]event.Event, error)
	EventWindow(ctx context.Context, account uuid.UUID) (event.Window, error)
}

// Tx is a transaction, its methods in the order in which locks are taken.
type Tx interface {
	// LockWorkspace makes the workspace when it is new, and keeps everybody else out of it.
	LockWorkspace(ctx context.Context, account uuid.UUID, name string) (*WorkspaceState, error)
	// CheckAnswer is the answer of an earlier upload of the same body, nil when there was none.
	CheckAnswer(ctx context.Context, workspace uuid.UUID, bodyHash []byte) ([]byte, error)

	// LockDrift is one drift, and how many of its alerts nobody has read, which are locked too. apierror.NotFound when there is
	// none.
	LockDrift(ctx context.Context, account, id uuid.UUID) (d *Drift, unread int, err error)
	// LockOpenDrifts are a workspace's drifts that plans found and that are not resolved, without their states.
	LockOpenDrifts(ctx context.Context, account uuid.UUID, workspace string) ([]*Drift, error)
	// LastResolved gives the last resolved drift of each fingerprint that has one.
	LastResolved(ctx context.Context, account uuid.UUID, fingerprints [][]byte) (map[string]uuid.UUID, error)
	// InsertDrifts fails with apierror.Conflict when a resource has an open drift already.
	InsertDrifts(ctx context.Context, drifts []*Drift) error
	// ParkDrifts frees the fingerprints of drifts that SaveDrifts is about to give others.
	ParkDrifts(ctx context.Context, drifts []*Drift) error
	// SaveDrifts writes everything but what a plan says about the resource, which SaveStates writes.
	SaveDrifts(ctx context.Context, drifts []*Drift) error
	SaveStates(ctx context.Context, drifts []*Drift) error
	// SaveDecision is SaveDrifts of one drift that somebody decided about; readAlerts marks its unread alerts read.
	SaveDecision(ctx context.Context, d *Drift, readAlerts bool, by *string) error
	// SaveSightings counts that unchanged drifts were seen again.
	SaveSightings(ctx context.Context, drifts []*Drift) error
	// DriftsByID gives these drifts, the most severe first.
	DriftsByID(ctx context.Context, account uuid.UUID, ids []uuid.UUID) ([]*Drift, error)

	// LockAlert is one alert; apierror.NotFound when there is none.
	LockAlert(ctx context.Context, account, id uuid.UUID) (*Alert, error)
	InsertAlerts(ctx context.Context, account uuid.UUID, alerts []Alert) error
	// ReadAlerts marks the unread alerts of these drifts, or of the whole account when drifts is nil, or one by its id, and
	// counts them by drift; those without a drift count under the zero id.
	ReadAlerts(ctx context.Context, account uuid.UUID, which AlertSelection, by *string, at time.Time) (map[uuid.UUID]int, error)

	InsertCheck(ctx context.Context, c *Check) error
	SaveWorkspace(ctx context.Context, w *WorkspaceState) error
	InsertAudit(ctx context.Context, account uuid.UUID, rows []AuditRow) error
	// AppendEvents gives the events the next positions of the account's stream. It comes last: *last, the last position, is
	// known when the transaction is committed.
	AppendEvents(ctx context.Context, account uuid.UUID, events []event.Event, last *int64) error
}

// Filter says which drifts; what is empty does not matter.
type Filter struct {
	Severity     Severity
	Status       Status
	Workspace    string
	ResourceType string
	Region       string
	Search       string // part of the resource's id or type, in any case
}

// SortKey is what drifts are sorted by.
type SortKey string

// The keys.
const (
	ByCreated  SortKey = "createdAt"
	ByDetected SortKey = "detectedAt"
	ByLastSeen SortKey = "lastSeenAt"
	ByCost     SortKey = "costImpactMonthly"
	BySeverity SortKey = "severity"
)

// SortKeys are all keys.
var SortKeys = []SortKey{ByCreated, ByDetected, ByLastSeen, ByCost, BySeverity}

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

// Page is which part of a list: page Number, from 1, of Size items each.
type Page struct{ Number, Size int }

// Offset is how many items come before the page.
func (p Page) Offset() int { return (p.Number - 1) * p.Size }
