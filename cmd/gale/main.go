// Command gale makes new projects.
//
//	gale new hello --run
package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/galeweb/gale/cmd/gale/internal/newcmd"
)

// source is what gale new copies: relay, and the versions it was tested with.
//
//go:embed all:reference go.mod go.sum
var source embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "gale",
		Short:         "gale makes and runs Go backends that keep many people connected",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newcmd.Command(source, version()))
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "gale:", err)
		os.Exit(1)
	}
}

// version is that of the release, or "(devel)" when built from a working tree.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
