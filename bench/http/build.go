package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/galeweb/gale/bench/internal/launch"
)

// python is the interpreter that Debian's python3-tornado is installed for.
const python = "/usr/bin/python3"

// build makes the programs of the peers, drops peers that cannot be had on
// this machine, and returns why.
func (b *bench) build(ctx context.Context) (missing []string, err error) {
	made := map[string]error{}
	var have []peer
	for _, p := range b.peers {
		why, done := made[p.program]
		if !done {
			why = b.buildOne(ctx, p)
			made[p.program] = why
		}
		switch {
		case why == nil:
			have = append(have, p)
		case p.golang():
			return nil, why
		default:
			missing = append(missing, fmt.Sprintf("%s: not on this machine: %v", p.name, why))
		}
	}
	b.peers = have
	return missing, nil
}

func (b *bench) buildOne(ctx context.Context, p peer) error {
	switch p.program {
	case programC:
		return launch.Try(ctx, "gcc", "-O2", "-o", b.binary(p), filepath.Join(b.folder, "c", "responder.c"))
	case programTornado:
		return launch.Try(ctx, python, "-c", "import tornado")
	}
	return launch.Build(ctx, filepath.Dir(b.folder), "./http/servers/"+p.program, b.binary(p))
}

// versions returns what was measured, one entry a program.
func (b *bench) versions(ctx context.Context) []string {
	var all []string
	for _, p := range b.peers {
		var v string
		switch {
		case p.program == programC:
			v = "C: " + launch.FirstLine(ctx, "gcc", "--version")
		case p.program == programTornado:
			v = "Tornado " + launch.FirstLine(ctx, python, "-c", "import sys, tornado; print(tornado.version, 'on Python', sys.version.split()[0])")
		case p.module != "":
			v = p.module + " " + launch.ModuleVersion(b.binary(p), p.module)
		}
		if v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}
