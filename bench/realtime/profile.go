package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// profile does the first work with the first peer and writes which functions took
// the server's CPU time meanwhile. The profile stays in a temporary folder, which
// is named.
func (b *bench) profile(ctx context.Context, out io.Writer) error {
	_, clean, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	defer clean()
	p, w := b.peers[0], b.works[0]
	if !p.golang() || !p.does(w) || w.kind == idle {
		return fmt.Errorf("%s cannot be profiled in %s", p.id, w.id)
	}
	w.steps = w.steps[:1]
	dir, err := os.MkdirTemp("", "gale-profile-")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, p.id+"-"+w.id+".pprof")
	profiled, length := make(chan error, 1), b.measured
	b.opened = func(s server) {
		go func() {
			time.Sleep(b.warmUp)
			_, err := s.Ask(fmt.Sprintf("profile %s %v", file, length))
			profiled <- err
		}()
	}
	b.measured += time.Second // so that the load outlasts the profile
	err = b.measure(ctx, w, p, func(st step, f figures) {
		if err := <-profiled; err != nil {
			log.Print(err)
		}
		fmt.Fprintf(out, "%s, %s: %.2f µs; profile: %s\n", p.name, st.id, f.cpu, file)
	})
	if err != nil {
		return err
	}
	top := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-nodecount=45", b.binary(p), file)
	top.Stdout, top.Stderr = out, os.Stderr
	return top.Run()
}
