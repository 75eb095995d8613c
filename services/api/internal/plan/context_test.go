package plan

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestRead_context: reading ends when its context does, while the plan comes in and while its changes are made.
func TestRead_context(t *testing.T) {
	raw := drifted(update("a", `{"n":1}`, `{"n":2}`))
	for name, at := range map[string]int{"before anything": 0, "in the plan": len(raw) / 2, "after the plan": len(raw)} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			body := io.MultiReader(strings.NewReader(raw[:at]), stop(cancel), strings.NewReader(raw[at:]))
			_, err := Read(ctx, body, Options{Key: testKey})
			if _, input := errors.AsType[*Error](err); input || !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// stop is a reader without content that calls itself.
type stop func()

func (s stop) Read([]byte) (int, error) {
	s()
	return 0, io.EOF
}
