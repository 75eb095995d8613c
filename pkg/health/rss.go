package health

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
)

// residentSize is the process's resident set in bytes. Without /proc, it is the memory that the runtime has
// obtained from the system, which is close.
func residentSize(mem runtime.MemStats) uint64 {
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := bytes.Fields(statm); len(fields) > 1 {
			if pages, err := strconv.ParseUint(string(fields[1]), 10, 64); err == nil {
				return pages * uint64(os.Getpagesize()) //nolint:gosec // A page size is positive.
			}
		}
	}
	return mem.Sys - mem.HeapReleased
}
