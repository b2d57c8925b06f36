package machine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Clocks are CPU times at one moment.
type Clocks struct {
	Server  time.Duration // of another process, to the nanosecond
	User    time.Duration // its user time alone, which the kernel estimates in steps of 10 ms
	Own     time.Duration // of this process
	Machine time.Duration // of all processes, to 10 ms for each core
}

// ReadClocks reads the clocks; the process pid is the Server.
func ReadClocks(pid int) (Clocks, error) {
	var server, own unix.Timespec
	// The clock of another process, as clock_getcpuclockid(3) makes its number.
	const sched = 2
	if err := unix.ClockGettime(int32(^pid<<3|sched), &server); err != nil {
		return Clocks{}, fmt.Errorf("machine: CPU clock of process %d: %w", pid, err)
	}
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &own); err != nil {
		return Clocks{}, fmt.Errorf("machine: own CPU clock: %w", err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Clocks{}, err
	}
	all, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Clocks{}, err
	}
	user, errUser := parseUser(string(stat))
	machine, errMachine := parseBusy(string(all))
	return Clocks{time.Duration(server.Nano()), user, time.Duration(own.Nano()), machine}, errors.Join(errUser, errMachine)
}

// parseBusy returns the time that the cores were not idle, from the first line
// of proc_stat(5): user, nice, system, idle, iowait, irq, softirq and steal, in
// hundredths of a second.
func parseBusy(stat string) (time.Duration, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, errors.New("machine: /proc/stat has no line for all cores")
	}
	var busy int64
	for i, f := range fields[1:9] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("machine: /proc/stat: %w", err)
		}
		if i != 3 && i != 4 {
			busy += n
		}
	}
	return time.Duration(busy) * 10 * time.Millisecond, nil
}

// parseUser returns utime of proc_pid_stat(5), field 14, in hundredths of a
// second. The name before it may contain anything.
func parseUser(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 12 {
		return 0, errors.New("machine: /proc/PID/stat is too short")
	}
	n, err := strconv.ParseInt(fields[11], 10, 64)
	return time.Duration(n) * 10 * time.Millisecond, err
}
