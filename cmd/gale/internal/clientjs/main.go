// Command clientjs builds what gale serves to browsers: from the TypeScript in
// hub/browser and auth/passkey/browser the scripts in their dist, which the
// packages embed.
//
//	make generate
//
// Its test fails when what is committed differs from what it builds.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "folder of the repository")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "clientjs:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	for _, c := range clients() {
		dist := filepath.Join(root, c.source, "dist")
		if err := os.MkdirAll(dist, 0o755); err != nil {
			return err
		}
		for _, s := range c.scripts {
			text, err := c.build(root, s)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dist, s.name), text, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
