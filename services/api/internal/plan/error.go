package plan

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrTooLarge is what an Error wraps when the input, or something in it, is larger or more than what is taken.
var ErrTooLarge = errors.New("too large")

// ErrNoDrift says that the two states of a manual report do not differ.
var ErrNoDrift = errors.New("expected and actual state do not differ")

// Error says what is wrong with an input and where. Both texts are safe to show: they name fields of the format and
// positions, never a value or a name that the plan's author chose.
type Error struct {
	Path    string // such as "resource_drift[3].change.after"; empty when it is the whole input
	Message string
	Err     error // ErrTooLarge or nil
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

func invalid(path, format string, args ...any) *Error {
	return &Error{Path: path, Message: fmt.Sprintf(format, args...)}
}

func tooLarge(format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), Err: ErrTooLarge}
}

// syntaxError translates what jsontext reports. Its own text is not passed on, because it quotes names and characters.
func syntaxError(path string, offset int64, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		offset = s.ByteOffset
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName): // in a reported state
		return invalid(path, "has a duplicate name at byte %d", offset)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return invalid(path, "is not complete JSON: it ends at byte %d", offset)
	}
	return invalid(path, "is not valid JSON at byte %d: the syntax or the UTF-8 encoding is wrong, or the nesting is deeper than 10,000", offset)
}
