//go:build !linux

package child

import "syscall"

// dieWithParent needs Linux. On other systems the next start reports that the ports are in use.
func dieWithParent(*syscall.SysProcAttr) {}
