package pair

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/driftsentry/driftsentry/client"
)

// Demo keeps changes coming, as CI and colleagues make them: plans in which drifts appear, change and go, decisions, comments and owners.
type Demo struct {
	// CI sends plans, and Engineer decides.
	CI, Engineer *client.Client
	// Random chooses what comes next.
	Random *rand.Rand

	runs []estateRun
}

// Run does something every few seconds until ctx ends, and says what.
func (d *Demo) Run(ctx context.Context, say func(format string, args ...any)) error {
	for {
		did, err := d.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrNothing):
		case client.HasCode(err, client.CodeConflict): // Someone at the console was faster.
		case err != nil:
			return err
		default:
			say("%s", did)
		}
		select {
		case <-time.After(time.Duration(2+d.Random.IntN(7)) * time.Second):
		case <-ctx.Done():
			return nil
		}
	}
}

// ErrNothing says that a step found nothing to decide about.
var ErrNothing = errors.New("there is nothing to do it to")

// Step does one thing and says what it was.
func (d *Demo) Step(ctx context.Context) (string, error) {
	if d.runs == nil {
		var all []estateRun
		if err := json.Unmarshal(estateRuns, &all); err != nil {
			return "", fmt.Errorf("read the runs to send: %w", err)
		}
		d.runs = slices.DeleteFunc(all, func(r estateRun) bool { return len(r.Entries) == 0 || r.Purpose != "" || r.Failure != "" })
	}
	switch n := d.Random.IntN(10); {
	case n < 5:
		return d.plan(ctx)
	case n < 8:
		return d.decide(ctx)
	case n < 9:
		return d.note(ctx)
	default:
		run := d.runs[d.Random.IntN(len(d.runs))]
		_, err := d.CI.SendFailure(ctx, run.Workspace, "terraform init failed: the registry did not respond", "", client.Source{Ref: run.Ref, TriggeredBy: run.TriggeredBy})
		return "a check of " + run.Workspace + " failed", err
	}
}

// plan sends a plan with some of a workspace's drifts: those that it lacks are over, and come back with a later one.
func (d *Demo) plan(ctx context.Context) (string, error) {
	run := d.runs[d.Random.IntN(len(d.runs))]
	run.Entries = slices.DeleteFunc(slices.Clone(run.Entries), func(estateEntry) bool { return d.Random.IntN(3) == 0 })
	run.Repeat.Count = min(run.Repeat.Count, d.Random.IntN(8))
	plan, err := run.plan(time.Now())
	if err != nil {
		return "", err
	}
	sent, err := d.CI.SendPlan(ctx, run.Workspace, bytes.NewReader(plan), client.PlanOptions{
		Mode: "refresh-only", Scope: "full", Source: client.Source{Ref: run.Ref, Commit: run.Commit, TriggeredBy: run.TriggeredBy},
	})
	if err != nil {
		return "", fmt.Errorf("send a plan of %s: %w", run.Workspace, err)
	}
	c := sent.Check.Counts
	return fmt.Sprintf("a plan of %s: %d new, %d changed, %d resolved", run.Workspace, c.New, c.Changed, c.Resolved), nil
}

func (d *Demo) decide(ctx context.Context) (string, error) {
	one, err := d.any(ctx, "detected,triaged")
	if err != nil {
		return "", err
	}
	switch d.Random.IntN(3) {
	case 0:
		_, err = d.Engineer.RejectDrift(ctx, one.ID, client.Decision{Reason: "must go back to what the code says", Version: one.Version})
		return "rejected " + one.ResourceID, err
	case 1:
		if one.Status == client.Detected {
			_, err = d.Engineer.TriageDrift(ctx, one.ID, one.Version)
			return "triaged " + one.ResourceID, err
		}
	}
	_, err = d.Engineer.ApproveDrift(ctx, one.ID, client.Decision{Reason: "agreed in the review of this week", Version: one.Version})
	return "approved " + one.ResourceID, err
}

func (d *Demo) note(ctx context.Context) (string, error) {
	one, err := d.any(ctx, "detected,triaged,approved,rejected")
	if err != nil {
		return "", err
	}
	if d.Random.IntN(2) == 0 {
		_, err = d.Engineer.CommentDrift(ctx, one.ID, "Asked the team that owns it.")
		return "commented on " + one.ResourceID, err
	}
	_, err = d.Engineer.AssignDrift(ctx, one.ID, []string{"network-team", "payments", "platform"}[d.Random.IntN(3)], one.Version)
	return "gave an owner to " + one.ResourceID, err
}

// any is one of the newest drifts with these statuses.
func (d *Demo) any(ctx context.Context, statuses client.DriftStatus) (client.Drift, error) {
	page, err := d.Engineer.ListDrifts(ctx, client.DriftQuery{Status: statuses}, client.Page{Size: 30})
	if err != nil {
		return client.Drift{}, err
	}
	if len(page.Items) == 0 {
		return client.Drift{}, ErrNothing
	}
	return page.Items[d.Random.IntN(len(page.Items))], nil
}
