// Package scrub applies the present rules of redaction to the stored data.
//
//	drifts ─▶ alerts ─▶ events ─▶ audit ─▶ workspaces ─▶ checks with their responses ─▶ kept responses ─▶ finished
//
// It goes on in batches, each in a transaction that also stores how far it came, so it can be stopped at any time and goes
// on where it was. One process works at a time. A row without a secret is not written.
package scrub

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// Row is what may hold secrets of a row of a table. A function that masks them changes it in place.
type Row struct {
	Type      string // of the resource, if it is one
	Texts     []string
	Documents []json.RawMessage
	// Kept is a response that is sealed. Drop it if it cannot be opened.
	Kept *Kept
}

// Kept is a response that is kept for a repetition of its request.
type Kept struct {
	Account, Principal, Key string
	Sealed                  []byte
}

// Progress is how far the work is.
type Progress struct {
	Rules         int
	Stage         string // the table
	Last          string // the last row of it that is done
	Seen, Changed int64
	Finished      bool
}

// Store is the database.
type Store interface {
	// Claim gives the work to this process until a time. It gives nil while another process has it. again starts over what is
	// finished.
	Claim(ctx context.Context, rules int, until time.Time, again bool) (*Progress, error)
	// Step masks the next rows and stores the progress, in one transaction that also extends the claim.
	Step(ctx context.Context, p *Progress, until time.Time, mask func(*Row) (changed bool)) error
}

// Responses opens and seals kept responses.
type Responses interface {
	Rewrite(account, principal, key string, sealed []byte, change func(plain []byte) []byte) ([]byte, error)
}

// Telemetry is what the worker reports to.
type Telemetry interface {
	Logger() *slog.Logger
	Report(ctx context.Context, err error, attrs ...slog.Attr)
}

// Worker does the work.
type Worker struct {
	store     Store
	responses Responses
	key       []byte
	telemetry Telemetry
}

// New makes a worker. dataKey is DATA_KEY.
func New(store Store, responses Responses, dataKey string, t Telemetry) *Worker {
	return &Worker{store, responses, []byte(dataKey), t}
}

const (
	// claim: a claim expires after this time without progress.
	claim = time.Minute
	// retry is the pause between attempts.
	retry = time.Minute
	// logged: progress is logged every so many rows.
	logged = 10_000
)

// Run does the work once for the present rules, in the background, and then waits until ctx ends. Errors are logged, and the work
// is retried.
func (w *Worker) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		finished, err := w.work(ctx, false)
		if finished {
			<-ctx.Done()
			return nil
		}
		switch {
		case err == nil, ctx.Err() != nil:
		case apierror.From(err).Kind == apierror.Internal:
			w.telemetry.Report(ctx, fmt.Errorf("redact the stored data again: %w", err))
		default: // The database is away or busy, of which others tell.
			w.telemetry.Logger().LogAttrs(ctx, slog.LevelWarn, "the stored data was not redacted again", slog.String("error.message", err.Error()))
		}
		timer.Reset(retry)
	}
}

// Again does the work now, from the beginning when it is finished, and waits for another process that is at it.
func (w *Worker) Again(ctx context.Context) error {
	again := true
	for {
		finished, err := w.work(ctx, again)
		if err != nil || finished {
			return err
		}
		again = false // The other process does the same work.
		w.telemetry.Logger().LogAttrs(ctx, slog.LevelInfo, "another process is redacting the stored data again")
		timer := time.NewTimer(retry / 6)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// work goes on until it is finished, or another process has it.
func (w *Worker) work(ctx context.Context, again bool) (finished bool, err error) {
	p, err := w.store.Claim(ctx, plan.RulesVersion, time.Now().Add(claim), again)
	if err != nil || p == nil {
		return false, err
	}
	if p.Finished {
		return true, nil
	}
	for told := p.Seen; !p.Finished; {
		if err := w.store.Step(ctx, p, time.Now().Add(claim), w.mask); err != nil {
			return false, err
		}
		if p.Seen-told >= logged || p.Finished && p.Seen > 0 {
			told = p.Seen
			w.telemetry.Logger().LogAttrs(ctx, slog.LevelInfo, "redacted the stored data again",
				slog.String("table", p.Stage), slog.Int64("rows", p.Seen), slog.Int64("changed", p.Changed), slog.Bool("finished", p.Finished))
		}
	}
	return true, nil
}

// mask masks the secrets of a row.
func (w *Worker) mask(r *Row) bool {
	changed := plan.Again(w.key, r.Type, r.Texts, r.Documents)
	if r.Kept == nil {
		return changed
	}
	k := r.Kept
	rewritten := false
	sealed, err := w.responses.Rewrite(k.Account, k.Principal, k.Key, k.Sealed, func(plain []byte) []byte {
		documents := []json.RawMessage{plain}
		// Some responses hold a secret that is shown once, to whom it was made for. Those of drifts and checks do not.
		if aboutDrifts(plain) && plan.Again(w.key, "", nil, documents) {
			rewritten = true
		}
		return documents[0]
	})
	// One that was sealed with another key cannot be read by anyone.
	if rewritten && err == nil {
		k.Sealed = sealed
		changed = true
	}
	return changed
}

// aboutDrifts tells the responses that hold drifts, a check, or the settings of a workspace.
func aboutDrifts(body []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return false
	}
	if data, ok := members["data"]; ok && members["success"] != nil { // the envelope
		var list []json.RawMessage
		if json.Unmarshal(data, &list) == nil {
			return len(list) > 0 && aboutDrifts(list[0])
		}
		return aboutDrifts(data)
	}
	for _, name := range [...]string{"resourceId", "workspace", "drifts", "results", "items", "checkId", "check", "recordRef"} {
		if _, ok := members[name]; ok {
			return true
		}
	}
	return false
}
