package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// fromLine names where the code of a guide comes from.
var fromLine = regexp.MustCompile(`^// from: (\S+_test\.go) (Example\w*)$`)

// Guides compares each Go block of the README and of docs/guides with the Example that its first
// line names, so that no guide shows code that does not compile and run:
//
//	// from: router/example_test.go Example
//
// What follows is the body of the function, without its indentation. What it uses of other tests
// the guide names and links to, since a reader who copies the block lacks it.
func Guides(t *Tree) []string {
	names, err := fs.Glob(t.FS, "docs/guides/*.md")
	if err != nil {
		return []string{err.Error()}
	}
	var bad []string
	for _, name := range append(names, "README.md") {
		text, err := fs.ReadFile(t.FS, name)
		if err != nil {
			bad = append(bad, err.Error())
			continue
		}
		for _, block := range goBlocks(string(text)) {
			first, code, _ := strings.Cut(block.code, "\n")
			from := fromLine.FindStringSubmatch(first)
			where := fmt.Sprintf("%s:%d", name, block.line)
			if from == nil {
				bad = append(bad, where+`: Go code that does not begin with "// from: FILE_test.go ExampleName"`)
				continue
			}
			body, ok := t.body(from[1], from[2])
			switch {
			case !ok:
				bad = append(bad, fmt.Sprintf("%s: %s has no %s", where, from[1], from[2]))
			case len(t.unshown(string(text), name, from[1], body)) > 0:
				bad = append(bad, fmt.Sprintf("%s: a reader lacks %s of the tests: name each in the guide, as code, and link to its file", where, strings.Join(t.unshown(string(text), name, from[1], body), ", ")))
			case code != body:
				bad = append(bad, fmt.Sprintf("%s: differs from %s in %s; copy its body:\n%s", where, from[2], from[1], body))
			}
		}
	}
	return bad
}

// unshown returns the helpers that the body of an Example uses, which a reader who
// copies it has not: those of the tests of its package that the guide does not
// name, or to whose file it has no link.
func (t *Tree) unshown(guide, name, file, body string) (all []string) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+body+"}", parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	helpers := t.testDecls(path.Dir(file))
	own := map[string]bool{} // what the body declares
	var used []string
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr: // not the name after the dot
			ast.Inspect(n.X, visit)
			return false
		case *ast.KeyValueExpr: // nor that of a field
			ast.Inspect(n.Value, visit)
			return false
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				if id, ok := l.(*ast.Ident); ok && n.Tok == token.DEFINE {
					own[id.Name] = true
				}
			}
		case *ast.TypeSpec:
			own[n.Name.Name] = true
		case *ast.ValueSpec:
			for _, id := range n.Names {
				own[id.Name] = true
			}
		case *ast.Field:
			for _, id := range n.Names {
				own[id.Name] = true
			}
		case *ast.Ident:
			used = append(used, n.Name)
		}
		return true
	}
	ast.Inspect(parsed, visit)
	up := strings.Repeat("../", strings.Count(name, "/"))
	slices.Sort(used)
	for _, id := range slices.Compact(used) {
		if in := helpers[id]; in != "" && !own[id] && (!strings.Contains(guide, "`"+id+"`") || !strings.Contains(guide, "]("+up+in+")")) {
			all = append(all, id+" ("+in+")")
		}
	}
	return all
}

// testDecls returns in which file of a package's tests each function, type,
// variable and constant is.
func (t *Tree) testDecls(dir string) map[string]string {
	all := map[string]string{}
	for _, p := range t.Packages {
		for _, f := range p.Files {
			if p.Dir != dir || !f.Test() {
				continue
			}
			for _, d := range f.AST.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Recv == nil {
						all[d.Name.Name] = f.Path
					}
				case *ast.GenDecl:
					for _, s := range d.Specs {
						switch s := s.(type) {
						case *ast.TypeSpec:
							all[s.Name.Name] = f.Path
						case *ast.ValueSpec:
							for _, id := range s.Names {
								all[id.Name] = f.Path
							}
						}
					}
				}
			}
		}
	}
	return all
}

type goBlock struct {
	line int
	code string
}

func goBlocks(text string) (blocks []goBlock) {
	inside := false
	for n, line := range strings.Split(text, "\n") {
		switch {
		case inside && line == "```":
			inside = false
		case inside:
			last := &blocks[len(blocks)-1]
			last.code += line + "\n"
		case line == "```go":
			inside = true
			blocks = append(blocks, goBlock{line: n + 1})
		}
	}
	return blocks
}

// body returns the lines between the braces of a function, one tab less
// indented.
func (t *Tree) body(file, function string) (string, bool) {
	for _, p := range t.Packages {
		if p.Dir != path.Dir(file) {
			continue
		}
		for _, f := range p.Files {
			for _, d := range f.AST.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if f.Path != file || !ok || fn.Name.Name != function || fn.Body == nil {
					continue
				}
				src, err := fs.ReadFile(t.FS, file)
				if err != nil {
					return "", false
				}
				inner := string(src[t.Fset.Position(fn.Body.Lbrace).Offset+1 : t.Fset.Position(fn.Body.Rbrace).Offset])
				inner = strings.ReplaceAll("\n"+strings.TrimPrefix(inner, "\n"), "\n\t", "\n")
				return strings.TrimPrefix(inner, "\n"), true
			}
		}
	}
	return "", false
}
