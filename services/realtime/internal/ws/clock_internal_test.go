package ws

import (
	"testing"
	"time"
	"unsafe"
)

// stepped is the time as it is read after the wall clock was set forward by that much: the monotonic reading stays.
func stepped(t time.Time, by time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t)) // its seconds stand above 30 bits of nanoseconds
	*wall += uint64(by/time.Second) << 30
	return t
}

func TestMonotonic_steps_of_the_wall_clock(t *testing.T) {
	now := time.Now()
	later := stepped(now, time.Hour)
	if wall := later.Round(0).Sub(now.Round(0)); wall != time.Hour {
		t.Fatalf("the test sets the clock forward by %s", wall)
	}
	if got := monotonic(later) - monotonic(now); got != 0 {
		t.Errorf("a step of an hour counts for %s", time.Duration(got))
	}
}

func TestDeadline(t *testing.T) {
	now := time.Now()
	if got := deadline(now, now.Add(time.Minute).Round(0).UTC()) - monotonic(now); got != int64(time.Minute) {
		t.Errorf("got %s after now, want a minute", time.Duration(got))
	}
}
