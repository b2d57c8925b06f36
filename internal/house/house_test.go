package house_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/galeweb/gale/internal/house"
)

// rules are all rules, each with a tree that breaks it and words of the
// violation that must be found there.
var rules = []struct {
	name  string
	check func(*house.Tree) []string
	plant map[string]string
	want  []string
}{
	{
		name: "Floors", check: house.Floors,
		plant: map[string]string{
			"router/router.go":       `package router; import _ "github.com/galeweb/gale/auth"`,
			"auth/auth.go":           `package auth; import _ "github.com/galeweb/gale/middleware"`,
			"attic/attic.go":         `package attic`,
			"drivers/galex/galex.go": `package galex; import _ "github.com/galeweb/gale/internal/ctxkey"`,
		},
		want: []string{
			"router/router.go: router (floor 4) imports auth (floor 5)",
			"auth/auth.go: auth (floor 5) imports middleware (floor 5)",
			"attic: has no floor",
			"drivers/galex/galex.go: module drivers imports internal/ctxkey",
		},
	},
	{
		name: "Sizes", check: house.Sizes,
		plant: map[string]string{
			"web/long.go":      "package web\n" + strings.Repeat("//\n", 500),
			"web/long_test.go": "package web\n" + strings.Repeat("//\n", 1000),
			"ws/a.go":          "package ws\n" + strings.Repeat("//\n", 4000),
		},
		want: []string{"web/long.go: 501 lines", "web/long_test.go: 1001 lines", "ws: 4001 lines of source"},
	},
	{
		name: "Docs", check: house.Docs,
		plant: map[string]string{
			"web/web.go": "package web\n\n// New .\nfunc New() {}\n",
			"ws/a.go":    "// Package ws is one.\npackage ws\n",
			"ws/b.go":    "// Package ws is two.\npackage ws\n",
		},
		want: []string{"web: 0 package comments", "the comment of New says nothing", "ws: 2 package comments"},
	},
	{
		name: "Examples", check: house.Examples,
		plant: map[string]string{
			"web/web.go":          "package web",
			"web/example_test.go": "package web_test\n\nfunc Example() {}\n",
		},
		want: []string{"web: no Example"},
	},
	{
		name: "Inits", check: house.Inits,
		plant: map[string]string{"web/web.go": "package web\n\nfunc init() {}\n"},
		want:  []string{"web/web.go:3:1: func init"},
	},
	{
		name: "Globals", check: house.Globals,
		plant: map[string]string{"web/web.go": `package web
			var unset int
			var mu sync.Mutex
			var count atomic.Int64
			var table = make(map[string]int)
			var cache = &lru{}
			var Level = 3
			var level = 3
			func Raise() { level++ }
			var names = []string{"a"}
			func Name(n string) { names[0] = n }`},
		want: []string{
			"var unset has no initial value", "var mu is a sync.Mutex", "var count is a atomic.Int64", "var table is made to be filled", "var cache points to a zero value",
			"var Level is exported", "changes package variable level", "changes package variable names",
		},
	},
	{
		name: "NoRace", check: house.NoRace,
		plant: map[string]string{"web/web.go": "package web\n\n//go:norace\nfunc f() {}\n"},
		want:  []string{"web/web.go:3:1: //go:norace"},
	},
	{
		name: "Unsafe", check: house.Unsafe,
		plant: map[string]string{"web/web.go": `package web; import _ "unsafe"`},
		want:  []string{"web/web.go: imports unsafe"},
	},
	{
		name: "Templates", check: house.Templates,
		plant: map[string]string{"web/web.go": `package web; import _ "html/template"`},
		want:  []string{`web/web.go: imports "html/template"`},
	},
	{
		name: "Grabbags", check: house.Grabbags,
		plant: map[string]string{"internal/utils/x.go": "package utils"},
		want:  []string{"internal/utils: the name"},
	},
	{
		name: "Places", check: house.Places,
		plant: map[string]string{"docs/run.md": "first\ncd /ro" + "ot/gale\n"},
		want:  []string{"docs/run.md:2: names"},
	},
	{
		name: "Deps", check: house.Deps,
		plant: map[string]string{
			"go.mod":               "module m\nrequire example.com/a v1\nrequire (\n\texample.com/b v1\n\texample.com/c v1 // indirect\n)\n",
			"drivers/go.mod":       "module d\nrequire github.com/galeweb/gale v0\nreplace github.com/galeweb/gale => ../\n",
			"cmd/gale/go.mod":      "module c\n",
			"docs/dependencies.md": "## go.mod\n| module | job | licence | why |\n|---|---|---|---|\n| example.com/a | a job | | |\n| example.com/z | job | MIT | why |\n",
		},
		want: []string{
			"go.mod requires example.com/b, which has no row", "the row of example.com/a needs",
			"go.mod does not require example.com/z", "drivers/go.mod: replace",
		},
	},
	{
		name: "Guides", check: house.Guides,
		plant: map[string]string{
			"web/example_test.go": "package web_test\n\nfunc Example() {\n\tif ok {\n\t\tf()\n\t}\n}\n" +
				"\nfunc Example_helped() {\n\tlocal := helper()\n\tlocal.other(known{other: 1})\n}\n",
			"web/kit_test.go": "package web_test\n\nfunc helper() {}\n\ntype known struct{}\n\nvar local, other int\n",
			"docs/guides/web.md": "# Web\n" +
				"```go\n// from: web/example_test.go Example\nif ok {\n\tf()\n}\n```\n" +
				"```go\nf()\n```\n" +
				"```go\n// from: web/example_test.go Example\nf()\n```\n" +
				"```go\n// from: web/example_test.go Example_gone\nf()\n```\n",
			"docs/guides/helped.md": "`known` is in [the kit](../../web/kit_test.go).\n" +
				"```go\n// from: web/example_test.go Example_helped\nlocal := helper()\nlocal.other(known{other: 1})\n```\n",
		},
		want: []string{
			"docs/guides/web.md:8: Go code that does not begin", "docs/guides/web.md:11: differs from Example",
			"docs/guides/web.md:15: web/example_test.go has no Example_gone",
			"docs/guides/helped.md:2: a reader lacks helper (web/kit_test.go) of the tests",
		},
	},
	{
		name: "RulePaths", check: house.RulePaths,
		plant: map[string]string{"docs/rules.md": "| id | rule | today | where |\n|---|---|---|---|\n| 1.1 | one | met: `x` | `docs/rules.md`, `attic/` |\n"},
		want:  []string{"docs/rules.md:3: attic/ is not there"},
	},
	{
		name: "SecurityTests", check: house.SecurityTests,
		plant: map[string]string{
			"docs/security.md":  "| item | default | test |\n|---|---|---|\n| 1.1 | `x` | `docs/security.md`, `TestThere`, `TestGone` in `attack/`, `attack/gone_test.go` |\n",
			"web/there_test.go": "package web\nfunc TestThere(t *testing.T) {}\n",
		},
		want: []string{"docs/security.md:3: TestGone is not there", "docs/security.md:3: attack/ is not there", "docs/security.md:3: attack/gone_test.go is not there"},
	},
}

func TestRepositoryKeepsEachRule(t *testing.T) {
	t.Parallel()
	tree, err := house.Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) < 3 {
		t.Fatalf("found %d packages; the walk is broken", len(tree.Packages))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, v := range r.check(tree) {
				t.Error(v)
			}
		})
	}
}

func TestEachRuleFindsItsViolation(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			fsys := fstest.MapFS{}
			for name, text := range r.plant {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			tree, err := house.Load(fsys)
			if err != nil {
				t.Fatal(err)
			}
			found := strings.Join(r.check(tree), "\n")
			for _, want := range r.want {
				if !strings.Contains(found, want) {
					t.Errorf("did not find %q in:\n%s", want, found)
				}
			}
		})
	}
}
