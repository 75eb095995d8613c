package command

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/driftsentry/driftsentry/cli/internal/report"
	"github.com/driftsentry/driftsentry/client"
)

func (p *program) watchCommand() *cobra.Command {
	var asJSON bool
	var after string
	c := &cobra.Command{
		Use: "watch", Short: "Print changes as they happen", Args: cobra.NoArgs,
		Long: `Prints changes of drifts, alerts and checks as they happen, until it is interrupted. It connects again when the connection is lost, and
misses nothing. With --json each line is an event, and --after goes on after the cursor of an earlier one.`,
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := p.person()
			if err != nil {
				return err
			}
			s := cl.Stream(client.StreamOptions{After: after, OnState: p.state})
			lines := json.NewEncoder(p.out)
			for e, err := range s.Events(c.Context()) {
				if err == nil && asJSON {
					err = lines.Encode(e)
				} else if err == nil {
					_, err = fmt.Fprintln(p.out, line(e))
				}
				if err != nil {
					return err //nolint:wrapcheck // It says what it is about.
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print events as JSON, one in a line")
	c.Flags().StringVar(&after, "after", "", "go on after this cursor")
	return c
}

// state tells what the connection does.
func (p *program) state(s client.State) {
	switch s.Phase {
	case client.Live:
		fmt.Fprintf(p.log, "live (connection %s)\n", report.Printable(s.ConnectionID))
	case client.Waiting:
		fmt.Fprintf(p.log, "connection lost (%v); next attempt in %s\n", s.Err, s.Pause.Round(time.Second))
	case client.Connecting:
	}
}

// line is an event for people.
func line(e client.Event) string {
	text := e.Time.Local().Format(time.TimeOnly) + "  " + fmt.Sprintf("%-16s", report.Printable(string(e.Type)))
	switch e.Type {
	case client.AlertCreated, client.AlertRead:
		if a, err := e.Alert(); err == nil {
			return text + "  " + report.Printable(a.Title)
		}
	case client.CheckCompleted:
		if c, err := e.Check(); err == nil {
			return text + fmt.Sprintf("  %s %s: %d new, %d changed, %d resolved", report.Printable(c.Workspace), c.Status, c.Counts.New, c.Counts.Changed, c.Counts.Resolved)
		}
	default:
		if d, err := e.Drift(); err == nil && d.ResourceID != "" {
			who := ""
			if d.Actor != nil {
				who = " by " + d.Actor.Email
			}
			return text + report.Printable(fmt.Sprintf("  %s %s in %s%s", d.Severity, d.ResourceID, d.Workspace, who))
		}
	}
	return text + "  " + report.Printable(e.Subject)
}
