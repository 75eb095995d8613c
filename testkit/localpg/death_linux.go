package localpg

import "syscall"

// dieWithParent has the kernel stop the server when we are killed.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = fastShutdown }
