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

// start starts p on its core, and returns when it listens.
func (b *bench) start(ctx context.Context, p peer, w work) (server, error) {
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
	c.Args = append(c.Args, p.args...)
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
