// Package newcmd is the verb new: gale new NAME [--module PATH] [--run].
package newcmd

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/galeweb/gale/cmd/gale/internal/scaffold"
)

// Command returns the verb; source holds what is copied, version is gale's.
func Command(source fs.FS, version string) *cobra.Command {
	var (
		module string
		run    bool
		addr   string
	)
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "make a new project in the folder NAME, a copy of relay under that name",
		Example: `  gale new hello --run
  gale new ../shop --module example.com/shop`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("new takes the name of the project, such as: gale new hello --run")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := exec.LookPath("go"); err != nil {
				return fmt.Errorf("the go command is not on the PATH; install Go 1.26 or newer from https://go.dev/dl and try again")
			}
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			p := scaffold.Project{Dir: dir, Module: module, Source: source, Version: version, Clone: clone()}
			if err := p.Write(); err != nil {
				return err
			}
			if run {
				return runProject(cmd.Context(), p, addr, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Made %s. Next:\n\n  cd %s\n  go run ./cmd/%s\n  go test ./...\n", p.Name(), args[0], p.Name())
			return nil
		},
	}
	cmd.Flags().StringVar(&module, "module", "", "module path of the project (default NAME)")
	cmd.Flags().BoolVar(&run, "run", false, "build and run it, and say when it answers")
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8080", "with --run: where it listens")
	return cmd
}

// clone returns the working tree of gale that this command was built from, or
// that it is run in, or "".
func clone() string {
	_, file, _, _ := runtime.Caller(0)
	here, _ := os.Getwd()
	for _, start := range []string{filepath.Dir(file), here} {
		for dir := start; filepath.IsAbs(dir); dir = filepath.Dir(dir) {
			if isClone(dir) {
				return dir
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return ""
}

func isClone(dir string) bool {
	for _, name := range []string{"go.mod", "drivers/go.mod", "cmd/gale/reference"} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return false
		}
	}
	return true
}
