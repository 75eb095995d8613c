package drift

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// A change of the rules in force requests a run over the account's open drifts: workspace by workspace, and there by id. Each batch
// is a transaction that also stores how far the run has come, so that another process goes on after a crash. Another change starts it
// again. It takes the workspace's lock and reads the rules after that. So does an upload: whichever comes second sees what the
// other did, and nothing is left with old rules.

// rulesBatch is how many drifts a batch has.
const rulesBatch = 100

// rulesEvery is how often a process looks whether rules have expired, or have to be applied.
const rulesEvery = 2 * time.Second

// RuleRun is how far the rules of an account have been applied: to the workspaces before this one, and of this one to the drifts up
// to that id.
type RuleRun struct {
	Workspace string
	After     uuid.UUID
}

// RuleWork says which accounts have something to do.
type RuleWork interface {
	// RuleRuns are accounts whose rules have to be applied, and Expired those that have a rule in force that ends by then.
	RuleRuns(ctx context.Context) ([]uuid.UUID, error)
	ExpiredRules(ctx context.Context, by time.Time) ([]uuid.UUID, error)
}

// RunTx applies rules.
type RunTx interface {
	// LockRun is the account's run; nil when there is none, or another process is at it.
	LockRun(ctx context.Context, account uuid.UUID) (*RuleRun, error)
	// LockRunWorkspace locks the next workspace that has open drifts for the run; "" when there is none.
	LockRunWorkspace(ctx context.Context, account uuid.UUID, run RuleRun) (string, error)
	// LockRuled are the next open drifts of a workspace, without their states. Paths are the names in the difference where
	// PathHashes does not have them.
	LockRuled(ctx context.Context, account uuid.UUID, workspace string, after uuid.UUID, limit int) ([]RuledDrift, error)
	// SaveRun stores how far the run is; EndRun removes it.
	SaveRun(ctx context.Context, account uuid.UUID, run RuleRun) error
	EndRun(ctx context.Context, account uuid.UUID) error
}

// RuledDrift is an open drift, and its paths.
type RuledDrift struct {
	*Drift
	Names []string
}

// RunRules ends the rules that expire, and applies the rules that changed, until ctx ends.
func (s *Service) RunRules(ctx context.Context) error {
	ticker := time.NewTicker(rulesEvery)
	defer ticker.Stop()
	for {
		if err := s.SweepRules(ctx); err != nil && ctx.Err() == nil {
			if apierror.From(err).Kind == apierror.Internal {
				s.report(ctx, fmt.Errorf("apply rules: %w", err))
			} else { // The database is away or busy, of which others tell.
				s.log.LogAttrs(ctx, slog.LevelWarn, "rules were not applied", slog.String("error.message", err.Error()))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.rulesWoken:
		case <-ticker.C:
		}
	}
}

// wakeRules has RunRules look at once.
func (s *Service) wakeRules() {
	select {
	case s.rulesWoken <- struct{}{}:
	default: // It is about to look anyway.
	}
}

// SweepRules does once what RunRules does. What fails for an account is left to the next time, and keeps no other account waiting.
func (s *Service) SweepRules(ctx context.Context) error {
	expired, err := s.store.ExpiredRules(ctx, now())
	if err != nil {
		return err
	}
	var failures []error
	for _, account := range expired {
		failures = append(failures, s.expireRules(ctx, account))
	}
	failed := make(map[uuid.UUID]bool)
	for progress := true; progress; {
		progress = false
		accounts, err := s.store.RuleRuns(ctx)
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		for _, account := range accounts { // A batch of each, so that none waits for a large one.
			if failed[account] {
				continue
			}
			did, err := s.applyRules(ctx, account)
			if err != nil {
				failures, failed[account] = append(failures, err), true
				continue
			}
			progress = progress || did
		}
	}
	return errors.Join(failures...)
}

// system acts for the account when no user asked for it.
func system(account uuid.UUID) identity.Principal { return identity.Principal{AccountID: account} }

// expireRules ends the rules whose time has come.
func (s *Service) expireRules(ctx context.Context, account uuid.UUID) error {
	return s.inTx(ctx, system(account), "rule.expire", func(ctx context.Context, w *work) error {
		w.actsAs(audit.System)
		rules, err := w.LockRules(ctx, account)
		if err != nil {
			return err
		}
		w.locked()
		for i := range rules {
			if r := &rules[i]; r.InForce() && r.ExpiresAt != nil && !r.ExpiresAt.After(w.now) {
				if err := w.endRule(ctx, r, rule.Expired, nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// applyRules applies the rules to the next batch of the account's open drifts, and reports whether there was something to do.
func (s *Service) applyRules(ctx context.Context, account uuid.UUID) (did bool, err error) {
	judged := 0
	err = s.inTx(ctx, system(account), "rules.apply", func(ctx context.Context, w *work) error {
		did, judged = false, 0
		w.actsAs(audit.System)
		run, err := w.LockRun(ctx, account)
		if err != nil || run == nil {
			return err
		}
		did = true
		workspace, err := w.LockRunWorkspace(ctx, account, *run)
		if err != nil {
			return err
		}
		if workspace == "" {
			return w.EndRun(ctx, account)
		}
		if workspace != run.Workspace {
			run.Workspace, run.After = workspace, uuid.Nil
		}
		drifts, err := w.LockRuled(ctx, account, workspace, run.After, rulesBatch)
		if err != nil {
			return err
		}
		w.locked()
		if err := s.rejudge(ctx, w, workspace, drifts); err != nil {
			return err
		}
		judged = len(drifts)
		if judged > 0 {
			run.After = drifts[judged-1].ID
		} else { // They were resolved while we waited.
			run.After = lastID
		}
		return w.SaveRun(ctx, account, *run)
	})
	s.instruments.judged(ctx, judged)
	return did, err
}

// lastID comes after all others.
var lastID = uuid.Max

// rejudge asks the present rules about drifts whose workspace is locked, and writes what changes.
func (s *Service) rejudge(ctx context.Context, w *work, workspace string, drifts []RuledDrift) error {
	set, err := s.presentRules(ctx, w)
	if err != nil {
		return err
	}
	scope := set.For(workspace)
	var decided []uuid.UUID
	for _, d := range drifts {
		if d.Can(Reopen) {
			decided = append(decided, d.ID)
		}
	}
	about := map[uuid.UUID][]DecidedPath{}
	if len(decided) > 0 {
		if about, err = w.Decided(ctx, decided); err != nil {
			return err
		}
	}
	var changed []*Drift
	var findings []finding
	var v reviewed
	for _, d := range drifts {
		paths, known := plan.ReadPaths(d.PathHashes, d.DifferenceMAC)
		names := d.Names
		if known {
			names = paths.Names()
		}
		subject, hadEyes := d.subject(names), d.needsEyes()
		r := d.settle(scope.Judge(subject), d.standardSeverity())
		list := r.findings(d.Drift)
		if len(r.facts) > 0 {
			list = append(list, finding{d.Drift, event.DriftUpdated, d.Status, strings.Join(r.facts, "; ")})
		}
		if known && d.Can(Reopen) && d.leavesDecision(about[d.ID], paths, scope.Ignored(subject)) {
			list = append(list, finding{d.Drift, event.DriftReopened, d.Status, fmt.Sprintf("it is not as it was when it was %s, at a path that no rule ignores any more", d.Status)})
			d.reopen(w.now)
			v.reopened = append(v.reopened, d.ID)
			hadEyes = false
		} else if r.any() {
			d.changed(w.now)
		}
		if len(list) == 0 {
			continue
		}
		changed, findings = append(changed, d.Drift), append(findings, list...)
		if r.suppressed {
			v.hidden = append(v.hidden, d.Drift)
		}
		if d.needsEyes() && !hadEyes && !d.isSettled() {
			v.critical = append(v.critical, d.Drift)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := w.SaveDrifts(ctx, changed); err != nil {
		return err
	}
	for _, f := range findings {
		w.recordFinding(ctx, f, nil)
	}
	s.instruments.hid(ctx, findings)
	return w.finishReview(ctx, workspace, v)
}

// reviewed are the drifts as they are when rules and plans have changed them.
type reviewed struct {
	reopened []uuid.UUID
	hidden   []*Drift // suppressed now
	critical []*Drift // that people should look at now
}

// finishReview forgets what the decisions were about that were taken back, settles the alerts of what is suppressed, and raises those of what
// people should look at.
func (w *work) finishReview(ctx context.Context, workspace string, v reviewed) error {
	if len(v.reopened) > 0 {
		if err := w.ForgetDecided(ctx, v.reopened); err != nil {
			return err
		}
	}
	if err := w.markAlertsOf(ctx, v.hidden); err != nil {
		return err
	}
	return w.raise(ctx, alertsFor(workspace, v.critical, w.now))
}

// isSettled reports whether someone has decided about the drift.
func (d *Drift) isSettled() bool { return d.Status == Approved || d.Status == Rejected }

// ruleSet is the account's rules in this version, or in a newer one.
func (s *Service) ruleSet(ctx context.Context, from ActiveRules, account uuid.UUID, version int64) (*rule.Set, error) {
	if version == 0 { // There has never been a rule.
		return &rule.Set{}, nil
	}
	if set, ok := s.ruleSets.Get(ctx, account); ok && set.Version == version {
		return set, nil
	}
	version, rules, err := from.ActiveRules(ctx, account)
	if err != nil {
		return nil, err
	}
	set := rule.Compile(version, rules)
	s.ruleSets.Put(account, set)
	return set, nil
}

// presentRules are the rules as they are in the transaction, which has locked the drifts that they are for.
func (s *Service) presentRules(ctx context.Context, w *work) (*rule.Set, error) {
	version, err := w.RulesVersion(ctx, w.account)
	if err != nil {
		return nil, err
	}
	return s.ruleSet(ctx, w, w.account, version)
}
