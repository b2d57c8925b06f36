//go:build unix

package connlimit

import "syscall"

// openFiles returns how many files the process may have open. The Go runtime
// raises the soft limit to the hard one at start.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // POSIX systems give at least a few hundred
	}
	return int(min(uint64(limit.Cur), 1<<20))
}
