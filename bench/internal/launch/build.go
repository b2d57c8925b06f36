package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Repository returns the folder of the working tree that the benchmark is run
// in, below bench/.
func Repository(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOMOD")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("launch: go env GOMOD: %w", err)
	}
	bench := filepath.Dir(strings.TrimSpace(string(out)))
	if filepath.Base(bench) != "bench" {
		return "", errors.New("launch: run this in the folder bench of gale's working tree")
	}
	return filepath.Dir(bench), nil
}

// Commit returns the revision of the working tree, with "+" when files differ.
func Commit(ctx context.Context, repository string) string {
	git := func(args ...string) string {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", repository}, args...)...).Output()
		if err != nil {
			return "unknown"
		}
		return strings.TrimSpace(string(out))
	}
	commit := git("rev-parse", "--short", "HEAD")
	if git("status", "--porcelain") != "" {
		commit += "+"
	}
	return commit
}

// Build builds the main package pkg, a path relative to the folder dir, into
// the file binary, as released programs are: static and stripped.
// When dir has a go.work, that is used, otherwise its go.mod alone.
func Build(ctx context.Context, dir, pkg, binary string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", binary, pkg)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	work := "off"
	if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
		work = ""
	}
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK="+work)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("launch: go build %s in %s: %w", pkg, dir, err)
	}
	return nil
}
