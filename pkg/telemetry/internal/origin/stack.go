// Package origin remembers where an unexpected error began: its stack, through
// any wrapping, and whether it was reported already.
package origin

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
)

// tracedError keeps the stack of an error's origin through any wrapping, and
// whether the error was already reported.
type tracedError struct {
	error
	pcs      []uintptr
	reported atomic.Bool
}

func (e *tracedError) Unwrap() error { return e.error }

// Note notes the stack on an error, unless one of the errors that it wraps has
// one already. The stack begins that many callers above the caller of Note.
func Note(err error, skip int) error {
	if _, ok := errors.AsType[*tracedError](err); ok {
		return err
	}
	return &tracedError{error: err, pcs: callers(skip + 1)}
}

// callers is the stack from that many callers above its own.
func callers(skip int) []uintptr {
	pcs := make([]uintptr, 32)
	return pcs[:runtime.Callers(skip+2, pcs)]
}

// First reports whether this is the first time it is asked about the
// error. An error without a stack has no identity and is always new.
func First(err error) bool {
	traced, ok := errors.AsType[*tracedError](err)
	return !ok || traced.reported.CompareAndSwap(false, true)
}

// Stack is the stack of the place where the error began, innermost first;
// empty when it was never noted.
func Stack(err error) []runtime.Frame {
	traced, ok := errors.AsType[*tracedError](err)
	if !ok {
		return nil
	}
	var stack []runtime.Frame
	frames := runtime.CallersFrames(traced.pcs)
	for {
		frame, more := frames.Next()
		// What called the middleware is the same for every request.
		edge := strings.HasSuffix(frame.Function, "/telemetry/internal/server.middleware.handle")
		if frame.PC != 0 && !edge {
			stack = append(stack, frame)
		}
		if !more || edge {
			return panicked(stack)
		}
	}
}

// panicked cuts off what runs after the panic: the deferred function that
// recovered, and the runtime's own frames.
func panicked(stack []runtime.Frame) []runtime.Frame {
	for i, frame := range stack {
		if frame.Function == "runtime.gopanic" {
			stack = stack[i+1:]
			for len(stack) > 0 && strings.HasPrefix(stack[0].Function, "runtime.") {
				stack = stack[1:]
			}
			return stack
		}
	}
	return stack
}

// Format writes a stack as Go does: the function, then file and line.
func Format(stack []runtime.Frame) string {
	var b strings.Builder
	for _, frame := range stack {
		b.WriteString(frame.Function)
		b.WriteString("\n\t")
		b.WriteString(frame.File)
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(frame.Line))
		b.WriteByte('\n')
	}
	return b.String()
}
