package launch

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Try runs a command that is to succeed; the error holds what it wrote.
func Try(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", " "))
	}
	return nil
}

// FirstLine returns the first line that a command writes, or why there is none.
func FirstLine(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// ModuleVersion reads the version of a module from a binary that has it.
func ModuleVersion(binary, module string) string {
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

// ClearEnv unsets what would set some servers and not others: the shell's
// settings of the Go runtime and of gale.
func ClearEnv() error {
	for _, name := range []string{"GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG", "GALE_ENGINE"} {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	return nil
}
