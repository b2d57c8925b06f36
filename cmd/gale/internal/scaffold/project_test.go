package scaffold_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/galeweb/gale/cmd/gale/internal/scaffold"
	"github.com/galeweb/gale/internal/assert"
)

// tree is a file system of names and contents, in turn.
func tree(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return fsys
}

// files are those of p, as text.
func files(t *testing.T, p scaffold.Project) map[string]string {
	t.Helper()
	contents, err := p.Files()
	assert.NoError(t, err)
	texts := make(map[string]string, len(contents))
	for name, content := range contents {
		texts[name] = string(content)
	}
	return texts
}

// fakeRoot is a GOROOT in which the standard library is net and net/http.
func fakeRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	assert.NoError(t, os.MkdirAll(filepath.Join(root, "src", "net", "http"), 0o755))
	return root
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	root := fakeRoot(t)
	for _, test := range []struct{ name, module, want string }{
		{"Hello", "", "a to z"},
		{"1st", "", "a letter first"},
		{"-x", "", "a letter first"},
		{"x-", "", "single dashes"},
		{"a--b", "", "single dashes"},
		{"a_b", "", "a to z"},
		{"a.b", "", "a to z"},
		{"a b", "", "a to z"},
		{"größe", "", "a to z"},
		{"$(id)", "", "a to z"},
		{strings.Repeat("a", 41), "", "at most 40"},
		{"/", "", "a to z"},
		{"..", "", "a to z"},
		{"std", "", "go command"},
		{"main", "", "go command"},
		{"vendor", "", "go command"},
		{"con", "", "disallowed"}, // a device on Windows
		{"net", "", "standard library"},
		{"hello", "net/hello", "standard library"},
		{"hello", "std", "go command"},
		{"hello", "example.com/../x", "cannot be a module path"},
		{"hello", "https://example.com/x", "cannot be a module path"},
		{"hello", "/abs", "cannot be a module path"},
		{"hello", "-x", "cannot be a module path"},
		{"hello", "example.com/x y", "cannot be a module path"},
		{"hello", "github.com/galeweb/gale", "itself uses"},
		{"hello", "modernc.org/sqlite", "itself uses"},
	} {
		dir := filepath.Join(t.TempDir(), "new", test.name)
		if test.name == "/" || test.name == ".." {
			dir = test.name
		}
		p := scaffold.Project{Dir: dir, Module: test.module, Reference: tree("a.txt", ""), GoRoot: root, Clone: "/gale"}
		_, err := p.Write()
		if err == nil {
			t.Errorf("%q %q was not refused", test.name, test.module)
			continue
		}
		assert.Contains(t, err.Error(), test.want)
		assert.True(t, !strings.Contains(err.Error(), "\n"), "more than one line")
		if _, err := os.Stat(filepath.Dir(dir)); test.name != "/" && test.name != ".." && err == nil {
			t.Errorf("%q: a refusal wrote something", test.name)
		}
	}
}

func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	root := fakeRoot(t)
	for _, test := range []struct{ name, module string }{
		{"hello", ""},
		{"my-app2", ""},
		{"h", ""},
		{"gale", ""},
		{"web", ""},
		{"http", ""},
		{"net", "example.com/net"},
		{"hello", "example.com/x/y"},
		{"hello", "example.com/x/v2"},
	} {
		p := scaffold.Project{Dir: filepath.Join(t.TempDir(), test.name), Module: test.module, GoRoot: root, Version: "v1.0.0"}
		if err := p.Check(); err != nil {
			t.Errorf("%q %q: %v", test.name, test.module, err)
		}
	}
}

func TestCheckNeedsGale(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"(devel)", "", "v0.0.0-20260101000000-abcdefabcdef+dirty"} {
		err := scaffold.Project{Dir: filepath.Join(t.TempDir(), "hello"), Version: version}.Check()
		if err == nil {
			t.Fatalf("version %q without a clone was accepted", version)
		}
		assert.Contains(t, err.Error(), "install a release")
	}
}
