package ws

import "golang.org/x/sys/unix"

// queued asks how much of what was written is still in the kernel: not sent, or not acknowledged.
func queued(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}
