package ws

import "golang.org/x/sys/unix"

// progress asks the kernel how much the client has acknowledged in total, and how much is still on the way.
func progress(fd int) (acknowledged uint64, waiting int) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, 0
	}
	waiting, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0, 0
	}
	return info.Bytes_acked, waiting
}
