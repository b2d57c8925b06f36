package newcmd

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
)

// clone returns the working tree of gale that this command was built from, or
// that it is run in, or "".
func clone() string {
	_, file, _, _ := runtime.Caller(0) // not a path in the file system with -trimpath
	here, err := os.Getwd()
	if err != nil {
		here = ""
	}
	for _, start := range []string{file, here} {
		for dir := start; filepath.IsAbs(dir) && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if isClone(dir) {
				return dir
			}
		}
	}
	return ""
}

// isClone reports whether dir holds both modules that a project needs.
func isClone(dir string) bool {
	core, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !bytes.HasPrefix(core, []byte("module github.com/galeweb/gale\n")) {
		return false
	}
	_, err = os.Stat(filepath.Join(dir, "drivers", "go.mod"))
	return err == nil
}
