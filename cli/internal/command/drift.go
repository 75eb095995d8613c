package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/driftsentry/driftsentry/cli/internal/report"
	"github.com/driftsentry/driftsentry/client"
)

func (p *program) listCommand() *cobra.Command {
	var q client.DriftQuery
	var severity, status, workspace []string
	var all, asJSON bool
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List drifts, the most severe first", Args: cobra.NoArgs,
		Long: "Lists the drifts that are open, the most severe first. Flags that take several values may be repeated.",
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return errors.New("--limit: give a number from 1 on")
			}
			cl, err := p.person()
			if err != nil {
				return err
			}
			q.Severity, q.Status, q.Workspace = anyOf[client.Severity](severity), anyOf[client.DriftStatus](status), anyOf[string](workspace)
			if !all && len(status) == 0 {
				q.Open = new(true)
			}
			q.SortBy = "severity"
			drifts, more, err := firstDrifts(c.Context(), cl, q, limit)
			if err != nil {
				return err
			}
			if asJSON {
				return encode(p.out, drifts)
			}
			if len(drifts) == 0 {
				fmt.Fprintln(p.out, "No drift.")
				return nil
			}
			look := p.table()
			look.Workspace = true
			fmt.Fprintln(p.out, report.Drifts(drifts, look))
			if more {
				fmt.Fprintf(p.log, "There are more than %d: use --limit, or filters.\n", limit)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringSliceVarP(&workspace, "workspace", "w", nil, "of these workspaces")
	f.StringSliceVar(&severity, "severity", nil, "of these severities: critical, warning, info")
	f.StringSliceVar(&status, "status", nil, "with these statuses: detected, triaged, approved, rejected, resolved")
	f.StringVar(&q.ResourceType, "type", "", "of this resource type")
	f.StringVar(&q.Search, "search", "", "with this text in the resource's address or type, or in a path that differs")
	f.BoolVar(&all, "all", false, "also resolved ones")
	suppressedFlag(c, &q)
	f.IntVar(&limit, "limit", 50, "at most so many")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	complete(c, "severity", "status")
	return c
}

func suppressedFlag(c *cobra.Command, q *client.DriftQuery) {
	c.Flags().StringVar(&q.Suppressed, "suppressed", "", "true: only those that rules ignore; any: these, too")
}

func anyOf[T ~string](values []string) T {
	list := make([]T, len(values))
	for i, v := range values {
		list[i] = T(v)
	}
	return client.AnyOf(list...)
}

// firstDrifts reads up to limit drifts, and says whether there are more.
func firstDrifts(ctx context.Context, c *client.Client, q client.DriftQuery, limit int) (drifts []client.Drift, more bool, err error) {
	for d, err := range c.Drifts(ctx, q) {
		if err != nil {
			return nil, false, err
		}
		if len(drifts) == limit {
			return drifts, true, nil
		}
		drifts = append(drifts, d)
	}
	return drifts, false, nil
}

func (p *program) showCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "show ID", Short: "Show one drift, with what happened to it", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.person()
			if err != nil {
				return err
			}
			d, err := cl.GetDrift(c.Context(), args[0])
			if err != nil {
				return err //nolint:wrapcheck // It says what it is about.
			}
			if asJSON {
				return encode(p.out, d)
			}
			timeline, err := cl.DriftTimeline(c.Context(), args[0])
			if err != nil {
				return err //nolint:wrapcheck // It says what it is about.
			}
			p.showDrift(d, timeline)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (p *program) showDrift(d client.DriftDetail, timeline []client.TimelineEntry) {
	fmt.Fprintf(p.out, "%s  %s  %s\n%s in %s, version %d, detected %s\n", report.Printable(d.ResourceID), d.Severity, d.Status,
		report.Printable(d.ResourceType), report.Printable(d.Workspace), d.Version, d.DetectedAt.Local().Format(time.DateTime))
	if s := d.Suppressed; s != nil {
		until := ""
		if !s.Until.IsZero() {
			until = " until " + s.Until.Local().Format(time.DateTime)
		}
		fmt.Fprintf(p.out, "ignored by rule %s%s: %s\n", s.Rule, until, report.Printable(s.Reason))
	}
	if d.RunURL != "" {
		fmt.Fprintln(p.out, "run: "+report.Printable(d.RunURL))
	}
	if d.TraceURL != "" {
		fmt.Fprintln(p.out, "trace: "+report.Printable(d.TraceURL))
	}
	fmt.Fprintln(p.out)
	for _, path := range slices.Sorted(maps.Keys(d.Difference)) {
		change := d.Difference[path]
		fmt.Fprintf(p.out, "  %s\n    - %s\n    + %s\n", report.Printable(path), value(change.Expected), value(change.Actual))
	}
	fmt.Fprintln(p.out)
	for _, e := range timeline {
		fmt.Fprintf(p.out, "  %s  %-16s %s %s  trace %s\n", e.Timestamp.Local().Format(time.DateTime), e.Action,
			report.Printable(e.ActorEmail), report.Printable(e.Message), report.Printable(e.TraceID))
	}
}

// value is one side of a difference in one line.
func value(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return "null"
	}
	return report.Printable(b.String())
}

// decision is a command that decides about drifts.
type decision struct {
	name, short, done string
	decide            func(*client.Client, context.Context, string, client.Decision) (client.Drift, error)
}

var decisions = []decision{
	{"approve", "Accept drifts: the actual state is fine, and the code should follow", "approved", (*client.Client).ApproveDrift},
	{"reject", "Demand that drifts are reverted", "rejected", (*client.Client).RejectDrift},
	{"reopen", "Take decisions back", "reopened", (*client.Client).ReopenDrift},
}

func (p *program) decideCommand(d decision) *cobra.Command {
	var reason, until string
	var version int
	c := &cobra.Command{
		Use: d.name + " ID…", Short: d.short, Args: cobra.MinimumNArgs(1),
		Long: d.short + ".\n\nEach drift is decided by itself. The first one that cannot be decided ends the command; those before it stay decided.",
		RunE: func(c *cobra.Command, args []string) error {
			if version != 0 && len(args) > 1 {
				return errors.New("--version: a version belongs to one drift")
			}
			end, err := untilOf(until)
			if err != nil {
				return err
			}
			cl, err := p.person()
			if err != nil {
				return err
			}
			for _, id := range args {
				drift, err := d.decide(cl, c.Context(), id, client.Decision{Reason: reason, Version: version, Until: end})
				if err != nil {
					return fmt.Errorf("%s %s: %w", d.name, id, err)
				}
				fmt.Fprintf(p.out, "%s %s in %s\n", d.done, report.Printable(drift.ResourceID), report.Printable(drift.Workspace))
			}
			return nil
		},
	}
	c.Flags().StringVarP(&reason, "reason", "r", "", "why, in 10 to 1000 characters; the audit trail keeps it")
	c.Flags().IntVar(&version, "version", 0, "version that you have seen: the decision is refused if the drift has changed since")
	if d.name == "approve" {
		c.Flags().StringVar(&until, "until", "", "when the drift is detected again: a day such as 2026-04-01, or a time such as 2026-04-01T09:00:00Z")
	}
	if err := c.MarkFlagRequired("reason"); err != nil {
		panic(err) // There is no such flag.
	}
	return c
}

// untilOf reads a day, at whose beginning here an approval ends, or a time.
func untilOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, errors.New("--until: give a day such as 2026-04-01, or a time such as 2026-04-01T09:00:00Z")
	}
	return at, nil
}

func (p *program) commentCommand() *cobra.Command {
	return &cobra.Command{
		Use: "comment ID TEXT", Short: "Comment on a drift", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := p.person()
			if err != nil {
				return err
			}
			_, err = cl.CommentDrift(c.Context(), args[0], args[1])
			return err //nolint:wrapcheck // It says what it is about.
		},
	}
}

func (p *program) exportCommand() *cobra.Command {
	var q client.DriftQuery
	var severity, status, workspace []string
	var format string
	c := &cobra.Command{
		Use: "export", Short: "Print all drifts as CSV or NDJSON", Args: cobra.NoArgs,
		Long: "Prints all drifts that pass the filters, newest first. When the command fails, what it printed is not all.",
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := p.person()
			if err != nil {
				return err
			}
			q.Severity, q.Status, q.Workspace = anyOf[client.Severity](severity), anyOf[client.DriftStatus](status), anyOf[string](workspace)
			return cl.ExportDriftsTo(c.Context(), p.out, client.ExportFormat(format), q) //nolint:wrapcheck // It says what it is about.
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", string(client.CSV), "csv or ndjson")
	f.StringSliceVarP(&workspace, "workspace", "w", nil, "of these workspaces")
	f.StringSliceVar(&severity, "severity", nil, "of these severities: critical, warning, info")
	f.StringSliceVar(&status, "status", nil, "with these statuses: detected, triaged, approved, rejected, resolved")
	f.StringVar(&q.Owner, "owner", "", "of this owner")
	suppressedFlag(c, &q)
	complete(c, "severity", "status")
	return c
}
