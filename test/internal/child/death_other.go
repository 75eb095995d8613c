//go:build !linux

package child

import "syscall"

// dieWithParent needs Linux. Elsewhere the next start finds the ports busy, and says so.
func dieWithParent(*syscall.SysProcAttr) {}
