package doctor

import "syscall"

// clock asks the kernel whether NTP keeps its clock.
func clock(r *Report) {
	const unsynchronized = 5 // TIME_ERROR of adjtimex(2)
	var t syscall.Timex
	switch state, err := syscall.Adjtimex(&t); {
	case err != nil:
		r.skip("clock", "the kernel does not say whether it is synchronized")
	case state == unsynchronized:
		r.warn("clock", "is not synchronized", "start an NTP client, such as systemd-timesyncd or chrony: tokens and certificates need the time")
	default:
		r.ok("clock", "is synchronized")
	}
}
