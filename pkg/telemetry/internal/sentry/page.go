package sentry

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	sdk "github.com/getsentry/sentry-go"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/tracing"
)

// PageError is an error that a page in a browser did not handle.
type PageError struct {
	Type, Message string
	Stack         []string // file:line:column, innermost first
	UserID        string
}

// pagesPerMinute bounds the events of pages, whatever users send.
const pagesPerMinute = 10

// contentHash is the part of a file's name that changes with its content.
var contentHash = regexp.MustCompile(`-[A-Z0-9]{8}\.js$`)

// CapturePage queues the event of a page's error, unless the minute's events of pages are used up.
func (s *Reporter) CapturePage(ctx context.Context, e PageError) {
	if s == nil {
		return
	}
	if s.client == nil {
		s.events.Add(ctx, 1, outcomeFailed)
		return
	}
	if !s.pages.Allow() {
		s.events.Add(ctx, 1, outcomeLimited)
		return
	}
	event := sdk.NewEvent()
	event.Level = sdk.LevelError
	event.Platform = "javascript"
	event.Tags = map[string]string{"service": "driftsentry-console"}
	event.User.ID = e.UserID
	exception := sdk.Exception{Type: e.Type, Value: s.redactor.Text(e.Message), Mechanism: &sdk.Mechanism{Type: "onerror", Handled: new(false)}}
	// Lines would split a group at each release, and so would the names of files.
	where := "page"
	if len(e.Stack) > 0 {
		name, _, _ := strings.Cut(e.Stack[0], ":")
		where = contentHash.ReplaceAllString(name, ".js")
		exception.Stacktrace = &sdk.Stacktrace{}
		for _, at := range slices.Backward(e.Stack) {
			parts := strings.SplitN(at, ":", 3)
			frame := sdk.Frame{Filename: "/assets/" + parts[0], InApp: true}
			if len(parts) == 3 {
				frame.Lineno, _ = strconv.Atoi(parts[1])
				frame.Colno, _ = strconv.Atoi(parts[2])
			}
			exception.Stacktrace.Frames = append(exception.Stacktrace.Frames, frame)
		}
	}
	event.Exception = []sdk.Exception{exception}
	event.Fingerprint = []string{"page", e.Type, where, s.redactor.Text(e.Message)}
	if links := s.grafana.links(tracing.TraceID(ctx), event.Timestamp); links != nil {
		event.Contexts["grafana"] = links
	}
	s.client.CaptureEvent(event, &sdk.EventHint{Context: ctx}, sdk.NewScope())
}
