package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// besideArg has this program take a core beside itself, tell by which process, and
// wait until its standard input ends.
const besideArg = "beside"

func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], []string{spinArg}) {
		spin(os.Stdin)
		return
	}
	if len(os.Args) == 3 && os.Args[1] == besideArg {
		b := bench{temp: os.Args[2]}
		if err := b.beside(context.Background(), tell); err != nil {
			fmt.Println(err)
		}
		return
	}
	m.Run()
}

func tell() error {
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return err
	}
	for _, name := range tasks {
		children, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if len(children) > 0 {
			fmt.Println(string(children))
		}
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// TestKilledBenchLeavesNothing: a benchmark that is killed does not leave a process
// that takes a core for ever.
func TestKilledBenchLeavesNothing(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bench := exec.CommandContext(t.Context(), self, besideArg, t.TempDir())
	in, err := bench.StdinPipe() // which keeps it waiting
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := bench.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := bench.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	spinner, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(spinner)
	if err := bench.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = bench.Wait()
	const most = 20_000 // ms, of a machine that is busy
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(spinner), Events: unix.POLLIN}}, most); n != 1 || err != nil {
		t.Errorf("it goes on: %d, %v", n, err)
		_ = unix.PidfdSendSignal(spinner, unix.SIGKILL, nil, 0)
	}
}
