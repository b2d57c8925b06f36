//go:build linux && race

package loop

import (
	"errors"
	"syscall"
)

// With the race detector a write to a socket happens before the read of it, as
// programs and their tests may count on. Package syscall tells the detector.

func read(fd int, p []byte) (int, syscall.Errno) { return retry(syscall.Read, fd, p) }

func write(fd int, p []byte) (int, syscall.Errno) { return retry(syscall.Write, fd, p) }

func retry(call func(int, []byte) (int, error), fd int, p []byte) (int, syscall.Errno) {
	for {
		n, err := call(fd, p)
		errno, _ := errors.AsType[syscall.Errno](err)
		if errno != syscall.EINTR {
			return max(n, 0), errno
		}
	}
}
