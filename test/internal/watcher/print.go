package watcher

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/test/internal/console"
)

// Line is an event in words: when, what, to which resource, by whom and why, and the trace that it belongs to.
func Line(c *console.Console, f Frame) string {
	var e event.CloudEvent
	if err := json.Unmarshal(f.Event, &e); err != nil {
		return c.Paint(console.Red, "an event that cannot be read: "+err.Error())
	}
	what, color := describe(e)
	if color == "" {
		color = console.Cyan
	}
	line := fmt.Sprintf("%s  %s  %s", c.Paint(console.Dim, time.Time(e.Time).Local().Format("15:04:05.000")),
		c.Paint(color, fmt.Sprintf("%-15s", e.Type)), clean(what))
	if id := traceID(e.Traceparent); id != "" {
		line += c.Paint(console.Dim, "  trace "+id)
	}
	return line
}

func describe(e event.CloudEvent) (what string, color console.Color) {
	switch {
	case strings.HasPrefix(string(e.Type), "drift."):
		var d event.DriftData
		if json.Unmarshal(e.Data, &d) != nil {
			break
		}
		what = fmt.Sprintf("%s %s in %s, %s", d.Severity, d.ResourceID, d.Workspace, d.Status)
		if d.Actor != nil {
			what += " by " + cmp.Or(d.Actor.Email, d.Actor.Role)
		}
		if d.Reason != "" {
			what += ": " + d.Reason
		}
		return what, severityColor(d.Severity)
	case strings.HasPrefix(string(e.Type), "alert."):
		var a event.AlertData
		if json.Unmarshal(e.Data, &a) != nil {
			break
		}
		if e.Type == event.AlertRead {
			what = fmt.Sprintf("%d read", max(a.Count, 1))
			if a.Actor != nil {
				what += " by " + cmp.Or(a.Actor.Email, a.Actor.Role)
			}
			return what, console.Green
		}
		return a.Severity + " " + a.Title, severityColor(a.Severity)
	case e.Type == event.CheckCompleted:
		var k event.CheckData
		if json.Unmarshal(e.Data, &k) != nil {
			break
		}
		return fmt.Sprintf("%s of %s: %d new, %d changed, %d unchanged, %d resolved", k.Status, k.Workspace,
			k.Counts.New, k.Counts.Changed, k.Counts.Unchanged, k.Counts.Resolved), ""
	}
	return string(e.Data), ""
}

func severityColor(severity string) console.Color {
	switch severity {
	case "critical":
		return console.Red
	case "warning":
		return console.Yellow
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
