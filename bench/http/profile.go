package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/galeweb/gale/bench/internal/load"
)

// profile runs the first load on the first peer and writes the functions that
// took the server's CPU time, from a profile of the length given. The profile
// stays in a temporary file, which is named.
func (b *bench) profile(ctx context.Context, out io.Writer, length time.Duration) error {
	_, clean, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	defer clean()
	p, w := b.peers[0], b.works[0]
	if !p.golang() || w.kind != underLoad {
		return errors.New("only a server in Go under load can be profiled")
	}
	s, err := b.start(ctx, p, false)
	if err != nil {
		return err
	}
	defer s.Kill()
	l, err := b.startLoad(ctx)
	if err != nil {
		return err
	}
	defer l.Kill()
	dir, err := os.MkdirTemp("", "gale-profile-")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, p.id+"-"+w.id+".pprof")
	done := make(chan error, 1)
	go func() {
		time.Sleep(b.warmUp)
		_, err := s.Ask(fmt.Sprintf("profile %s %v", file, length))
		done <- err
	}()
	r, err := l.Order(load.Order{Run: &load.Spec{Addr: s.addr, PID: s.PID(), Streams: w.streams, WarmUp: b.warmUp, Measured: length + time.Second}})
	if err = errors.Join(err, <-done); err != nil {
		return err
	}
	f, err := underLoadFigures(r)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %s: %.2f CPU s for 1 M, %.2f of it user; profile: %s\n", p.name, w.id, f.cpu, f.user, file)
	top := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-nodecount=45", b.binary(p), file)
	top.Stdout, top.Stderr = out, os.Stderr
	return top.Run()
}
