package load

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clocks are CPU times at one moment.
type clocks struct{ server, user, own time.Duration }

// readClocks reads the CPU time of the process pid, to the nanosecond, and its
// user time, which the kernel only estimates.
func readClocks(pid int) (clocks, error) {
	var server, own unix.Timespec
	// The clock of another process, as clock_getcpuclockid(3) makes its number.
	const sched = 2
	if err := unix.ClockGettime(int32(^pid<<3|sched), &server); err != nil {
		return clocks{}, fmt.Errorf("load: CPU clock of process %d: %w", pid, err)
	}
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &own); err != nil {
		return clocks{}, fmt.Errorf("load: own CPU clock: %w", err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return clocks{}, err
	}
	user, err := parseUser(string(stat))
	return clocks{time.Duration(server.Nano()), user, time.Duration(own.Nano())}, err
}

// parseUser returns utime of proc_pid_stat(5), field 14, in hundredths of a
// second. The name before it may contain anything.
func parseUser(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 12 {
		return 0, errors.New("load: /proc/PID/stat is too short")
	}
	n, err := strconv.ParseInt(fields[11], 10, 64)
	return time.Duration(n) * 10 * time.Millisecond, err
}
