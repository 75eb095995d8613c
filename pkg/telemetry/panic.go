package telemetry

import (
	"context"
	"fmt"
)

// panicError is a recovered panic as an error. An error that was the panic's
// value is wrapped.
type panicError struct{ value any }

func (e panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func (e panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// recovered makes an error with the panic's stack of what recover returned. The
// deferred function must call it directly.
func recovered(value any) error {
	return &tracedError{error: panicError{value}, pcs: callers(1)}
}

// Recover reports a panic with its stack and swallows it, when deferred at the
// start of a goroutine:
//
//	go func() {
//		defer tel.Recover(ctx)
//		…
//	}()
func (t *Telemetry) Recover(ctx context.Context) {
	if v := recover(); v != nil {
		t.Report(ctx, recovered(v))
	}
}

// RecoverTo is Recover for functions that return an error, which is set to the
// panic's. The caller decides what becomes of it, so it is not reported here.
func RecoverTo(err *error) {
	if v := recover(); v != nil {
		*err = recovered(v)
	}
}
