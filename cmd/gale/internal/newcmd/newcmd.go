// Package newcmd is the verb new: gale new NAME [--module PATH] [--run].
package newcmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/galeweb/gale/cmd/gale/internal/scaffold"
)

// Command returns the verb; reference is what it copies, version is gale's.
func Command(reference fs.FS, version string) *cobra.Command {
	var (
		module string
		run    bool
		addr   string
	)
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a new project",
		Long: `new makes a project in the folder NAME, which may be a path: accounts, an API,
live pages, a database and tests that pass, ready to be changed. It is a copy of
relay, gale's reference application, under the name that you give.`,
		Example: `  gale new hello --run
  gale new ../shop --module example.com/shop`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return errors.New("new takes one argument, the name of the project, such as: gale new hello --run")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r := runner{stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
			if run {
				var err error
				if r.addr, err = freeAddr(cmd.Context(), addr); err != nil {
					return err
				}
			} else if cmd.Flags().Changed("addr") {
				return errors.New("--addr says where --run listens; give both or neither")
			}
			p, err := project(cmd.Context(), args[0], module, reference, version)
			if err != nil {
				return err
			}
			files, err := p.Write()
			if err != nil {
				return err
			}
			fmt.Fprintf(r.stdout, "Made %s: %d files in %s.\n", p.Name(), files, p.Dir)
			if p.Clone != "" {
				fmt.Fprintf(r.stdout, "It uses gale in %s, by replace in go.mod.\n", p.Clone)
			} else if err := r.download(cmd.Context(), p); err != nil {
				return err
			}
			if run {
				return r.run(cmd.Context(), p)
			}
			fmt.Fprint(r.stdout, "\nNext:\n\n")
			if dir := filepath.Clean(args[0]); dir != "." {
				fmt.Fprintf(r.stdout, "  cd %s\n", dir)
			}
			fmt.Fprintf(r.stdout, "  go run ./cmd/%s\n  go test ./...\n\nREADME.md says what is where.\n", p.Name())
			return nil
		},
	}
	cmd.Flags().StringVar(&module, "module", "", "path of the Go module, such as example.com/shop (default NAME)")
	cmd.Flags().BoolVar(&run, "run", false, "build and run it, and say when it answers")
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8080", "with --run, the host:port to listen on; port 0 for a free one")
	return cmd
}

// project gathers what is needed to make the project in the folder dir.
func project(ctx context.Context, dir, module string, reference fs.FS, version string) (scaffold.Project, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return scaffold.Project{}, err
	}
	root, err := findGo(ctx)
	return scaffold.Project{
		Dir: dir, Module: module, Reference: reference, GoRoot: root, Version: version, Clone: clone(),
	}, err
}

// download gets gale itself, whose checksums go.sum does not have yet.
func (r runner) download(ctx context.Context, p scaffold.Project) error {
	get := exec.CommandContext(ctx, "go", "get", "github.com/galeweb/gale@"+p.Version, "github.com/galeweb/gale/drivers@"+p.Version)
	get.Dir, get.Stdout, get.Stderr = p.Dir, r.stderr, r.stderr
	if err := get.Run(); err != nil {
		return fmt.Errorf("%s was made, but gale %s could not be downloaded (%w); run `go mod tidy` in it once that is possible", p.Name(), p.Version, err)
	}
	return nil
}
