package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
)

type one struct {
	Name string `env:"NAME" default:"default"`
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	assert.NoError(t, os.WriteFile(filepath.Join(dir, "relay_name"), []byte("credential\n"), 0o600))
	file := write(t, "name", "file\r\n\n")
	envFile := write(t, ".env", "RELAY_NAME=dotenv\n")
	envFileFile := write(t, ".env", "RELAY_NAME_FILE="+file)
	for _, c := range []struct {
		o            config.Options
		want, source string
	}{
		{config.Options{Environ: []string{"RELAY_NAME=env"}, Credentials: dir, EnvFile: envFile}, "env", "environment"},
		{config.Options{Environ: []string{"RELAY_NAME_FILE=" + file}, Credentials: dir, EnvFile: envFile}, "file", "RELAY_NAME_FILE in environment"},
		{config.Options{Environ: []string{}, Credentials: dir, EnvFile: envFile}, "credential", "credential relay_name"},
		{config.Options{Environ: []string{"CREDENTIALS_DIRECTORY=" + dir}, EnvFile: envFile}, "credential", "credential relay_name"},
		{config.Options{Environ: []string{}, EnvFile: envFile}, "dotenv", envFile},
		{config.Options{Environ: []string{}, EnvFile: envFileFile}, "file", "RELAY_NAME_FILE in " + envFileFile},
		{config.Options{Environ: []string{"RELAY_NAME="}, EnvFile: envFile}, "default", "default"},
		{config.Options{Environ: []string{}, EnvFile: envFile + ".none"}, "default", "default"},
		// A file forgotten on a server must not configure it.
		{config.Options{Environ: []string{"RELAY_ENV=Production"}, EnvFile: envFile}, "default", "default"},
	} {
		c.o.Prefix = "RELAY_"
		got, err := config.Load[one](c.o)
		assert.NoError(t, err)
		assert.Equal(t, got.Name, c.want)
		vars, err := config.Describe[one](c.o)
		assert.NoError(t, err)
		assert.Equal(t, vars[0].Source, c.source)
	}
}

func TestCredentialOfTheExactName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	assert.NoError(t, os.WriteFile(filepath.Join(dir, "RELAY_NAME"), []byte("exact"), 0o600))
	assert.NoError(t, os.WriteFile(filepath.Join(dir, "relay_name"), []byte("lower"), 0o600))
	got, err := config.Load[one](config.Options{Prefix: "RELAY_", EnvFile: os.DevNull, Environ: []string{}, Credentials: dir})
	assert.NoError(t, err)
	assert.Equal(t, got.Name, "exact")
}

func TestUnreadableSources(t *testing.T) {
	t.Parallel()
	big := write(t, "big", strings.Repeat("x", 1<<20+1))
	dir := t.TempDir()
	assert.NoError(t, os.Mkdir(filepath.Join(dir, "relay_name"), 0o700))
	for want, o := range map[string]config.Options{
		"is set, and so is RELAY_NAME_FILE; unset one":           {Environ: []string{"RELAY_NAME=a", "RELAY_NAME_FILE=b"}},
		"file that RELAY_NAME_FILE names cannot be read: no suc": {Environ: []string{"RELAY_NAME_FILE=/none"}},
		"cannot be read: it has more than 1048576 bytes":         {Environ: []string{"RELAY_NAME_FILE=" + big}},
		"credential relay_name cannot be read: is a directory":   {Environ: []string{}, Credentials: dir},
		dir + ": cannot be read: is a directory":                 {Environ: []string{}, EnvFile: dir},
		"it has more than 65536 bytes":                           {Environ: []string{}, EnvFile: big},
	} {
		o.Prefix = "RELAY_"
		if o.EnvFile == "" {
			o.EnvFile = os.DevNull
		}
		_, err := config.Load[one](o)
		assert.Contains(t, text(err), want)
	}
}

func TestEnvFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ content, want, problem string }{
		{"# a comment\nexport RELAY_NAME=a # b\nOTHER=x", "a", ""},
		{"RELAY_NAME='pa$word#1'", "pa$word#1", ""},
		{"RELAY_NAME=\"a\nb\"\r\n", "a\nb", ""},
		{"", "default", ""},
		{"RELAY_NAME=a\nRELAY_NMAE=b", "", "RELAY_NMAE: is unknown in "},
		{"RELAY_NAME=a\nhunter2", "", "line 2 is not NAME=value"},
		{"A=1\nhunter2 hunter2\nB=2\n", "", "line 2 is not NAME=value"},
		{"A=\"x\ny\"\n\nB=\"hunter2\nC=3", "", "line 4 is not NAME=value"},
		{"hun-ter2=hunter2", "", "line 1 is not NAME=value"},
	} {
		got, err := config.Load[one](config.Options{Prefix: "RELAY_", EnvFile: write(t, ".env", c.content), Environ: []string{}})
		assert.Equal(t, got.Name, c.want)
		if c.problem == "" {
			assert.NoError(t, err)
			continue
		}
		assert.Contains(t, text(err), c.problem)
		assert.True(t, !leaks(text(err)), "the file's content is in "+text(err))
	}
}

func FuzzEnvFile(f *testing.F) {
	for _, seed := range []string{"A=1", "RELAY_NAME='x'", "A=\"", "=", "export", "A: b\n#", "\x00=\xff", "RELAY_NAME=$RELAY_NAME"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		got, err := config.Load[one](config.Options{Prefix: "RELAY_", EnvFile: write(t, ".env", content), Environ: []string{}})
		if (err == nil) != (got.Name != "") {
			t.Errorf("Load = %q, %v; want a value or an error", got.Name, err)
		}
	})
}
