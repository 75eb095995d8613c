package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/fault"
)

func TestFrom(t *testing.T) {
	cause := errors.New("connection to 10.0.0.1 refused")
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
	}{
		"unknown is internal":        {cause, fault.Internal},
		"wrapped keeps its kind":     {fmt.Errorf("approve: %w", fault.New(fault.Conflict, "decided")), fault.Conflict},
		"canceled context":           {fmt.Errorf("query: %w", context.Canceled), fault.Canceled},
		"deadline":                   {fmt.Errorf("query: %w", context.DeadlineExceeded), fault.Timeout},
		"a meaning beats a deadline": {fault.Wrap(fault.Unavailable, context.DeadlineExceeded, "no connection"), fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fault.From(c.err).Kind; got != c.kind {
				t.Errorf("kind = %v, want %v", got, c.kind)
			}
		})
	}
	t.Run("nil stays nil", func(t *testing.T) {
		if fault.From(nil) != nil {
			t.Error("From(nil) is not nil")
		}
	})
	t.Run("the message of an unknown error says nothing of its cause", func(t *testing.T) {
		if got := fault.From(cause).Message; got != "an unexpected error occurred" {
			t.Errorf("message = %q", got)
		}
	})
}

func TestKind_Code(t *testing.T) {
	seen := map[string]fault.Kind{}
	for k := fault.Internal; k <= fault.Canceled; k++ {
		code := k.Code()
		if code == "" {
			t.Errorf("kind %d has no code", k)
		}
		if other, ok := seen[code]; ok {
			t.Errorf("kinds %d and %d share the code %s", other, k, code)
		}
		seen[code] = k
	}
}
