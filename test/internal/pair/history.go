package pair

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/client"
)

// pastEntries are drifts that came and went, by workspace.
//
//go:embed past.json
var pastEntries []byte

// Story is what an installation looks like that is used for weeks: workspaces whose drifts came, were decided about and went; rules, and one
// that is proposed; and what waits today. All of it is sent to the API; only then its times are moved into the past.
type Story struct {
	CI, Engineer, Admin *client.Client
	// Database is its URL, of a user who may do everything: a private one, which no one else uses. Without it, all happens today.
	Database string
}

// The weeks of a story.
const (
	rounds   = 14
	between  = 44 * time.Hour
	restless = 3 // One of so many drifts of the past is there in a round.
)

// Tell sends the story.
func (s Story) Tell(ctx context.Context) error {
	var today []estateRun
	if err := json.Unmarshal(estateRuns, &today); err != nil {
		return fmt.Errorf("read the runs to send: %w", err)
	}
	if s.Database != "" {
		if err := s.past(ctx, today); err != nil {
			return fmt.Errorf("make the weeks before: %w", err)
		}
	}
	for _, each := range today {
		if err := each.send(ctx, s.CI, s.Engineer); err != nil {
			return fmt.Errorf("workspace %s: %w", each.Workspace, err)
		}
	}
	return s.rules(ctx)
}

// past sends a plan of each workspace every other day, decides about what is new after some hours, and moves it all back.
func (s Story) past(ctx context.Context, today []estateRun) error {
	var past map[string][]estateEntry
	if err := json.Unmarshal(pastEntries, &past); err != nil {
		return fmt.Errorf("read the drifts of the past: %w", err)
	}
	db, err := pgx.Connect(ctx, s.Database)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { _ = db.Close(context.WithoutCancel(ctx)) }()
	random := rand.New(rand.NewPCG(11, 7)) //nolint:gosec // The same story each time.
	for round := range rounds {
		left := time.Duration(rounds-round) * between
		var fresh []client.Drift
		for _, run := range today {
			if run.Purpose != "" || run.Failure != "" {
				continue
			}
			all := run.Entries
			run.Repeat.Count = 0
			run.Entries = slices.DeleteFunc(slices.Clone(all), func(e estateEntry) bool { return time.Duration(e.Days)*24*time.Hour < left })
			for _, entry := range past[run.Workspace] {
				if random.IntN(restless) == 0 {
					run.Entries = append(run.Entries, entry)
				}
			}
			// Each plan is newer than the one before it, and not the same to the second.
			plan, err := run.plan(time.Now().Add(time.Duration(round-rounds) * time.Second))
			if err != nil {
				return err
			}
			sent, err := s.CI.SendPlan(ctx, run.Workspace, bytes.NewReader(plan), client.PlanOptions{
				Mode: "refresh-only", Scope: "full", Source: client.Source{Ref: run.Ref, Commit: run.Commit, TriggeredBy: run.TriggeredBy},
			})
			if err != nil {
				return fmt.Errorf("send a plan of %s: %w", run.Workspace, err)
			}
			for _, d := range sent.Drifts {
				if slices.ContainsFunc(past[run.Workspace], func(e estateEntry) bool { return e.Address == d.ResourceID }) && d.Status == client.Detected {
					fresh = append(fresh, d)
				}
			}
		}
		hours := time.Duration(1+random.IntN(30)) * time.Hour
		if err := age(ctx, db, hours); err != nil {
			return err
		}
		for _, d := range fresh {
			if err := s.decide(ctx, d, random.IntN(4)); err != nil {
				return err
			}
		}
		if err := age(ctx, db, between-hours); err != nil {
			return err
		}
	}
	return nil
}

func (s Story) decide(ctx context.Context, d client.Drift, how int) error {
	var err error
	switch how {
	case 0, 1:
		_, err = s.Engineer.ApproveDrift(ctx, d.ID, client.Decision{Reason: "Agreed in the review of the week.", Version: d.Version})
	case 2:
		_, err = s.Engineer.RejectDrift(ctx, d.ID, client.Decision{Reason: "The code is right: apply it again.", Version: d.Version})
	default:
		_, err = s.Engineer.TriageDrift(ctx, d.ID, d.Version)
	}
	if err != nil {
		return fmt.Errorf("decide about %s: %w", d.ResourceID, err)
	}
	return nil
}

// rules are those of docs/rules.md, more or less; the last one waits for an admin.
func (s Story) rules(ctx context.Context) error {
	for _, r := range []struct {
		by *client.Client
		client.RuleDraft
	}{
		{s.Admin, client.RuleDraft{
			Effect: client.IgnoreDrifts, Match: client.RuleMatch{Types: []string{"aws_db_instance"}, Paths: []string{"latest_restorable_time"}},
			Reason: "The provider writes this time with every backup.",
		}},
		{s.Admin, client.RuleDraft{
			Effect: client.SetOwner, Owner: "network-team", Match: client.RuleMatch{Workspaces: []string{"network/*"}}, Reason: "They run the networks of all regions.",
		}},
		{s.Admin, client.RuleDraft{
			Effect: client.SetSeverity, Severity: client.Info, Match: client.RuleMatch{Types: []string{"*_bucket"}, Paths: []string{"labels"}},
			Reason: "Labels cost nothing: look at them once a month.", ExpiresAt: time.Now().AddDate(0, 2, 0),
		}},
		{s.Engineer, client.RuleDraft{
			Effect: client.IgnoreDrifts, Match: client.RuleMatch{Types: []string{"aws_ecs_service"}, Paths: []string{"desired_count"}},
			Reason: "The autoscaler sets the count, not we.",
		}},
	} {
		if _, err := r.by.CreateRule(ctx, r.RuleDraft); err != nil {
			return fmt.Errorf("make a rule: %w", err)
		}
	}
	return nil
}

// age moves everything that has happened back by so much. The seals of the audit trail are about other times then, so they are made again.
func age(ctx context.Context, db *pgx.Conn, by time.Duration) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		// Without the triggers, for the audit trail is append-only.
		if _, err := tx.Exec(ctx, "set local session_replication_role = replica"); err != nil {
			return fmt.Errorf("turn triggers off: %w", err)
		}
		rows, err := tx.Query(ctx, `select table_name::text, column_name::text from information_schema.columns
			where table_schema = 'public' and data_type = 'timestamp with time zone'
				and table_name in ('drift', 'workspace', 'workspace_check', 'alert', 'alert_read', 'audit', 'decided_path', 'rule')
			order by table_name, column_name`)
		if err != nil {
			return fmt.Errorf("look for times: %w", err)
		}
		columns := map[string][]string{}
		var table, column string
		if _, err := pgx.ForEachRow(rows, []any{&table, &column}, func() error {
			columns[table] = append(columns[table], fmt.Sprintf("%[1]s = %[1]s - @by::interval", column))
			return nil
		}); err != nil {
			return fmt.Errorf("look for times: %w", err)
		}
		for table, set := range columns {
			if _, err := tx.Exec(ctx, "update "+table+" set "+strings.Join(set, ", "), pgx.NamedArgs{"by": by}); err != nil {
				return fmt.Errorf("move the times of %s: %w", table, err)
			}
		}
		if _, err := tx.Exec(ctx, "delete from audit_seal"); err != nil {
			return fmt.Errorf("remove the seals: %w", err)
		}
		return nil
	})
}
