package main

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/console"
)

// line is an event in words: when, what, to which resource, by whom and why, and the trace that it belongs to.
func line(c *console.Console, e client.Event) string {
	what, color := describe(e)
	if color == "" {
		color = console.Cyan
	}
	text := fmt.Sprintf("%s  %s  %s", c.Paint(console.Dim, e.Time.Local().Format("15:04:05.000")), c.Paint(color, fmt.Sprintf("%-15s", e.Type)), clean(what))
	if id := traceID(e.Traceparent); id != "" {
		text += c.Paint(console.Dim, "  trace "+id)
	}
	return text
}

// describe shows the data of an event that it does not know as it is.
func describe(e client.Event) (what string, color console.Color) {
	switch {
	case strings.HasPrefix(string(e.Type), "drift."):
		if d, err := e.Drift(); err == nil {
			what = fmt.Sprintf("%s %s in %s, %s", d.Severity, d.ResourceID, d.Workspace, d.Status)
			what += by(d.Actor)
			if d.Reason != "" {
				what += ": " + d.Reason
			}
			return what, severityColor(d.Severity)
		}
	case e.Type == client.AlertRead:
		if a, err := e.Alert(); err == nil {
			return fmt.Sprintf("%d read", max(a.Count, 1)) + by(a.Actor), console.Green
		}
	case e.Type == client.AlertCreated:
		if a, err := e.Alert(); err == nil {
			return string(a.Severity) + " " + a.Title, severityColor(a.Severity)
		}
	case e.Type == client.CheckCompleted:
		if k, err := e.Check(); err == nil {
			return fmt.Sprintf("%s of %s: %d new, %d changed, %d unchanged, %d resolved", k.Status, k.Workspace,
				k.Counts.New, k.Counts.Changed, k.Counts.Unchanged, k.Counts.Resolved), ""
		}
	}
	return string(e.Data), ""
}

func by(a *client.Actor) string {
	if a == nil {
		return ""
	}
	return " by " + cmp.Or(a.Email, a.Role)
}

func severityColor(severity client.Severity) console.Color {
	switch severity {
	case client.Critical:
		return console.Red
	case client.Warning:
		return console.Yellow
	case client.Info:
	}
	return console.Green
}

func traceID(traceparent string) string {
	parts := strings.Split(traceparent, "-")
	if len(parts) != 4 {
		return ""
	}
	return parts[1]
}

// clean keeps what users wrote from steering the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
