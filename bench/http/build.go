package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

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
		return command(ctx, "gcc", "-O2", "-o", b.binary(p), filepath.Join(b.folder, "c", "responder.c"))
	case programTornado:
		return command(ctx, python, "-c", "import tornado")
	}
	return launch.Build(ctx, filepath.Dir(b.folder), "./http/servers/"+p.program, b.binary(p))
}

func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", " "))
	}
	return nil
}

// versions returns what was measured, one entry a program.
func (b *bench) versions(ctx context.Context) []string {
	var all []string
	for _, p := range b.peers {
		var v string
		switch {
		case p.program == programC:
			v = "C: " + firstLine(ctx, "gcc", "--version")
		case p.program == programTornado:
			v = "Tornado " + firstLine(ctx, python, "-c", "import sys, tornado; print(tornado.version, 'on Python', sys.version.split()[0])")
		case p.module != "":
			v = p.module + " " + moduleVersion(b.binary(p), p.module)
		}
		if v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

func firstLine(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// moduleVersion reads the version of a module from a binary that has it.
func moduleVersion(binary, module string) string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return "unknown"
}

// cpuModel returns the name of the processor from the text of /proc/cpuinfo.
func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// read returns a file's text, or nothing.
func read(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
