package attack_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	service "github.com/galeweb/gale/cmd/gale/reference/app"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	gale "github.com/galeweb/gale/config"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/router"
)

// table is every route of relay with default settings, as its own router has them:
// what is new there is attacked, or fails the test that has missed it. An attacker
// has the same list, from the source.
var table struct {
	patterns []string
	mux      *http.ServeMux // finds the pattern of a request
}

// readTable builds relay once more, in this process, and asks its router.
func readTable(dir string) (err error) {
	ctx := context.Background()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // where the OAuth server counts its endpoints
	o, closeAll, err := service.Open(ctx, config.Config{
		Env: "dev", SignUp: true, HubURL: gale.NewSecret("memory:"), LimitURL: gale.NewSecret("memory:"),
		DatabaseURL: gale.NewSecret("sqlite:" + filepath.Join(dir, "table.db")),
	}, slog.New(slog.DiscardHandler), obs.NewMetrics())
	if err != nil {
		return err
	}
	a, err := service.New(o)
	if err != nil {
		return errors.Join(err, closeAll(ctx))
	}
	table.mux = http.NewServeMux()
	for route := range a.Handler().(*router.Router).Routes() {
		table.patterns = append(table.patterns, route.Pattern)
		table.mux.Handle(route.Pattern, http.NotFoundHandler())
	}
	return errors.Join(a.Close(ctx), closeAll(ctx))
}

// routeOf returns the pattern that answers a request, or "".
func routeOf(method, path string) string {
	if method == "JSON" {
		method = http.MethodPost
	}
	u, err := url.Parse(path)
	if err != nil {
		return ""
	}
	_, pattern := table.mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: u.Path}})
	return pattern
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// request is one that a pattern answers: well formed, for what is not there.
func request(pattern string) (method, path string) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = http.MethodPost, pattern
	}
	path = strings.Replace(path, "{$}", "", 1)
	path = strings.Replace(path, "{end}", "new", 1)
	return method, wildcard.ReplaceAllString(path, "none")
}

// missed fails the test unless each route that pick chooses was attacked.
func missed(t *testing.T, attacked map[string]bool, pick func(pattern string) bool) {
	t.Helper()
	for _, pattern := range table.patterns {
		if pick(pattern) && !attacked[pattern] {
			t.Errorf("%s was not attacked; lead the crawl there, or say where it is", pattern)
		}
	}
}

// reads are the names that the handlers read from forms and from addresses, by
// their source: a field that no page shows is found too.
type reads struct {
	forms   []map[string]bool // one of each form that is taken
	queries map[string]bool
}

// ofProviders are handlers that have no route where no provider is configured.
var ofProviders = map[string]bool{"linked.go": true, "providers.go": true}

func readSource(t *testing.T) (all reads) {
	t.Helper()
	all.queries = map[string]bool{}
	for _, dir := range []string{"../handlers", "../app"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || ofProviders[d.Name()] {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.StructType:
					form := map[string]bool{}
					for _, f := range n.Fields.List {
						if f.Tag == nil {
							continue
						}
						tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`"))
						if name, _, _ := strings.Cut(tag.Get("form"), ","); name != "" {
							form[name] = true
						}
						if name := tag.Get("query"); name != "" {
							all.queries[name] = true
						}
					}
					if len(form) > 0 {
						all.forms = append(all.forms, form)
					}
				case *ast.CallExpr:
					if name, ok := queryOf(n); ok {
						all.queries[name] = true
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all.forms) < 20 || len(all.queries) < 10 {
		t.Fatalf("the handlers read only %d forms and the names %v of addresses", len(all.forms), slices.Sorted(maps.Keys(all.queries)))
	}
	return all
}

// queryOf returns the name in Query().Get("name") and query.Get("name").
func queryOf(call *ast.CallExpr) (name string, ok bool) {
	get, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || get.Sel.Name != "Get" || len(call.Args) != 1 {
		return "", false
	}
	switch x := get.X.(type) {
	case *ast.CallExpr:
		of, isSelector := x.Fun.(*ast.SelectorExpr)
		ok = isSelector && of.Sel.Name == "Query"
	case *ast.Ident:
		ok = x.Name == "query" || x.Name == "in"
	default:
		ok = false
	}
	text, isText := call.Args[0].(*ast.BasicLit)
	if !ok || !isText {
		return "", false
	}
	return strings.Trim(text.Value, `"`), true
}

// membersOf are the names of the members of a JSON object that is decoded into a
// struct.
func membersOf(object reflect.Type) (names []string) {
	for f := range object.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// unread returns the forms of which no route was sent all fields. sent has the
// fields by route, and each form needs a route of its own.
func unread(forms []map[string]bool, sent map[string]map[string]bool) (left []string) {
	used := map[string]bool{}
	// Those with most fields first: fewer routes have them.
	for _, form := range slices.SortedFunc(slices.Values(forms), func(a, b map[string]bool) int { return len(b) - len(a) }) {
		best := ""
		for route, fields := range sent {
			has := true
			for name := range form {
				has = has && fields[name]
			}
			if has && !used[route] && (best == "" || len(fields) < len(sent[best]) || len(fields) == len(sent[best]) && route < best) {
				best = route
			}
		}
		if best == "" {
			left = append(left, fmt.Sprint(slices.Sorted(maps.Keys(form))))
		}
		used[best] = true
	}
	return left
}
