// Package soak lets the two services work for minutes, and looks whether anything grows that should not: memory, goroutines,
// connections, file descriptors. It also holds ten thousand sockets open on one realtime, and reports the cost of each.
//
// Its tests have the build tag soak: make soak; for a minute: make soak ARGS='-run TestSoak -args -for 1m'.
package soak
