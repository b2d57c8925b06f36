package main

import (
	"context"
	"path/filepath"

	"github.com/galeweb/gale/bench/internal/launch"
)

// yardstick is the bare handler in the folder of that name.
func yardstick(binary string) contestant {
	return contestant{"yardstick", func(ctx context.Context, dir string) (server, error) {
		addr, err := launch.FreeAddr()
		if err != nil {
			return server{}, err
		}
		s := server{addr: addr, key: "yardstick_key", database: filepath.Join(dir, "packets.db")}
		s.process, err = launch.Start(ctx, launch.Command{
			Dir: dir, Binary: binary, Log: filepath.Join(dir, "log"),
			Args: []string{"-addr", addr, "-key", s.key, "-db", s.database},
		})
		if err != nil {
			return server{}, err
		}
		return s, s.process.Answer(ctx, "http://"+addr+"/")
	}}
}
