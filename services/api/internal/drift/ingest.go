package drift

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// Upload is a plan as a client sends it.
type Upload struct {
	Workspace      string
	Scope          plan.Scope
	Mode           plan.Mode
	Refreshed      bool // stated by the sender
	IncludeChanges bool
	Purpose        Purpose // Record when it is empty, unless the workspace records another ref
	Source         Source
	Body           io.Reader // inflated; an apierror.Error that it returns is passed on
	// Encode makes the response of the result. It is stored with the check, since a repeated upload gets the same response
	// when the drifts have changed since then.
	Encode func(*Ingested) ([]byte, error)
}

// Ingested is the result of an upload.
type Ingested struct {
	Check  *Check   // nil when the upload was a repetition
	Drifts []*Drift // the first of those that the plan shows, as they are afterwards, the most severe first
	// Remaining is what is open in the workspace afterwards. After a preview, and a plan of another root, it is what would be open.
	Remaining *Remaining
	hidden    []finding
	Response  []byte // what Upload.Encode made of this, or of the first upload of the same body
}

// Repeated reports whether the same plan had been sent before, so that nothing was changed.
func (i *Ingested) Repeated() bool { return i.Check == nil }

// Ingest turns a plan into drifts: new ones, changed ones, those seen again, and those that are gone. Its way is
//
//	read ─▶ compare ─▶ reconcile ─▶ write ─▶ respond
//
// read and compare are package plan's, apart from any lock; reconcile is pure; what is written is not read back. A body with
// a timestamp that was sent before gets the first response again.
func (s *Service) Ingest(ctx context.Context, p identity.Principal, u Upload) (*Ingested, error) {
	start := time.Now()
	if err := p.MayUse(u.Workspace); err != nil {
		return nil, err
	}
	u.Source = u.Source.masked()
	trace.SpanFromContext(ctx).SetAttributes(u.Source.attributes()...)
	open, account, err := s.store.OpenDrifts(ctx, p.AccountID, u.Workspace)
	if err != nil {
		return nil, err
	}
	rules, err := s.ruleSet(ctx, s.store, p.AccountID, account.RulesVersion)
	if err != nil {
		return nil, err
	}
	scope := rules.For(u.Workspace)
	read, bodyHash, err := s.readPlan(ctx, u, open, account.HidesValues || s.hideValues, scope)
	if err != nil {
		return nil, err
	}
	var result *Ingested
	err = s.inTx(ctx, p, "plan.ingest", func(ctx context.Context, w *work) (err error) {
		in := reading{read, open, bodyHash, func(ctx context.Context) (*rule.Scope, bool, error) {
			present, err := s.presentRules(ctx, w)
			if err != nil || present.Version == rules.Version {
				return scope, true, err
			}
			return present.For(u.Workspace), false, nil
		}}
		result, err = w.ingest(ctx, p, u, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.instruments.ingested(ctx, result.Check, time.Since(start))
	s.instruments.hid(ctx, result.hidden)
	s.logCheck(ctx, u.Workspace, result.Check)
	return result, nil
}

// readPlan redacts the plan before anything else sees a value, and hashes the body with the options it came with.
func (s *Service) readPlan(ctx context.Context, u Upload, open asked, hide bool, rules *rule.Scope) (*plan.Plan, []byte, error) {
	_, span := s.tracer.Start(ctx, "read plan")
	defer span.End()
	digest := sha256.New()
	fmt.Fprintf(digest, "%s\n%t\n", u.Scope, u.IncludeChanges)
	if u.Source.Ref != "" { // Whether it is a preview, and what the evidence says, depend on it.
		fmt.Fprintf(digest, "ref %s\n", u.Source.Ref)
	}
	if u.Mode != plan.ModeUnknown || u.Refreshed { // else the hash is that of earlier versions
		fmt.Fprintf(digest, "%s\n%t\n", u.Mode, u.Refreshed)
	}
	body := &counter{r: io.TeeReader(u.Body, digest)}
	read, err := plan.Read(ctx, body, plan.Options{
		Changes: u.IncludeChanges, Key: s.dataKey, PreviousKey: s.previousDataKey, HideValues: hide, Open: open,
		Scope: u.Scope, Mode: u.Mode, Refreshed: u.Refreshed, Rules: rules,
	})
	span.SetAttributes(attribute.Int64("driftsentry.plan.size", body.n))
	if err != nil {
		span.SetStatus(codes.Error, "not a plan that can be read")
		return nil, nil, planError(err)
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

// planError says what an error of package plan means to the caller. Its texts are safe to show.
func planError(err error) error {
	bad, ok := errors.AsType[*plan.Error](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, plan.ErrTooLarge):
		return apierror.Wrap(apierror.TooLarge, err, "the plan "+bad.Message)
	case bad.Path == "":
		return apierror.Wrap(apierror.Invalid, err, "the plan "+bad.Message)
	}
	return apierror.InvalidField(bad.Path, "%s", bad.Message)
}

// reading is a plan as it was read, before anything was locked.
type reading struct {
	plan     *plan.Plan
	open     asked
	bodyHash []byte
	// rules are those for the workspace when it is locked. judged says that the plan was read with them.
	rules func(ctx context.Context) (rules *rule.Scope, judged bool, err error)
}

// ingest does what the plan means, in the order of the locks, and writes the check.
func (w *work) ingest(ctx context.Context, p identity.Principal, u Upload, in reading) (*Ingested, error) {
	read, open := in.plan, in.open
	workspace, err := w.lockFor(ctx, u, read)
	if err != nil {
		return nil, err
	}
	w.locked()
	check := newCheck(ctx, w, p, u.Workspace, workspace, u.Source)
	check.take(read)
	check.BodyHash = in.bodyHash
	if workspace.isPreview(u.Purpose, u.Source) {
		check.Purpose = Preview
		sum := sha256.Sum256(append([]byte("preview\n"), in.bodyHash...)) // The same plan may be recorded later.
		check.BodyHash = sum[:]
	}
	if read.Timestamp != nil {
		first, err := w.firstResponse(ctx, workspace, check)
		if err != nil || first != nil {
			return &Ingested{Response: first}, err
		}
	}
	check.Stale = check.Purpose == Record && workspace.isAhead(read.Timestamp)
	check.RootMismatch = workspace.isOtherRoot(read)
	check.Evidence = evidenceOf(read, check, workspace, u.Purpose)
	drifts, err := w.LockOpenDrifts(ctx, w.account, u.Workspace)
	if err != nil {
		return nil, err
	}
	rules, judged, err := in.rules(ctx)
	if err != nil {
		return nil, err
	}
	r := &reconciliation{} // A stale plan changes nothing.
	if check.Stale {
		check.Evidence.Unproven = len(open)
		check.conclude(read, r)
		if check.Status == CheckOK && len(open) > 0 {
			check.Status = CheckDrifted
		}
		return w.respond(ctx, u, check, remaining(drifts), nil)
	}
	r = reconcile(comparison{
		account: w.account, workspace: u.Workspace, open: drifts, asked: open, proves: !check.RootMismatch, check: check.ID, now: w.now,
		rules: rules, judged: judged,
	}, read)
	check.conclude(read, r)
	check.Evidence.add(r)
	if check.leavesDrifts() {
		err = w.preview(ctx, r, read)
	} else {
		err = w.apply(ctx, r, read, check, workspace)
	}
	if err != nil {
		return nil, err
	}
	if check.RootMismatch && check.Purpose == Record && read.Errored {
		if err := w.noteFailure(ctx, check, workspace); err != nil {
			return nil, err
		}
	}
	result, err := w.respond(ctx, u, check, remaining(slices.Concat(drifts, r.created)), r.shown)
	if err == nil && !check.leavesDrifts() {
		result.hidden = r.hiding()
	}
	return result, err
}

// lockFor locks the workspace of an upload, which creates it unless the upload is a preview or the plan of a run that failed:
// one of an unknown workspace is compared with an empty one, which has no ID and is not kept.
func (w *work) lockFor(ctx context.Context, u Upload, read *plan.Plan) (*WorkspaceState, error) {
	if u.Purpose != Preview && !read.Errored {
		return w.LockWorkspace(ctx, w.account, u.Workspace)
	}
	workspace, err := w.LockKnownWorkspace(ctx, w.account, u.Workspace)
	if apierror.Is(err, apierror.NotFound) {
		return &WorkspaceState{}, nil
	}
	return workspace, err
}

// firstResponse is the response to an earlier upload of the same body, nil when there was none. Two of them are read again:
// one of another root once a user has accepted that, as its response asked for; and a good one after a run that failed, or the
// workspace would stay failed.
func (w *work) firstResponse(ctx context.Context, workspace *WorkspaceState, c *Check) ([]byte, error) {
	first, err := w.FirstUpload(ctx, workspace.ID, c.BodyHash)
	if err != nil || first == nil {
		return nil, err
	}
	accepted := first.RootMismatch && workspace.AcceptRoot
	if c.Purpose == Record && (accepted || workspace.failedAfter(first, c.PlanTimestamp)) {
		return nil, w.ForgetResponse(ctx, first.ID)
	}
	return first.Response, nil
}

// preview gives the drifts of the response their states, as apply does, and writes nothing.
func (w *work) preview(ctx context.Context, r *reconciliation, read *plan.Plan) error {
	for _, d := range r.shown {
		if !r.same[d] {
			d.take(read.Unpack(r.changes[d]))
		}
	}
	return w.readUnchanged(ctx, r)
}

// respond writes the check with the response to its upload, and tells the audit trail and the stream.
func (w *work) respond(ctx context.Context, u Upload, c *Check, left *Remaining, shown []*Drift) (*Ingested, error) {
	result := &Ingested{Check: c, Drifts: shown, Remaining: left}
	var err error
	if result.Response, err = u.Encode(result); err != nil {
		return nil, err
	}
	c.Response = result.Response
	if c.WorkspaceID == uuid.Nil {
		return result, nil
	}
	if err := w.InsertCheck(ctx, c); err != nil {
		return nil, err
	}
	w.completed(ctx, c)
	return result, nil
}

// completed tells the audit trail and the stream of a check.
func (w *work) completed(ctx context.Context, c *Check) {
	metadata := map[string]any{"checkId": c.ID, "stale": c.Stale, "counts": c.Counts, "evidence": c.evidence(), "purpose": c.Purpose}
	for name, value := range map[string]string{
		"ref": c.Source.Ref, "commit": c.Source.Commit, "runUrl": c.Source.RunURL, "triggeredBy": c.Source.TriggeredBy,
		"failureReason": c.FailureReason,
	} {
		if value != "" {
			metadata[name] = value
		}
	}
	if c.RootMismatch {
		metadata["rootMismatch"] = true
	}
	if c.LeftOut.Count > 0 {
		metadata["leftOut"] = c.LeftOut.Count
	}
	w.audit(ctx, event.CheckCompleted, nil, c.Workspace, string(c.Status), metadata)
	w.checkCompleted(c)
}

func (s *Service) logCheck(ctx context.Context, workspace string, c *Check) {
	if c == nil {
		s.log.LogAttrs(ctx, slog.LevelInfo, "plan received again", slog.String("workspace", workspace))
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
		slog.String("purpose", string(c.Purpose)), slog.String("refreshed", string(c.Evidence.Refreshed)),
		slog.String("coverage", string(c.Evidence.Coverage)), slog.Int("unproven", c.Evidence.Unproven),
		slog.Int("new", c.Counts.New), slog.Int("changed", c.Counts.Changed),
		slog.Int("unchanged", c.Counts.Unchanged), slog.Int("resolved", c.Counts.Resolved))
}
