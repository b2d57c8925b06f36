package main

import (
	"context"
	"net"
	"path/filepath"

	"github.com/galeweb/gale/bench/internal/launch"
	"github.com/galeweb/gale/bench/internal/load"
)

// server is a peer that runs.
type server struct {
	*launch.Process
	peer peer
	addr string
}

// start starts p on its core, and returns when it listens.
func (b *bench) start(ctx context.Context, p peer, tls bool) (server, error) {
	addr, err := launch.FreeAddr()
	if err != nil {
		return server{}, err
	}
	c := launch.Command{Binary: b.binary(p), Log: filepath.Join(b.temp, p.id+".log"), Cores: []int{b.cores.Server}, Asked: p.asked()}
	switch p.program {
	case programC:
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return server{}, err
		}
		c.Args = []string{port}
	case programTornado:
		c.Args = []string{filepath.Join(b.folder, "tornado", "server.py"), "-addr", addr}
	default:
		c.Args = append([]string{"-addr", addr}, p.args...)
		if !p.ownGC {
			c.Env = []string{"GOGC=" + gogc}
		}
	}
	if tls {
		c.Args = append(c.Args, "-cert", b.cert, "-key", b.key)
	}
	process, err := launch.Start(ctx, c)
	if err != nil {
		return server{}, err
	}
	if err := process.Listens(ctx, addr); err != nil {
		process.Kill()
		return server{}, err
	}
	return server{process, p, addr}, nil
}

func (b *bench) startLoad(ctx context.Context) (load.Loader, error) {
	return load.Start(ctx, b.cores.Load, filepath.Join(b.temp, "load.log"))
}

// binary returns the program of p in the temporary folder.
func (b *bench) binary(p peer) string {
	if p.program == programTornado {
		return python
	}
	return filepath.Join(b.temp, "server-"+p.program)
}

// collect has the server give back the memory that it does not need.
func (s server) collect() error {
	if !s.peer.asked() {
		return nil
	}
	_, err := s.Ask("gc")
	return err
}
