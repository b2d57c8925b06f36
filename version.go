package gale

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
)

// buildInfo returns the program's name and version as the build recorded them.
func buildInfo() (name, version string) {
	name, version = filepath.Base(os.Args[0]), "devel"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return name, version
	}
	if info.Path != "" && info.Path != "command-line-arguments" {
		name = path.Base(info.Path)
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return name, v
	}
	var revision, dirty string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+dirty"
			}
		}
	}
	if revision != "" {
		revision += dirty
	}
	return name, cmp.Or(revision, version)
}
