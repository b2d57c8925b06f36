// Command hubclient builds the browser's client of the hub: from the TypeScript
// in hub/browser the two scripts in hub/browser/dist, which package hub embeds.
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
	source := flag.String("source", "hub/browser", "folder of the TypeScript; the scripts go into its dist")
	flag.Parse()
	if err := run(*source); err != nil {
		fmt.Fprintln(os.Stderr, "hubclient:", err)
		os.Exit(1)
	}
}

func run(source string) error {
	dist := filepath.Join(source, "dist")
	if err := os.MkdirAll(dist, 0o755); err != nil {
		return err
	}
	for _, s := range scripts() {
		text, err := s.build(source)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dist, s.name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
