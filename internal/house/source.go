package house

import (
	"bufio"
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"strings"
)

// Inits finds init functions: what they do cannot be seen, ordered or tested
// by whoever imports the package.
func Inits(t *Tree) []string {
	var bad []string
	for _, p := range t.Packages {
		for _, f := range p.Files {
			for _, d := range f.AST.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					bad = append(bad, fmt.Sprintf("%s: func init; do it where the caller can see it", t.Fset.Position(fn.Pos())))
				}
			}
		}
	}
	return bad
}

// NoRace finds directives that hide code from the race detector.
func NoRace(t *Tree) []string {
	var bad []string
	for _, p := range t.Packages {
		for _, f := range p.Files {
			for _, group := range f.AST.Comments {
				for _, c := range group.List {
					if strings.HasPrefix(c.Text, "//go:norace") {
						bad = append(bad, fmt.Sprintf("%s: //go:norace; the race detector must see everything", t.Fset.Position(c.Pos())))
					}
				}
			}
		}
	}
	return bad
}

// Unsafe finds imports of unsafe outside internal/loop.
func Unsafe(t *Tree) []string {
	var bad []string
	for _, p := range t.Packages {
		for _, f := range p.Files {
			for _, spec := range f.AST.Imports {
				if spec.Path.Value == `"unsafe"` && p.Dir != "internal/loop" {
					bad = append(bad, f.Path+": imports unsafe; only internal/loop may")
				}
			}
		}
	}
	return bad
}

// Templates finds imports of text/template and html/template outside view. They
// look methods up by name, which makes the linker keep every exported method of
// every package, so that one import below gale.Run adds 2 MB to a hello world
// (docs/adr/0008-hello-size.md).
func Templates(t *Tree) []string {
	var bad []string
	for _, p := range t.Packages {
		if mod, _ := module(p.Dir); mod != "." || p.Dir == "view" {
			continue
		}
		for _, f := range p.sources() {
			for _, spec := range f.AST.Imports {
				if strings.HasSuffix(spec.Path.Value, `/template"`) {
					bad = append(bad, f.Path+": imports "+spec.Path.Value+"; only view may")
				}
			}
		}
	}
	return bad
}

// Grabbags finds packages named for what they are made of instead of what they
// are for.
func Grabbags(t *Tree) []string {
	var bad []string
	for _, p := range t.Packages {
		switch path.Base(p.Dir) {
		case "util", "utils", "common", "helpers", "misc", "core", "pkg", "types", "shared", "lib":
			bad = append(bad, p.Dir+": the name does not say what the package is for")
		}
	}
	return bad
}

// places are strings that tie a text to one machine or one workplace. They are
// spelt in halves so that this file does not find itself.
var places = []string{"/ro" + "ot/", "/wo" + "rk/", "proxy.go" + "lang.org", "registry.npm" + "js.org", "deb.deb" + "ian.org"}

// Places finds files that name a machine's path or a registry's host.
func Places(t *Tree) []string {
	var bad []string
	err := fs.WalkDir(t.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := path.Base(p); base == ".git" || base == "node_modules" || base == "bin" {
				return fs.SkipDir
			}
			return nil
		}
		switch path.Ext(p) {
		case ".go", ".md", ".yml", ".yaml", ".sh", ".html", ".js", ".ts", ".css", ".sql", ".mod", ".sum", ".json", "":
		default:
			return nil
		}
		f, err := t.FS.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 4<<20)
		for n := 1; lines.Scan(); n++ {
			for _, place := range places {
				if strings.Contains(lines.Text(), place) {
					bad = append(bad, fmt.Sprintf("%s:%d: names %s", p, n, place))
				}
			}
		}
		return lines.Err()
	})
	if err != nil {
		bad = append(bad, err.Error())
	}
	return bad
}
