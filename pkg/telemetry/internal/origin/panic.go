package origin

import (
	"errors"
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

// Recovered makes an error with the panic's stack of what recover returned. The
// deferred function must call it directly.
func Recovered(value any) error {
	return &tracedError{error: panicError{value}, pcs: callers(1)}
}

// IsPanic reports whether the error is, or wraps, a recovered panic.
func IsPanic(err error) bool {
	_, ok := errors.AsType[panicError](err)
	return ok
}
