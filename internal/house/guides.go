package house

import (
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// fromLine names where the code of a guide comes from.
var fromLine = regexp.MustCompile(`^// from: (\S+_test\.go) (Example\w*)$`)

// Guides compares each Go block of the README and of docs/guides with the Example that its first
// line names, so that no guide shows code that does not compile and run:
//
//	// from: router/example_test.go Example
//
// What follows is the body of the function, without its indentation.
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
			case code != body:
				bad = append(bad, fmt.Sprintf("%s: differs from %s in %s; copy its body:\n%s", where, from[2], from[1], body))
			}
		}
	}
	return bad
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
