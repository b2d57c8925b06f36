package house

import (
	"fmt"
	"go/ast"
	"go/doc"
	"slices"
	"strings"
)

// Docs finds packages without exactly one doc comment, and comments that only
// repeat a name.
func Docs(t *Tree) []string {
	var bad []string
	for _, p := range t.Packages {
		sources := p.sources()
		if len(sources) == 0 {
			continue
		}
		var docs []string
		for _, f := range sources {
			if f.AST.Doc != nil && strings.TrimSpace(f.AST.Doc.Text()) != "" {
				docs = append(docs, f.Path)
			}
			for _, d := range f.AST.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Doc != nil {
					if words := strings.Fields(fn.Doc.Text()); len(words) < 3 {
						bad = append(bad, fmt.Sprintf("%s: the comment of %s says nothing", f.Path, fn.Name))
					}
				}
			}
		}
		if len(docs) != 1 {
			bad = append(bad, fmt.Sprintf("%s: %d package comments %v, want one", p.Dir, len(docs), docs))
		}
	}
	return bad
}

// withoutExample lists public packages that cannot have one, with the reason.
var withoutExample = map[string]string{
	"galetest/conform": "its functions take a *testing.T",
}

// Examples finds public packages without an example whose output is checked.
func Examples(t *Tree) []string {
	var bad []string
	for _, p := range t.Packages {
		if !p.public() || withoutExample[p.Dir] != "" {
			continue
		}
		runnable := slices.ContainsFunc(p.Files, func(f *File) bool {
			return f.Test() && slices.ContainsFunc(doc.Examples(f.AST), func(e *doc.Example) bool {
				return e.Output != "" || e.EmptyOutput
			})
		})
		if !runnable {
			bad = append(bad, p.Dir+": no Example with an // Output: comment")
		}
	}
	return bad
}
