package pair

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/driftsentry/driftsentry/client"
)

// estateRuns are runs of CI in several workspaces, so that there is something to look at: a few drifts of each kind and many of one,
// decisions, a check that failed and a preview.
//
//go:embed estate.json
var estateRuns []byte

// estateRun is what one run of CI sends, and what people do about it afterwards.
type estateRun struct {
	Workspace, Owner         string
	Ref, Commit, TriggeredBy string
	Purpose, Failure         string
	Entries                  []estateEntry
	// Repeat stands for many resources that differ in the same way.
	Repeat struct {
		Count         int
		Type, Name    string
		Before, After json.RawMessage
	}
}

type estateEntry struct {
	Address        string
	Actions        []string
	Before, After  json.RawMessage
	Sensitive      json.RawMessage
	Decide, Reason string
	// Days is how long it has been there; 0 since today.
	Days int
}

// sendEstate sends them once: later runs find the workspaces there.
func (r *run) sendEstate(ctx context.Context, c Credentials) error {
	engineer, err := client.New(r.apiURL(), client.WithPassword(c.Engineer.Email, c.Engineer.Password))
	if err != nil {
		return err
	}
	found, err := engineer.Workspaces(ctx)
	if err != nil {
		return fmt.Errorf("list the workspaces: %w", err)
	}
	if len(found) > 0 {
		return nil
	}
	defer r.Console.Slowly("Sending plans of more workspaces, as of the last weeks …")()
	defer r.Console.Quietly()()
	ci, err := client.New(r.apiURL(), client.WithAPIKey(c.APIKey))
	if err != nil {
		return err
	}
	admin, err := client.New(r.apiURL(), client.WithPassword(c.Admin.Email, c.Admin.Password))
	if err != nil {
		return err
	}
	story := Story{CI: ci, Engineer: engineer, Admin: admin}
	if r.cluster != nil { // In a database of DATABASE_URL no time is moved.
		story.Database = r.database
	}
	return story.Tell(ctx)
}

func (e estateRun) send(ctx context.Context, ci, engineer *client.Client) error {
	source := client.Source{Ref: e.Ref, Commit: e.Commit, TriggeredBy: e.TriggeredBy}
	if e.Failure != "" {
		if _, err := ci.SendFailure(ctx, e.Workspace, e.Failure, e.Purpose, source); err != nil {
			return fmt.Errorf("send a failure: %w", err)
		}
	} else {
		plan, err := e.plan(time.Now())
		if err != nil {
			return err
		}
		result, err := ci.SendPlan(ctx, e.Workspace, bytes.NewReader(plan), client.PlanOptions{Mode: "refresh-only", Scope: "full", Purpose: e.Purpose, Source: source})
		if err != nil {
			return fmt.Errorf("send a plan: %w", err)
		}
		if err := e.decide(ctx, engineer, result.Drifts); err != nil {
			return err
		}
	}
	if e.Owner == "" {
		return nil
	}
	_, err := engineer.UpdateWorkspace(ctx, e.Workspace, client.WorkspaceChange{Owner: &e.Owner})
	return err
}

func (e estateRun) decide(ctx context.Context, engineer *client.Client, drifts []client.Drift) error {
	for _, entry := range e.Entries {
		for _, d := range drifts {
			if d.ResourceID != entry.Address {
				continue
			}
			var err error
			switch decision := (client.Decision{Reason: entry.Reason}); entry.Decide {
			case "approve":
				_, err = engineer.ApproveDrift(ctx, d.ID, decision)
			case "reject":
				_, err = engineer.RejectDrift(ctx, d.ID, decision)
			case "triage":
				_, err = engineer.TriageDrift(ctx, d.ID, d.Version)
			}
			if err != nil {
				return fmt.Errorf("%s %s: %w", entry.Decide, d.ResourceID, err)
			}
		}
	}
	return nil
}

// plan is a refresh-only plan with these entries.
func (e estateRun) plan(now time.Time) ([]byte, error) {
	entries := e.Entries
	for i := range e.Repeat.Count {
		entries = append(entries, estateEntry{
			Address: fmt.Sprintf("%s.%s[%d]", e.Repeat.Type, e.Repeat.Name, i), Actions: []string{"update"}, Before: e.Repeat.Before, After: e.Repeat.After,
		})
	}
	drift := make([]map[string]any, len(entries))
	for i, entry := range entries {
		change := map[string]any{"actions": entry.Actions, "before": entry.Before, "after": entry.After, "after_unknown": struct{}{}}
		if entry.Sensitive != nil {
			change["before_sensitive"], change["after_sensitive"] = entry.Sensitive, entry.Sensitive
		}
		typ := entry.typ()
		provider, _, _ := strings.Cut(typ, "_")
		drift[i] = map[string]any{
			"address": entry.Address, "mode": "managed", "type": typ, "name": "this",
			"provider_name": "registry.terraform.io/hashicorp/" + provider, "change": change,
		}
	}
	plan, err := json.Marshal(map[string]any{
		"format_version": "1.2", "terraform_version": "1.11.4", "timestamp": now.UTC().Format(time.RFC3339), "complete": true, "errored": false,
		"resource_drift": drift,
	})
	if err != nil {
		return nil, fmt.Errorf("make the plan: %w", err)
	}
	return plan, nil
}

// typ is the resource's type, which stands in its address behind the modules.
func (e estateEntry) typ() string {
	address := e.Address
	for strings.HasPrefix(address, "module.") {
		_, rest, _ := strings.Cut(strings.TrimPrefix(address, "module."), ".")
		address = rest
	}
	typ, _, _ := strings.Cut(address, ".")
	return typ
}
