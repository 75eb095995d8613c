package apierror_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

func TestFrom(t *testing.T) {
	cause := errors.New("connection to 10.0.0.1 refused")
	for name, c := range map[string]struct {
		err  error
		kind apierror.Kind
	}{
		"unknown is internal":        {cause, apierror.Internal},
		"wrapped keeps its kind":     {fmt.Errorf("approve: %w", apierror.New(apierror.Conflict, "decided")), apierror.Conflict},
		"canceled context":           {fmt.Errorf("query: %w", context.Canceled), apierror.Canceled},
		"deadline":                   {fmt.Errorf("query: %w", context.DeadlineExceeded), apierror.Timeout},
		"a meaning beats a deadline": {apierror.Wrap(apierror.Unavailable, context.DeadlineExceeded, "no connection"), apierror.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			if got := apierror.From(c.err).Kind; got != c.kind {
				t.Errorf("kind = %v, want %v", got, c.kind)
			}
		})
	}
	t.Run("nil stays nil", func(t *testing.T) {
		if apierror.From(nil) != nil {
			t.Error("From(nil) is not nil")
		}
	})
	t.Run("the message of an unknown error says nothing of its cause", func(t *testing.T) {
		if got := apierror.From(cause).Message; got != "an unexpected error occurred" {
			t.Errorf("message = %q", got)
		}
	})
}

func TestKind_Code(t *testing.T) {
	seen := map[string]apierror.Kind{}
	for k := apierror.Internal; k <= apierror.Canceled; k++ {
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
