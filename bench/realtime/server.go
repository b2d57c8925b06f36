package main

import (
	"context"
	"path/filepath"

	"github.com/galeweb/gale/bench/internal/launch"
)

// server is a peer that runs.
type server struct {
	*launch.Process
	addr, control string
}

// start starts the server of p, or its two nodes, of which the second has the
// clients and the first is told what to publish. stop ends all.
func (b *bench) start(ctx context.Context, p peer, w work) (s server, stop func(), err error) {
	if p.broker == "" {
		s, err := b.startOne(ctx, p, w)
		if err != nil {
			return server{}, nil, err
		}
		return s, s.Kill, nil
	}
	urls := [2]string{p.broker, p.broker}
	if p.broker == embedded {
		addr, err := launch.FreeAddr()
		if err != nil {
			return server{}, nil, err
		}
		urls = [2]string{"nats:embedded?listen=" + addr, "nats://" + addr}
	}
	first, err := b.startOne(ctx, p, w, "-broker", urls[0])
	if err != nil {
		return server{}, nil, err
	}
	s, err = b.startOne(ctx, p, w, "-broker", urls[1])
	if err != nil {
		first.Kill()
		return server{}, nil, err
	}
	s.control = first.control
	return s, func() { s.Kill(); first.Kill() }, nil
}

// startOne starts a process of p on its core, and returns when it listens.
func (b *bench) startOne(ctx context.Context, p peer, w work, args ...string) (server, error) {
	addr, err := launch.FreeAddr()
	if err != nil {
		return server{}, err
	}
	control, err := launch.FreeAddr()
	if err != nil {
		return server{}, err
	}
	c := launch.Command{Binary: b.binary(p), Log: filepath.Join(b.temp, p.id+".log"), Cores: []int{b.cores.Server}, Asked: true}
	if p.golang() {
		c.Env = []string{"GOGC=" + gogc}
	} else {
		c.Args = []string{filepath.Join(b.folder, "tornado", "server.py")}
	}
	c.Args = append(c.Args, "-addr", addr, "-control", control)
	c.Args = append(append(c.Args, p.args...), args...)
	if w.deflate {
		c.Args = append(c.Args, "-deflate")
	}
	process, err := launch.Start(ctx, c)
	if err != nil {
		return server{}, err
	}
	for _, a := range []string{addr, control} {
		if err := process.Listens(ctx, a); err != nil {
			process.Kill()
			return server{}, err
		}
	}
	return server{process, addr, control}, nil
}

// binary returns the program of p in the temporary folder.
func (b *bench) binary(p peer) string {
	if !p.golang() {
		return python
	}
	return filepath.Join(b.temp, "server-"+p.program)
}
