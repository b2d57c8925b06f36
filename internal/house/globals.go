package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// memos are the variables that change and yet may stay: each remembers a pure
// function of the program's own types, as encoding/json does.
var memos = map[string]string{
	"web.shared": "what input types look like, and the validator that reads their tags; docs/adr/0011-memos.md",
}

// Globals finds package variables that can change: those without an initial
// value, those of a type made to change, exported ones that are not sentinel
// errors, those that point to a zero value, and those that the package itself
// assigns to. Commands and tests are
// free.
func Globals(t *Tree) []string {
	var bad []string
	for _, p := range t.Packages {
		vars := map[string]token.Pos{}
		sources := p.sources()
		for _, f := range sources {
			for _, d := range f.AST.Decls {
				gen, ok := d.(*ast.GenDecl)
				if !ok || gen.Tok != token.VAR || embedded(gen.Doc) {
					continue
				}
				for _, s := range gen.Specs {
					spec := s.(*ast.ValueSpec)
					if embedded(spec.Doc) {
						continue
					}
					for i, name := range spec.Names {
						if name.Name == "_" {
							continue
						}
						vars[name.Name] = name.Pos()
						if why := mutable(spec, i); why != "" && memos[p.Dir+"."+name.Name] == "" {
							bad = append(bad, fmt.Sprintf("%s: var %s %s", t.Fset.Position(name.Pos()), name.Name, why))
						}
					}
				}
			}
		}
		for _, f := range sources {
			bad = append(bad, assigned(t, f, vars)...)
		}
	}
	return bad
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && strings.HasPrefix(doc.List[len(doc.List)-1].Text, "//go:embed")
}

func mutable(spec *ast.ValueSpec, i int) string {
	name := spec.Names[i].Name
	if t := typeName(spec.Type); changing(t) {
		return "is a " + t + "; make it a field of its owner"
	}
	if i >= len(spec.Values) {
		return "has no initial value, so something must assign it; make it a field of its owner"
	}
	value := spec.Values[i]
	if lit, ok := value.(*ast.CompositeLit); ok && changing(typeName(lit.Type)) {
		return "is a " + typeName(lit.Type) + "; make it a field of its owner"
	}
	if ref, ok := value.(*ast.UnaryExpr); ok && ref.Op == token.AND {
		if lit, ok := ref.X.(*ast.CompositeLit); ok && len(lit.Elts) == 0 {
			return "points to a zero value, which is there to be filled; make it a field of its owner"
		}
	}
	if call, ok := value.(*ast.CallExpr); ok {
		if fn, ok := call.Fun.(*ast.Ident); ok && (fn.Name == "make" || fn.Name == "new") {
			return "is made to be filled; make it a field of its owner"
		}
	}
	if ast.IsExported(name) && !strings.HasPrefix(name, "Err") {
		return "is exported, so that any package could change it; make it a function or a constant"
	}
	return ""
}

func changing(t string) bool {
	return strings.HasPrefix(t, "sync.") && !strings.HasPrefix(t, "sync.Once") || strings.HasPrefix(t, "atomic.")
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	}
	return ""
}

// assigned finds statements that change one of vars. It reads names only, so a
// local variable that shadows a package variable is taken for it: rename one.
func assigned(t *Tree, f *File, vars map[string]token.Pos) []string {
	var bad []string
	report := func(e ast.Expr, pos token.Pos) {
		if root := rootIdent(e); root != nil {
			if _, ok := vars[root.Name]; ok {
				bad = append(bad, fmt.Sprintf("%s: changes package variable %s", t.Fset.Position(pos), root.Name))
			}
		}
	}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					report(e, n.Pos())
				}
			}
		case *ast.IncDecStmt:
			report(n.X, n.Pos())
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear") && len(n.Args) > 0 {
				report(n.Args[0], n.Pos())
			}
		}
		return true
	})
	return bad
}

func rootIdent(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		default:
			return nil
		}
	}
}
