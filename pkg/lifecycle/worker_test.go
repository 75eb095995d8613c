package lifecycle_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftsentry/driftsentry/pkg/lifecycle"
)

// TestAttackPanickingWorker: an attacker with an input that makes a background worker panic causes one report and ends one
// round of that worker, not the service. Mutation: without RecoverTo in guarded the whole test process dies; without the
// call of report the panic is not reported.
func TestAttackPanickingWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := &reports{}
		g := lifecycle.New(lifecycle.Config{Timeout: time.Minute}, tel)
		var starts []time.Time
		recovered := make(chan struct{})
		g.Go("feed", func(ctx context.Context) error {
			starts = append(starts, time.Now())
			switch len(starts) {
			case 1, 2, 3:
				panic("caused by an unexpected input")
			case 4:
				close(recovered)
			}
			<-ctx.Done()
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		<-recovered
		if !g.Ready() {
			t.Error("a worker's panic made the service unready")
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the service did not end well: %v", err)
		}
		if len(tel.list) != 3 || !strings.Contains(tel.list[0].Error(), "worker feed: panic: ") {
			t.Errorf("reports: %v", tel.list)
		}
		for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			if got := starts[i+1].Sub(starts[i]); got != want {
				t.Errorf("pause %d was %v, want %v", i, got, want)
			}
		}
	})
}

func TestGroup_Go_reports_what_ends_early(t *testing.T) {
	tel, broken := &reports{}, errors.New("broken")
	g := lifecycle.New(lifecycle.Config{Timeout: time.Minute}, tel)
	g.Go("feed", func(context.Context) error { return broken })
	if err := g.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
	if len(tel.list) != 1 || !errors.Is(tel.list[0], broken) {
		t.Errorf("reports: %v", tel.list)
	}
}
