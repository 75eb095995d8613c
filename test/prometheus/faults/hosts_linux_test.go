//go:build faults

package faults

import (
	"os/exec"
	"syscall"
	"testing"
)

// newHostsFile gives nil where a process may not have a mount namespace of its own.
func newHostsFile(t *testing.T) *hostsFile {
	t.Helper()
	h := hostsIn(t)
	try := exec.CommandContext(t.Context(), "true")
	h.bind(try)
	if out, err := try.CombinedOutput(); err != nil {
		t.Logf("NOT RUN: DNS failing: a mount namespace for /etc/hosts can't be had (%v: %s); run as root", err, out)
		return nil
	}
	return h
}

// bind makes the program see the file as /etc/hosts.
func (h *hostsFile) bind(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Unshareflags |= syscall.CLONE_NEWNS
	cmd.Args = append([]string{"sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, h.path, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
}
