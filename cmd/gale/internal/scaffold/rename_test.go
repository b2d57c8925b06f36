package scaffold_test

import (
	"bytes"
	"go/format"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/cmd/gale/internal/scaffold"
)

func TestRename(t *testing.T) {
	t.Parallel()
	p := scaffold.Project{Dir: filepath.Join(t.TempDir(), "my-app"), Module: "zz.example.com/x/my-app", Clone: "/gale"}
	for _, test := range []struct{ name, in, newName, want string }{
		{"README.md", "# relay\n\nRelay stores. RELAY_ADDR, $RELAY, relay.db, `Relay-Stored`.\n", "README.md", "# my-app\n\nMy-App stores. MY_APP_ADDR, $MY_APP, my-app.db, `My-App-Stored`.\n"},
		{"docs/a.md", "relays relayed RELAYED unrelay relay_x X_RELAY_Y", "docs/a.md", "relays relayed RELAYED unrelay relay_x X_RELAY_Y"},
		{".env.example", "#RELAY_DATABASE_URL=sqlite:relay.db\n", ".env.example", "#MY_APP_DATABASE_URL=sqlite:my-app.db\n"},
		{"a.js", `"\nrelay\trelay relay" + '\relay'`, "a.js", `"\nmy-app\tmy-app my-app" + '\my-app'`},
		{"static/css/relay.css", "/* relay */", "static/css/my-app.css", "/* my-app */"},
		{"static/js/x.min.js", "relay()", "static/js/x.min.js", "relay()"},
		{"static/licenses/x.txt", "relay", "static/licenses/x.txt", "relay"},
		{"static/p.bin", "relay\xff", "static/p.bin", "relay\xff"},
		{
			"cmd/relay/main.go",
			`// Command relay relays.
package main

import (
	"fmt"

	"github.com/galeweb/gale/cmd/gale/reference/app"
	"github.com/galeweb/gale/hub"
	. "github.com/galeweb/gale/cmd/gale/reference/relay"
)

//go:embed relay.svg
var relay = "relay" + ` + "`RELAY_X \"Relay-Stored\"`" + ` + 'r' // relay

func Relay() { relay.Relay(app.X, hub.X, fmt.X) }
`,
			"cmd/my-app/main.go",
			`// Command my-app relays.
package main

import (
	"fmt"

	"github.com/galeweb/gale/hub"
	"zz.example.com/x/my-app/app"
	. "zz.example.com/x/my-app/my-app"
)

//go:embed my-app.svg
var relay = "my-app" + ` + "`MY_APP_X \"My-App-Stored\"`" + ` + 'r' // my-app

func Relay() { relay.Relay(app.X, hub.X, fmt.X) }
`,
		},
	} {
		p.Reference = tree(test.name, test.in)
		got, ok := files(t, p)[test.newName]
		if !ok {
			t.Errorf("%s did not become %s", test.name, test.newName)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestLeftBehind(t *testing.T) {
	t.Parallel()
	p := scaffold.Project{Dir: filepath.Join(t.TempDir(), "hello"), Clone: "/gale"}
	p.Reference = tree("a.txt", "", ".env", "RELAY_SECRET=x", ".env.example", "", ".gitignore", "", "relay.db", "", "relay.db-wal", "", "relay.keys", "", "bin/relay", "", "docs/x.dbml", "")
	got := slices.Sorted(maps.Keys(files(t, p)))
	want := []string{".env.example", ".gitignore", "a.txt", "docs/x.dbml", "go.mod", "go.sum"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// rooms are those of every project.
var rooms = []string{"app", "cmd/my-app", "config", "database", "docs", "handlers", "models", "services", "static", "templates"}

// The reference itself must be fit for being copied.
func TestReference(t *testing.T) {
	t.Parallel()
	p := scaffold.Project{Dir: filepath.Join(t.TempDir(), "my-app"), Reference: os.DirFS("../../reference"), Clone: "/gale"}
	word := regexp.MustCompile(`(?i)\brelay\b`)
	script := regexp.MustCompile(`\bmy-app\b`)
	all := files(t, p)
	for name, content := range all {
		switch ext := path.Ext(name); {
		case strings.Contains(name, ".min."), strings.Contains(name, "licenses/"), name == "go.sum":
			continue
		case ext == ".go":
			formatted, err := format.Source([]byte(content))
			if err != nil || !bytes.Equal(formatted, []byte(content)) {
				t.Errorf("%s is not formatted: %v", name, err)
			}
			if strings.Contains(content, `"github.com/galeweb/gale/internal/`) || strings.Contains(content, `"github.com/galeweb/gale/cmd/`) {
				t.Errorf("%s imports a package that projects cannot", name)
			}
		case (ext == ".js" || ext == ".sql") && script.MatchString(content):
			t.Errorf("%s has the project's name, which is no identifier when it has a dash", name)
		}
		if found := word.FindString(content); found != "" {
			t.Errorf("%s: %q stays; in Go, take another identifier", name, found)
		}
	}
	names := slices.Collect(maps.Keys(all))
	for _, room := range rooms {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, room+"/") }) {
			t.Errorf("there is no %s", room)
		}
	}
	for _, name := range []string{".env.example", ".gitignore", "Makefile", "README.md", "go.mod", "go.sum"} {
		if _, ok := all[name]; !ok {
			t.Errorf("there is no %s", name)
		}
	}
}
