package scaffold

import (
	"fmt"
	"slices"

	"golang.org/x/mod/modfile"
)

const galeModule = "github.com/galeweb/gale"

// cliOnly are the modules that the command requires and the reference does not.
// A test compares the list with what a new project needs.
func cliOnly() []string {
	return []string{
		"github.com/spf13/cobra",
		"github.com/spf13/pflag",
		"github.com/inconshreveable/mousetrap",
		"golang.org/x/mod",
	}
}

// goMod turns the command's go.mod into that of a project. With a clone, gale
// comes from there, else in the version given.
func goMod(cli []byte, module, version, clone string) ([]byte, error) {
	f, err := modfile.Parse("go.mod", cli, nil)
	if err != nil {
		return nil, fmt.Errorf("reading gale's own go.mod: %w", err)
	}
	if err := f.AddModuleStmt(module); err != nil {
		return nil, err
	}
	for _, r := range slices.Clone(f.Require) {
		if slices.Contains(cliOnly(), r.Mod.Path) {
			if err := f.DropRequire(r.Mod.Path); err != nil {
				return nil, err
			}
		}
	}
	if clone != "" {
		version = "v0.0.0"
	}
	for mod, dir := range map[string]string{galeModule: clone, galeModule + "/drivers": clone + "/drivers"} {
		if err := f.AddRequire(mod, version); err != nil {
			return nil, err
		}
		if clone != "" {
			if err := f.AddReplace(mod, "", dir, ""); err != nil {
				return nil, err
			}
		}
	}
	f.SortBlocks()
	f.Cleanup()
	return f.Format()
}
