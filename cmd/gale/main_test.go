package main

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// asGale makes the test's program behave as gale.
const asGale = "GALE_TEST_AS_GALE"

func TestMain(m *testing.M) {
	if os.Getenv(asGale) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// command is gale with the arguments, in the folder dir.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	assert.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), asGale+"=1")
	return cmd
}

// output runs cmd to its end and returns what it wrote.
func output(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		path string // in place of the real PATH
		want string
	}{
		"no such command": {args: []string{"frobnicate"}, want: `there is no command "frobnicate"; gale --help lists them`},
		"no such flag":    {args: []string{"new", "hello", "--fast"}, want: "unknown flag: --fast; gale new --help lists the flags"},
		"no argument":     {args: []string{"new"}, want: "new takes one argument, the name of the project"},
		"two arguments":   {args: []string{"new", "hello", "world"}, want: "new takes one argument"},
		"bad name":        {args: []string{"new", "Hello World"}, want: `"Hello World" cannot be the name of a project`},
		"empty name":      {args: []string{"new", ""}, want: "new takes one argument"},
		"std name":        {args: []string{"new", "net"}, want: `"net" is a package of Go's standard library`},
		"bad module":      {args: []string{"new", "hello", "--module", "a b"}, want: `"a b" cannot be a module path`},
		"not empty":       {args: []string{"new", "full"}, want: "is not empty (it has file)"},
		"a file":          {args: []string{"new", "full/file"}, want: "not a directory"},
		"no go":           {args: []string{"new", "hello"}, path: "/nonexistent", want: "the go command is not on the PATH; install Go 1.26"},
		"addr alone":      {args: []string{"new", "hello", "--addr", ":80"}, want: "--addr says where --run listens"},
		"bad addr":        {args: []string{"new", "hello", "--run", "--addr", "80"}, want: `--addr "80" is not host:port`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			assert.NoError(t, os.Mkdir(filepath.Join(dir, "full"), 0o755))
			assert.NoError(t, os.WriteFile(filepath.Join(dir, "full", "file"), nil, 0o644))
			cmd := command(t, dir, test.args...)
			cmd.Env = append(cmd.Env, "PATH="+cmp.Or(test.path, os.Getenv("PATH")))
			stdout, stderr, status := output(t, cmd)
			assert.Equal(t, status, 1)
			assert.Equal(t, stdout, "")
			assert.Contains(t, stderr, "gale: ")
			assert.Contains(t, stderr, test.want)
			assert.Equal(t, strings.Count(stderr, "\n"), 1) // a sentence
			entries, err := os.ReadDir(dir)
			assert.NoError(t, err)
			assert.Equal(t, len(entries), 1) // nothing but full
		})
	}
}

func TestUnwritable(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	assert.NoError(t, os.Chmod(dir, 0o555))
	_, stderr, status := output(t, command(t, dir, "new", "hello"))
	assert.Equal(t, status, 1)
	assert.Contains(t, stderr, "cannot be written: permission denied")
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--help"}, {"help"}} {
		stdout, stderr, status := output(t, command(t, t.TempDir(), args...))
		assert.Equal(t, status, 0)
		assert.Equal(t, stderr, "")
		assert.Contains(t, stdout, "gale new hello --run")
	}
	stdout, _, _ := output(t, command(t, t.TempDir(), "new", "--help"))
	for _, want := range []string{"--module", "--run", "--addr"} {
		assert.Contains(t, stdout, want)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	verb, _, status := output(t, command(t, t.TempDir(), "version"))
	assert.Equal(t, status, 0)
	assert.Contains(t, verb, "gale "+version()+" go1.")
	flag, _, _ := output(t, command(t, t.TempDir(), "--version"))
	assert.Equal(t, flag, verb)
}
