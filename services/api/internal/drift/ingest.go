package drift

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/fault"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// The uploader is told about so many drifts at most, and about fewer when their states are very large.
const (
	maxAnswered = 100
	maxAnswer   = 4 << 20 // bytes
)

// Upload is a plan that somebody sends.
type Upload struct {
	Workspace      string
	Scope          plan.Scope
	Mode           plan.Mode
	Refreshed      bool // stated by the sender
	IncludeChanges bool
	Body           io.Reader // inflated; an error of it that is a fault is passed on
}

// Ingest turns a plan into drifts: new ones, changed ones, those seen again, and those that are gone. It returns the
// answer's data as JSON. The same body with a timestamp in it gets the first answer again.
func (s *Service) Ingest(ctx context.Context, p identity.Principal, u Upload) ([]byte, error) {
	start := time.Now()
	read, bodyHash, err := s.readPlan(ctx, u)
	if err != nil {
		return nil, err
	}
	var check *Check
	var answer []byte
	err = s.inTx(ctx, p, "plan.ingest", func(ctx context.Context, w *work) error {
		check, answer = nil, nil
		workspace, err := w.LockWorkspace(ctx, p.AccountID, u.Workspace)
		if err != nil {
			return err
		}
		w.locked()
		if read.Timestamp != nil {
			answer, err = w.CheckAnswer(ctx, workspace.ID, bodyHash)
			if err != nil || answer != nil {
				return err
			}
		}
		check = newCheck(w, p, u, read, workspace, bodyHash)
		answer, err = w.ingest(ctx, u, read, workspace, check)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.instruments.ingested(ctx, check, time.Since(start))
	s.logCheck(ctx, u, check)
	return answer, nil
}

// readPlan redacts the plan before anything else sees a value, and hashes the body with the options it came with.
func (s *Service) readPlan(ctx context.Context, u Upload) (*plan.Plan, []byte, error) {
	_, span := s.tracer.Start(ctx, "read plan")
	defer span.End()
	digest := sha256.New()
	fmt.Fprintf(digest, "%s\n%t\n", u.Scope, u.IncludeChanges)
	if u.Mode != plan.ModeUnknown || u.Refreshed { // else the hash is that of earlier versions
		fmt.Fprintf(digest, "%s\n%t\n", u.Mode, u.Refreshed)
	}
	body := &counter{r: io.TeeReader(u.Body, digest)}
	read, err := plan.Read(ctx, body, plan.Options{
		Changes: u.IncludeChanges, Key: s.dataKey, HideValues: s.hideValues, Scope: u.Scope, Mode: u.Mode, Refreshed: u.Refreshed,
	})
	span.SetAttributes(attribute.Int64("driftsentry.plan.size", body.n))
	if err != nil {
		span.SetStatus(codes.Error, "not a plan that can be read")
		return nil, nil, planFault(err)
	}
	span.SetAttributes(attribute.Int("driftsentry.plan.changes", len(read.Changes)))
	return read, digest.Sum(nil), nil
}

// counter counts what was read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// planFault says what an error of package plan means to the caller. Its texts are safe to show.
func planFault(err error) error {
	bad, ok := errors.AsType[*plan.Error](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, plan.ErrTooLarge):
		return fault.Wrap(fault.TooLarge, err, "the plan "+bad.Message)
	case bad.Path == "":
		return fault.Wrap(fault.Invalid, err, "the plan "+bad.Message)
	}
	return fault.InvalidField(bad.Path, "%s", bad.Message)
}

func newCheck(w *work, p identity.Principal, u Upload, read *plan.Plan, workspace *WorkspaceState, bodyHash []byte) *Check {
	c := &Check{
		ID: newID(), Workspace: u.Workspace, Status: CheckOK, CreatedAt: event.Time(w.now),
		AccountID: w.account, WorkspaceID: workspace.ID, FormatVersion: read.FormatVersion,
		Actor: cmp.Or(p.Email, p.KeyName), TraceID: w.traceID, BodyHash: bodyHash,
	}
	if read.TerraformVersion != "" {
		c.TerraformVersion = &read.TerraformVersion
	}
	if read.Timestamp != nil {
		c.PlanTimestamp = (*event.Time)(read.Timestamp)
		// What is stored has microseconds, and must be compared with such.
		c.Stale = workspace.LastPlanTimestamp != nil && read.Timestamp.Truncate(time.Microsecond).Before(*workspace.LastPlanTimestamp)
	}
	switch {
	case read.Errored:
		c.Status = CheckErrored
	case len(read.Changes) > 0:
		c.Status = CheckDrifted
	}
	return c
}

// ingest writes what the plan means, in the order of the locks, and the check itself.
func (w *work) ingest(ctx context.Context, u Upload, read *plan.Plan, workspace *WorkspaceState, c *Check) ([]byte, error) {
	var shown []*Drift
	if !c.Stale {
		r, err := w.applyPlan(ctx, u, read, c)
		if err != nil {
			return nil, err
		}
		if shown, err = w.shown(ctx, r); err != nil {
			return nil, err
		}
		workspace.note(c, w.now)
		if err := w.SaveWorkspace(ctx, workspace); err != nil {
			return nil, err
		}
	}
	answer, err := c.answer(shown)
	if err != nil {
		return nil, err
	}
	c.Answer = answer
	if err := w.InsertCheck(ctx, c); err != nil {
		return nil, err
	}
	w.audit(event.CheckCompleted, nil, c.Workspace, string(c.Status), map[string]any{
		"checkId": c.ID, "stale": c.Stale, "counts": c.Counts,
	})
	w.checkCompleted(c)
	return answer, nil
}

// applyPlan writes drifts and alerts.
func (w *work) applyPlan(ctx context.Context, u Upload, read *plan.Plan, c *Check) (*reconciliation, error) {
	open, err := w.LockOpenDrifts(ctx, w.account, u.Workspace)
	if err != nil {
		return nil, err
	}
	r := reconcile(w.account, u.Workspace, open, read, w.now)
	if err := w.link(ctx, r.created); err != nil {
		return nil, err
	}
	if err := w.write(ctx, r, read); err != nil {
		return nil, err
	}
	for _, f := range r.findings {
		w.tell(f, c)
	}
	if err := w.settle(ctx, r.resolved); err != nil {
		return nil, err
	}
	alerts := alertsFor(u.Workspace, r.critical, w.now)
	switch {
	case read.Errored:
		alerts = append(alerts, failedCheckAlert(u.Workspace, w.now))
	case r.drifted(): // also by what an incomplete plan did not show
		c.Status = CheckDrifted
	}
	c.Counts = r.counts()
	return r, w.raise(ctx, alerts)
}

// write writes what became of the drifts.
func (w *work) write(ctx context.Context, r *reconciliation, read *plan.Plan) error {
	for _, step := range []struct {
		save   func(context.Context, []*Drift) error
		drifts []*Drift
		states bool // it also writes what the plan shows
	}{
		{w.ParkDrifts, r.parked, false},
		{w.SaveDrifts, r.saved(), false},
		{w.SaveStates, r.changed, true},
		{w.InsertDrifts, r.created, true},
		{w.SaveSightings, r.unchanged, false},
	} {
		save := func(part []*Drift) error { return step.save(ctx, part) }
		if step.states {
			if err := r.withStates(read, step.drifts, save); err != nil {
				return err
			}
			continue
		}
		for part := range slices.Chunk(step.drifts, partRows) {
			if err := save(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// link names, on each new drift, the resolved one that it is a return of.
func (w *work) link(ctx context.Context, created []*Drift) error {
	if len(created) == 0 {
		return nil
	}
	fingerprints := make([][]byte, len(created))
	for i, d := range created {
		fingerprints[i] = d.Fingerprint
	}
	previous, err := w.LastResolved(ctx, w.account, fingerprints)
	if err != nil {
		return err
	}
	for _, d := range created {
		if id, ok := previous[string(d.Fingerprint)]; ok {
			d.PreviousID = &id
		}
	}
	return nil
}

// tell adds the audit row and the event of a finding.
func (w *work) tell(f finding, c *Check) {
	metadata := map[string]any{"checkId": c.ID}
	if f.from != "" && f.from != f.drift.Status {
		metadata["from"], metadata["to"] = f.from, f.drift.Status
	}
	if f.drift.PreviousID != nil && f.event == event.DriftCreated {
		metadata["previousId"] = *f.drift.PreviousID
	}
	reason := ""
	if f.event == event.DriftResolved {
		reason = f.message
	}
	w.record(f.event, f.drift, f.message, reason, metadata)
}

// shown are the drifts that the answer has, as they are now.
func (w *work) shown(ctx context.Context, r *reconciliation) ([]*Drift, error) {
	seen := slices.Clone(r.seen)
	slices.SortStableFunc(seen, func(a, b *Drift) int {
		return cmp.Compare(slices.Index(Severities, a.Severity), slices.Index(Severities, b.Severity))
	})
	size := 0
	seen = slices.DeleteFunc(seen[:min(len(seen), maxAnswered)], func(d *Drift) bool {
		size += r.changes[d].Size()
		return size > maxAnswer
	})
	if len(seen) == 0 {
		return nil, nil
	}
	return w.DriftsByID(ctx, w.account, ids(seen))
}

// note writes the check on its workspace. A plan that says that it comes from the future must not make every later one
// stale.
func (ws *WorkspaceState) note(c *Check, now time.Time) {
	ws.LastCheckID, ws.LastCheckAt, ws.LastCheckStatus = &c.ID, &now, &c.Status
	if c.PlanTimestamp == nil {
		return
	}
	t := time.Time(*c.PlanTimestamp)
	if t.After(now) {
		t = now
	}
	ws.LastPlanTimestamp = &t
}

func (s *Service) logCheck(ctx context.Context, u Upload, c *Check) {
	if c == nil {
		s.log.LogAttrs(ctx, slog.LevelInfo, "plan received again", slog.String("workspace", u.Workspace))
		return
	}
	trace.SpanFromContext(ctx).SetAttributes(
		attribute.String("driftsentry.check.id", c.ID.String()),
		attribute.String("driftsentry.check.status", string(c.Status)),
	)
	level := slog.LevelInfo
	if c.Status == CheckErrored {
		level = slog.LevelWarn
	}
	s.log.LogAttrs(ctx, level, "check completed",
		slog.String("workspace", c.Workspace), slog.String("checkId", c.ID.String()),
		slog.String("checkStatus", string(c.Status)), slog.Bool("stale", c.Stale),
		slog.Int("new", c.Counts.New), slog.Int("changed", c.Counts.Changed),
		slog.Int("unchanged", c.Counts.Unchanged), slog.Int("resolved", c.Counts.Resolved))
}
