package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Command is a program to start.
type Command struct {
	Dir    string
	Binary string
	Args   []string
	Env    []string // added to the environment
	Log    string   // file that gets what it writes
	Cores  []int    // the processor cores that it may use; none: all
	Asked  bool     // whether its standard input and output are pipes, for Ask and to end with this process
}

// Process is a program that runs.
type Process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when the process has ended
	pipes *pipes        // nil unless the command is Asked
}

// Start starts c; it is killed when ctx ends, if not before by Kill or Stop.
func Start(ctx context.Context, c Command) (*Process, error) {
	log, err := os.Create(c.Log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own descriptor
	cmd := exec.CommandContext(ctx, c.Binary, c.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, log, log
	cmd.Env = append(os.Environ(), c.Env...)
	// A group of its own: an interrupt of the benchmark is not one of the
	// server's, and Stop reaches the children too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := &Process{cmd: cmd, log: c.Log, ended: make(chan struct{})}
	if c.Asked {
		if p.pipes, err = newPipes(cmd); err != nil {
			return nil, err
		}
	}
	err = startOn(cmd, c.Cores)
	p.pipes.started(err)
	if err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // that it ended is what matters; its log says why
		p.pipes.close()
		close(p.ended)
	}()
	return p, nil
}

// Answer waits until url answers with 200 and has been read to its end.
func (p *Process) Answer(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	// A new connection each time, since the first ones are refused.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	// The wait between attempts is part of what is measured, so it is short.
	const pause = 500 * time.Microsecond
	for {
		status, err := get(ctx, client, url)
		if err == nil && status == http.StatusOK {
			return nil
		}
		if err == nil {
			return fmt.Errorf("launch: %s answers %d\n%s", url, status, p.Tail())
		}
		select {
		case <-p.ended:
			return fmt.Errorf("launch: %s ended before it answered:\n%s", p.cmd.Path, p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("launch: no answer at %s: %w\n%s", url, err, p.Tail())
		case <-time.After(pause):
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// PID returns the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop asks the process and its children to end and waits; it kills them after
// ten seconds.
func (p *Process) Stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		p.Kill()
	}
}

// Kill ends the process and its children at once and waits for that.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// Tail returns the last lines that the process wrote.
func (p *Process) Tail() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-2000):])
}

// CPU returns the processor time that the process has used, to 10 ms.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(string(text))
}

// parseCPU adds utime and stime of proc_pid_stat(5), fields 14 and 15, which
// count hundredths of a second. The name before them may contain anything.
func parseCPU(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("launch: /proc/PID/stat is too short")
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(errUser, errSystem)
}

// FreeAddr returns a loopback address on which nobody listens.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
