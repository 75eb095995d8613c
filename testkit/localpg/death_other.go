//go:build !linux

package localpg

import "syscall"

// dieWithParent needs Linux. Elsewhere a server that we leave behind is stopped by the next start.
func dieWithParent(*syscall.SysProcAttr) {}
