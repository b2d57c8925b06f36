package engine_test

import "golang.org/x/sys/unix"

// limitFiles sets how many files this process may open; 0 leaves that alone.
func limitFiles(n uint64) error {
	if n == 0 {
		return nil
	}
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n})
}
