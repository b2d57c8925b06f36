//go:build linux

package loop

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pollNow returns the events that are there now, without waiting.
func pollNow(epfd int, events []unix.EpollEvent) (int, syscall.Errno) {
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd),
			uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
		if e != syscall.EINTR {
			return result(n, e)
		}
	}
}

func result(n uintptr, e syscall.Errno) (int, syscall.Errno) {
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}
