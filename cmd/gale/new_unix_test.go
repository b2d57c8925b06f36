//go:build unix

package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

var downloading = regexp.MustCompile(`(?m)^go: downloading .*\n`)

// A new project builds, vets, passes its tests, is formatted and tidy, and
// runs. The name has a dash and the module another last element: where a
// renaming goes wrong, it goes wrong here.
func TestNewBuilds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a whole project")
	}
	parent := filepath.Join(t.TempDir(), "with space")
	assert.NoError(t, os.Mkdir(parent, 0o755))
	stdout, stderr, status := output(t, command(t, parent, "new", "my-app", "--module", "example.com/x/y"))
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	assert.Contains(t, stdout, "cd my-app\n  go run ./cmd/my-app\n")
	dir := filepath.Join(parent, "my-app")
	for _, args := range [][]string{
		{"gofmt", "-l", "."},
		{"go", "mod", "tidy", "-diff"},
		{"go", "vet", "./..."},
		{"go", "build", "-buildvcs=false", "-o", "bin/", "./..."},
	} {
		assert.Equal(t, goCommand(t, dir, args...), "")
	}
	// go vet has compiled all tests, which run where they were copied from; those
	// with a name of one word are enough to see that the copy works.
	goCommand(t, dir, "go", "test", "-short", "-run", "^Test[A-Z][a-z]+$", "./...")
}

func TestNewRun(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a whole project")
	}
	dir := t.TempDir()
	cmd := command(t, dir, "new", "hello", "--run", "--addr", "127.0.0.1:0")
	var log strings.Builder
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	assert.NoError(t, err)
	assert.NoError(t, cmd.Start())
	var url string
	lines := bufio.NewScanner(out)
	for url == "" && lines.Scan() {
		_, url, _ = strings.Cut(lines.Text(), "hello answers at ")
	}
	if url == "" {
		t.Fatalf("it did not start: %v\n%s", cmd.Wait(), log.String())
	}

	res, err := http.Get(url)
	assert.NoError(t, err)
	page, err := io.ReadAll(res.Body)
	assert.NoError(t, err)
	assert.NoError(t, res.Body.Close())
	assert.Equal(t, res.StatusCode, http.StatusOK)
	assert.Contains(t, string(page), "hello</title>")

	// Another one finds the port in use before it makes anything.
	_, stderr, status := output(t, command(t, dir, "new", "second", "--run", "--addr", strings.Trim(url, "htp:/")))
	assert.Equal(t, status, 1)
	assert.Contains(t, stderr, "another program listens on")

	assert.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)) // as Ctrl-C does
	rest, err := io.ReadAll(out)
	assert.NoError(t, err)
	assert.NoError(t, cmd.Wait()) // status 0
	assert.Contains(t, log.String(), "drained")
	assert.True(t, !strings.Contains(string(rest)+log.String(), "second signal"), "Ctrl-C reached the project twice")
	_, err = os.Stat(filepath.Join(dir, "second"))
	assert.True(t, os.IsNotExist(err), "a refused project was made")
}

// goCommand runs a command in dir and returns what it wrote, save for what the
// go command says of modules that the cache did not have yet.
func goCommand(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %v\n%s", args, err, out)
	}
	return downloading.ReplaceAllString(string(out), "")
}
