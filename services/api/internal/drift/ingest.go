package drift

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Upload is a plan that somebody sends.
type Upload struct {
	Workspace      string
	Scope          plan.Scope
	Mode           plan.Mode
	Refreshed      bool // stated by the sender
	IncludeChanges bool
	Body           io.Reader // inflated; an apierror.Error that it returns is passed on
	// Encode makes the response of the result. It is stored with the check, since a repeated upload gets the same response
	// when the drifts have changed since then.
	Encode func(*Ingested) ([]byte, error)
}

// Ingested is what became of an upload.
type Ingested struct {
	Check    *Check   // nil when the upload was a repetition
	Drifts   []*Drift // the first of those that the plan shows, as they are afterwards, the most severe first
	Response []byte   // what Upload.Encode made of this, or of the first upload of the same body
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
	read, bodyHash, err := s.readPlan(ctx, u)
	if err != nil {
		return nil, err
	}
	var result *Ingested
	err = s.inTx(ctx, p, "plan.ingest", func(ctx context.Context, w *work) (err error) {
		result, err = w.ingest(ctx, p, u, read, bodyHash)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.instruments.ingested(ctx, result.Check, time.Since(start))
	s.logCheck(ctx, u, result.Check)
	return result, nil
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

// ingest does what the plan means, in the order of the locks, and writes the check.
func (w *work) ingest(ctx context.Context, p identity.Principal, u Upload, read *plan.Plan, bodyHash []byte) (*Ingested, error) {
	workspace, err := w.LockWorkspace(ctx, w.account, u.Workspace)
	if err != nil {
		return nil, err
	}
	w.locked()
	if read.Timestamp != nil {
		first, err := w.FirstResponse(ctx, workspace.ID, bodyHash)
		if err != nil || first != nil {
			return &Ingested{Response: first}, err
		}
	}
	check := newCheck(ctx, w, p, u, read, workspace, bodyHash)
	r := &reconciliation{} // A stale plan changes nothing.
	if !check.Stale {
		open, err := w.LockOpenDrifts(ctx, w.account, u.Workspace)
		if err != nil {
			return nil, err
		}
		r = reconcile(w.account, u.Workspace, open, read, w.now)
	}
	check.conclude(read, r)
	if !check.Stale {
		if err := w.apply(ctx, r, read, check, workspace); err != nil {
			return nil, err
		}
	}
	return w.respond(ctx, u, check, r.shown)
}

// respond writes the check with the response to its upload, and tells the audit trail and the stream.
func (w *work) respond(ctx context.Context, u Upload, c *Check, shown []*Drift) (*Ingested, error) {
	result := &Ingested{Check: c, Drifts: shown}
	var err error
	if result.Response, err = u.Encode(result); err != nil {
		return nil, err
	}
	c.Response = result.Response
	if err := w.InsertCheck(ctx, c); err != nil {
		return nil, err
	}
	w.audit(ctx, event.CheckCompleted, nil, c.Workspace, string(c.Status), map[string]any{
		"checkId": c.ID, "stale": c.Stale, "counts": c.Counts,
	})
	w.checkCompleted(c)
	return result, nil
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
