package config_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
)

type described struct {
	Mode string        `env:"MODE" default:"dev" oneof:"dev production" desc:"How it runs."`
	URL  string        `env:"URL,required"`
	Key  config.Secret `env:"KEY" default:"hunter2"`
	Port int           `env:"PORT"`
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	vars, err := config.Describe[described](config.Options{
		Prefix: "RELAY_", EnvFile: os.DevNull, Environ: []string{"RELAY_URL=postgres://u:hunter2@h/d", "RELAY_PORT=x", "RELAY_PROT=1"},
	})
	assert.Contains(t, text(err), `RELAY_PORT: "x" is not a whole number`)
	assert.Contains(t, text(err), "did you mean RELAY_PORT?")
	want := []config.Var{
		{Name: "RELAY_MODE", Type: "string", Default: "dev", OneOf: []string{"dev", "production"}, Description: "How it runs.", Source: "default", Value: "dev"},
		{Name: "RELAY_URL", Type: "string", Required: true, Source: "environment", Value: "postgres://[secret]@h/d"},
		{Name: "RELAY_KEY", Type: "config.Secret", Default: "[secret]", Secret: true, Source: "default", Value: "[secret]"},
		{Name: "RELAY_PORT", Type: "int", Source: "environment", Value: "x"},
	}
	if diff := cmp.Diff(want, vars, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

type quoting struct {
	A string `env:"A" default:"plain"`
	B string `env:"B" default:"two words # not a comment"`
	C string `env:"C" default:"pa$word"`
	D string `env:"D" default:"it's $5 \"now\" \\ then"`
}

func TestExampleCanBeReadBack(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	assert.NoError(t, config.WriteExample[quoting](&b, config.Options{}))
	lines := strings.Split(b.String(), "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "# ") {
			lines[i] = strings.TrimPrefix(line, "#")
		}
	}
	// No field has a default here, so that what is read is what was written.
	type bare struct {
		A string `env:"A"`
		B string `env:"B"`
		C string `env:"C"`
		D string `env:"D"`
	}
	got, err := config.Load[bare](config.Options{EnvFile: write(t, ".env", strings.Join(lines, "\n")), Environ: []string{}})
	assert.NoError(t, err)
	assert.Equal(t, got, bare{"plain", "two words # not a comment", "pa$word", `it's $5 "now" \ then`})
}

func TestExampleShowsNoSecret(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	assert.NoError(t, config.WriteExample[described](&b, config.Options{Prefix: "RELAY_"}))
	assert.True(t, !leaks(b.String()), "the default of a secret is in the example")
	assert.Contains(t, b.String(), "# How it runs.\n# One of: dev, production\n#RELAY_MODE=dev\n\n# Type: string\nRELAY_URL=\n")
}
