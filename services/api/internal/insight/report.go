package insight

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Targets are how long a drift of a severity may be neither approved nor resolved; zero is no target.
type Targets struct{ Critical, Warning, Info time.Duration }

// Of is the target of a severity.
func (t Targets) Of(s drift.Severity) time.Duration {
	return map[drift.Severity]time.Duration{plan.Critical: t.Critical, plan.Warning: t.Warning, plan.Info: t.Info}[s]
}

// Step is how often the time of a report moves on. Between two steps a report is the same unless the stream has moved.
const Step = time.Minute

// reportsKept bounds the memory; a report takes up to 30 kB.
const reportsKept = 200

// Query says what a report is about; an empty field does not matter, and of several values one must fit.
type Query struct {
	Days      int
	Workspace []string
	Owner     []string
	Severity  []drift.Severity
	By        By // what the drifts are grouped by
	SortBy    SortKey
	Limit     int // of groups
}

// By is what drifts are grouped by.
type By string

// The groupings. The first is the one of an overview.
const (
	BySeverity  By = "severity"
	ByWorkspace By = "workspace"
	ByOwner     By = "owner"
	ByType      By = "type"
	ByRule      By = "rule" // that suppresses the drift
)

// SortKey is what groups are sorted by: those with most come first.
type SortKey string

// The keys.
const (
	SortByNoise     SortKey = "noise" // what was detected in the window
	SortByUnsettled SortKey = "unsettled"
	SortByOverdue   SortKey = "overdue"
)

// Report is the numbers of a window of time that ends at At.
type Report struct {
	At, Since time.Time
	Total     Numbers   // of an overview
	Numbers   []Numbers // of the groups; of an overview each severity, the heaviest first
	Groups    int       // how many groups there are, which may be more
	Head      list.Head // at which this was still so, with the time; empty when it is unknown
}

// Numbers are of the drifts of a group. A drift that a rule suppresses at present is in Suppressed and in the numbers of what was detected, and
// in no other.
type Numbers struct {
	Key   *string // nil for all drifts, and for those without an owner
	Label *string // a rule's reason
	// What is open at the end of the window.
	Open, Unsettled, Approved, Suppressed int
	// How long the unsettled ones have waited since they were detected, or detected again.
	Age Spread
	// How many of these waited less than each of AgeBounds; the last is of the others.
	Ages []int
	// What was detected in the window: for the first time, as a return of a resolved drift, or again. SuppressedNew is how many of these
	// a rule suppresses.
	New, Returned, Reopened, SuppressedNew int
	// Time from detection to the decision, and to the resolution, of what was decided and resolved in the window.
	Decision, Resolution Spread
	// Against the targets: unsettled for longer, settled in the window but too late, and settled in time.
	Overdue, Late, InTime int
}

// AgeBounds bound the ages that are counted apart.
var AgeBounds = [...]time.Duration{24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 90 * 24 * time.Hour}

// Spread is how long something took, in seconds; the times are nil when the count is zero.
type Spread struct {
	Count            int
	Median, P90, Max *float64
}

// Met is how much of what was due was settled in time, in percent with one decimal; nil when nothing was due.
func (n Numbers) Met() *float64 {
	due := n.Overdue + n.Late + n.InTime
	if due == 0 {
		return nil
	}
	return new(percentage(n.InTime, due))
}

// ReportStore reads the numbers.
type ReportStore interface {
	// Report has the numbers of the window that ends at a time, of one account.
	Report(ctx context.Context, account uuid.UUID, q Query, t Targets, since, at time.Time) (Report, error)
	// Load has the overview of all accounts.
	Load(ctx context.Context, t Targets, since, at time.Time) ([]Numbers, error)
}

// asked is what a report was made of.
type asked struct {
	account uuid.UUID
	query   string
	head    list.Head
}

// At is the present step, and the head of a report that is made in it. Such a report does not change until the stream moves or the step
// ends, so that it can have an ETag.
func At(head list.Head) (time.Time, list.Head) {
	at := time.Now().UTC().Truncate(Step)
	if head == "" {
		return at, ""
	}
	return at, list.Head(fmt.Sprint(head, "@", at.Unix()))
}

// Report has the numbers of the last days. head is the head of the account's stream, read before: what is newer may be in the report.
func (s *Service) Report(ctx context.Context, account uuid.UUID, q Query, head list.Head) (Report, error) {
	at, head := At(head)
	key := asked{account, fmt.Sprintf("%#v", q), head}
	if r, ok := s.reports.Get(ctx, key); ok && head != "" {
		return r, nil
	}
	since := at.AddDate(0, 0, -q.Days)
	r, err := s.store.Report(ctx, account, q, s.targets, since, at)
	if err != nil {
		return Report{}, err
	}
	r.At, r.Since, r.Head = at, since, head
	s.reports.Put(key, r)
	return r, nil
}

// Targets are those that reports are measured with.
func (s *Service) Targets() Targets { return s.targets }
