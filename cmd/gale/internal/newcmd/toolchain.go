package newcmd

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"strings"

	"github.com/galeweb/gale/cmd/gale/internal/scaffold"
)

// findGo returns the GOROOT of the go command, after making sure that there
// is one that builds projects.
func findGo(ctx context.Context) (root string, err error) {
	oldest, err := scaffold.GoVersion()
	if err != nil {
		return "", err
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "", fmt.Errorf("the go command is not on the PATH; install Go %s or newer from https://go.dev/dl and try again", oldest)
	}
	env := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOVERSION", "GOTOOLCHAIN")
	env.Dir = os.TempDir() // a go.mod or go.work here may ask for another toolchain
	out, err := env.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("the go command does not work: %w", err)
	}
	lines := strings.Split(string(out), "\n") // always three and an empty one
	return lines[0], checkGo(lines[1], lines[2], "go"+oldest)
}

// checkGo makes sure that a go command of the version found can build for the
// version oldest, itself or by the toolchain that it downloads.
func checkGo(found, toolchain, oldest string) error {
	found, _, _ = strings.Cut(found, " ") // "go1.26.0 X:experiment"
	// A development version such as "devel" is newer than any release.
	if !version.IsValid(found) || version.Compare(found, oldest) >= 0 {
		return nil
	}
	if version.Compare(found, "go1.21") >= 0 && toolchain != "local" {
		return nil
	}
	return fmt.Errorf("the go command is %s and projects need %s; install it from https://go.dev/dl and try again", found, oldest)
}
