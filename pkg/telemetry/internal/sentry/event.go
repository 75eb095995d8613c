package sentry

import (
	"runtime"
	"slices"
	"strings"

	sdk "github.com/getsentry/sentry-go"

	"github.com/driftsentry/driftsentry/pkg/telemetry/internal/origin"
)

func (s *Reporter) event(err error, c Circumstances) *sdk.Event {
	kind, stack := origin.Type(err), origin.Stack(err)
	event := sdk.NewEvent()
	event.Level = sdk.LevelError
	event.Transaction = c.Transaction
	event.Tags = map[string]string{"service": s.service}
	for key, value := range c.Tags {
		event.Tags[key] = s.redactor.Text(value)
	}
	event.User.ID = c.UserID
	for _, line := range c.Lines {
		event.Breadcrumbs = append(event.Breadcrumbs, breadcrumb(line))
	}
	event.Fingerprint = []string{kind, s.place(stack, c.Transaction)}
	event.Exception = []sdk.Exception{{
		Type:       kind,
		Value:      s.redactor.Text(err.Error()),
		Stacktrace: sentryStack(stack),
		Mechanism:  &sdk.Mechanism{Type: "generic", Handled: new(!origin.IsPanic(err))},
	}}
	return event
}

// place is where an error belongs, for grouping: the function that it began in,
// or what was asked when that is not known. Line numbers would split a group at
// each release; plumbing, and generic helpers, would make one group of all.
func (s *Reporter) place(stack []runtime.Frame, transaction string) string {
	for _, frame := range stack {
		name := frame.Function
		plumbing := strings.HasPrefix(name, "runtime.") || strings.HasSuffix(name, "[...]") ||
			slices.ContainsFunc(s.plumbing, func(p string) bool { return strings.HasPrefix(name, p) })
		if !plumbing {
			return name
		}
	}
	return transaction
}

// sentryStack is the stack as Sentry wants it, outermost first.
func sentryStack(stack []runtime.Frame) *sdk.Stacktrace {
	if len(stack) == 0 {
		return nil
	}
	frames := make([]sdk.Frame, 0, len(stack))
	for _, frame := range slices.Backward(stack) {
		frames = append(frames, sdk.NewFrame(frame))
	}
	return &sdk.Stacktrace{Frames: frames}
}
