package pg

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

// TestTranslateIn_whose_context_ended: a context that ended is the caller's, who went away, or the driver's own, for
// whom the connection broke. The second is no fault of the caller's, and counts against the objective.
//
// Mutation: Translate in its place, and both are the caller's.
func TestTranslateIn_whose_context_ended(t *testing.T) {
	canceled := fmt.Errorf("read the response: %w", context.Canceled)
	for name, c := range map[string]struct {
		end  bool
		err  error
		want apierror.Kind
	}{
		"the driver's": {err: canceled, want: apierror.Unavailable},
		"the caller's": {end: true, err: canceled, want: apierror.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.end {
				cancel()
			}
			err := translateIn(ctx, c.err)
			if got := apierror.From(err).Kind; got != c.want || !errors.Is(err, context.Canceled) {
				t.Errorf("%v is of the kind %s, want %s", err, got.Code(), c.want.Code())
			}
		})
	}
	if err := translateIn(t.Context(), nil); err != nil {
		t.Errorf("nothing became %v", err)
	}
}
