// Package question is what a benchmark asks the servers that it measures, on
// their standard input.
package question

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"
)

// Answer answers until in ends. It is no endpoint, so that no router carries it,
// and it is asked while no load runs, save for a profile. Each line is answered
// by a line: "ok" and what was asked for, or "error" and why not.
//
//	gc                       collects garbage and gives the memory back
//	allocs                   objects and bytes allocated so far
//	profile FILE DURATION    writes a CPU profile
func Answer(in io.Reader, out io.Writer) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		reply, err := reply(strings.Fields(lines.Text()))
		if err != nil {
			fmt.Fprintln(out, "error", strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Fprintln(out, strings.TrimSpace("ok "+reply))
	}
}

func reply(words []string) (string, error) {
	switch {
	case len(words) == 1 && words[0] == "gc":
		debug.FreeOSMemory()
		debug.FreeOSMemory() // what pools and finalizers held through the first
		return "", nil
	case len(words) == 1 && words[0] == "allocs":
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return fmt.Sprint(m.Mallocs, " ", m.TotalAlloc), nil
	case len(words) == 3 && words[0] == "profile":
		d, err := time.ParseDuration(words[2])
		if err != nil {
			return "", err
		}
		return "", profile(words[1], d)
	}
	return "", fmt.Errorf("unknown question %q", words)
}

func profile(file string, d time.Duration) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	time.Sleep(d)
	pprof.StopCPUProfile()
	return nil
}
