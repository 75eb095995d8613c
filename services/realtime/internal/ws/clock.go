package ws

import "time"

// epoch is when the program began.
var epoch = time.Now()

// monotonic is a time as nanoseconds after the epoch. Both have readings of the monotonic clock, so a step of the wall
// clock neither ends connections nor keeps them from heartbeats.
func monotonic(t time.Time) int64 { return int64(t.Sub(epoch)) }

// deadline is the monotonic time of a time of the wall clock, such as a token's expiry: it is as far from now as it says.
func deadline(now, at time.Time) int64 { return monotonic(now.Add(at.Sub(now))) }
