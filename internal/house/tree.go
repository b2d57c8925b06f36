package house

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Module is the path of the core module; the other modules lie below it.
const Module = "github.com/galeweb/gale"

// Tree is the repository as the rules see it.
type Tree struct {
	FS       fs.FS
	Fset     *token.FileSet
	Packages []*Package
}

// Package is one folder with Go files, tests included.
type Package struct {
	Dir   string // slash-separated, "." for the root
	Files []*File
}

// File is one parsed Go file.
type File struct {
	Path  string
	Lines int
	AST   *ast.File
}

// Test reports whether the file is a test.
func (f *File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// Load parses every Go file below the root of fsys, save folders that the go
// tool would not build either: testdata, and names that begin with . or _.
func Load(fsys fs.FS) (*Tree, error) {
	t := &Tree{FS: fsys, Fset: token.NewFileSet()}
	byDir := map[string]*Package{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipDir(p) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(p) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(t.Fset, p, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("house: %w", err)
		}
		dir := path.Dir(p)
		pkg := byDir[dir]
		if pkg == nil {
			pkg = &Package{Dir: dir}
			byDir[dir] = pkg
		}
		pkg.Files = append(pkg.Files, &File{Path: p, Lines: bytes.Count(src, []byte("\n")), AST: f})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range byDir {
		t.Packages = append(t.Packages, p)
	}
	slices.SortFunc(t.Packages, func(a, b *Package) int { return cmp.Compare(a.Dir, b.Dir) })
	return t, nil
}

func skipDir(p string) bool {
	base := path.Base(p)
	return p != "." && (base == "testdata" || base == "node_modules" || base[0] == '.' || base[0] == '_')
}

// module returns which of the four modules dir lies in, and dir within it.
func module(dir string) (name, rest string) {
	for _, m := range []string{"cmd/gale", "drivers", "bench"} {
		if dir == m {
			return m, "."
		}
		if rest, ok := strings.CutPrefix(dir, m+"/"); ok {
			return m, rest
		}
	}
	return ".", dir
}

// public reports whether dir holds an importable package that users are told
// of: no internal one, no command, and nothing of the reference application.
func (p *Package) public() bool {
	mod, _ := module(p.Dir)
	if mod != "." && mod != "drivers" || p.internal() {
		return false
	}
	return slices.ContainsFunc(p.Files, func(f *File) bool { return !f.Test() && f.AST.Name.Name != "main" })
}

func (p *Package) internal() bool {
	return strings.HasPrefix(p.Dir, "internal/") || strings.Contains(p.Dir, "/internal/")
}

// sources yields the files that are not tests.
func (p *Package) sources() []*File {
	return slices.DeleteFunc(slices.Clone(p.Files), (*File).Test)
}
