// Command gale makes new projects.
//
//	gale new hello --run
package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/galeweb/gale/cmd/gale/internal/newcmd"
	"github.com/galeweb/gale/cmd/gale/internal/secretcmd"
)

// source holds what gale new copies: relay.
//
//go:embed all:reference
var source embed.FS

func main() {
	if err := root().ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "gale:", err)
		os.Exit(1)
	}
}

func root() *cobra.Command {
	reference, err := fs.Sub(source, "reference")
	if err != nil {
		panic("gale: " + err.Error()) // the folder is embedded
	}
	cmd := &cobra.Command{
		Use:   "gale",
		Short: "Make Go backends that keep many people connected",
		Long: `gale makes Go backends that keep many people connected.

Begin with:  gale new hello --run`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("there is no command %q; gale --help lists them", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	line := fmt.Sprintf("gale %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	cmd.SetVersionTemplate(line)
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s --help lists the flags", err, cmd.CommandPath())
	})
	cmd.AddCommand(newcmd.Command(reference, version()), secretcmd.Command(), &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), line) },
	})
	return cmd
}

// version is that of the release, or "(devel)" when built from a working tree.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
