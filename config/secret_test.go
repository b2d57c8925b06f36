package config_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
)

const hunter2 = "hunter2"

type holder struct {
	Key     config.Secret
	Pointer *config.Secret
	List    []config.Secret
	Map     map[string]config.Secret
	hidden  config.Secret
	nested  struct{ deep []config.Secret }
}

func newHolder() *holder {
	s := config.NewSecret(hunter2)
	h := &holder{Key: s, Pointer: &s, List: []config.Secret{s}, Map: map[string]config.Secret{"k": s}, hidden: s}
	h.nested.deep = []config.Secret{s}
	return h
}

// leaks reports whether the secret is in out, plain or in hex or as bytes.
func leaks(out string) bool {
	lower := strings.ToLower(out)
	for _, form := range []string{hunter2, "68756e74657232", "68 75 6e", "0x68", "104 117 110", "u+0068"} {
		if strings.Contains(lower, form) {
			return true
		}
	}
	return false
}

func TestSecretLeaksUnderNoVerb(t *testing.T) {
	t.Parallel()
	h := newHolder()
	values := []any{
		h.Key, h.Pointer, h.List, h.Map, *h, h,
		[]any{h.Key, *h},
		[1]config.Secret{h.Key},
		struct{ any }{h.Key},
		struct{ s any }{h.hidden},
		map[config.Secret]int{h.Key: 1},
	}
	for verb := 'A'; verb <= 'z'; verb++ {
		for _, flags := range []string{"", "+", "#", " ", "-0", "20.9", "# +"} {
			for _, v := range values {
				format := "%" + flags + string(verb)
				if out := fmt.Sprintf(format, v); leaks(out) {
					t.Errorf("Sprintf(%q, %T) = %s", format, v, out)
				}
			}
		}
	}
	for _, v := range values {
		assert.True(t, !leaks(fmt.Sprint(v)+fmt.Sprintln(v)), "Sprint leaks")
		assert.True(t, !leaks(fmt.Errorf("bad: %w, %v", errors.New("x"), v).Error()), "Errorf leaks")
		for _, wrong := range []string{"no verb", "%*d", "%[3]d", "%!"} { // in a variable, since vet would object
			assert.True(t, !leaks(fmt.Sprintf(wrong, v, 1)), wrong+" leaks")
		}
	}
}

func TestSecretPrintsAMask(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		assert.Equal(t, fmt.Sprintf(format, config.NewSecret(hunter2)), "[secret]")
		assert.Equal(t, fmt.Sprintf(format, config.Secret{}), "[unset]")
	}
}

func TestSecretLeaksThroughNoEncoder(t *testing.T) {
	t.Parallel()
	h := newHolder()
	encode := map[string]func() (string, error){
		"json":   func() (string, error) { b, err := json.Marshal(h); return string(b), err },
		"jsonv2": func() (string, error) { b, err := jsonv2.Marshal(h); return string(b), err },
		"xml":    func() (string, error) { b, err := xml.Marshal(h.Key); return string(b), err },
		"text":   func() (string, error) { b, err := h.Key.MarshalText(); return string(b), err },
		"html": func() (string, error) {
			var b bytes.Buffer
			err := template.Must(template.New("").Parse(`{{.Key}}<script>{{.Key}}</script>`)).Execute(&b, h)
			return b.String(), err
		},
		"slog json": func() (string, error) { return logged(h, true), nil },
		"slog text": func() (string, error) { return logged(h, false), nil },
	}
	for name, f := range encode {
		out, err := f()
		assert.NoError(t, err)
		assert.True(t, !leaks(out), name+" leaks: "+out)
		assert.Contains(t, out, "secret]")
	}
	var b bytes.Buffer
	_ = gob.NewEncoder(&b).Encode(h.Key) // an error is as good as a mask
	assert.True(t, !leaks(b.String()), "gob leaks")
}

func logged(h *holder, asJSON bool) string {
	var b bytes.Buffer
	var handler slog.Handler = slog.NewTextHandler(&b, nil)
	if asJSON {
		handler = slog.NewJSONHandler(&b, nil)
	}
	slog.New(handler).With("with", h.Key).Info("hi", "key", h.Key, "pointer", h.Pointer, "all", h, "value", *h)
	return b.String()
}

func TestSecretLeaksFromNoPanic(t *testing.T) {
	t.Parallel()
	v := assert.Panics(t, func() { panic(newHolder().Key) })
	assert.True(t, !leaks(fmt.Sprint(v)), "the panic leaks")
}

func TestSecretValue(t *testing.T) {
	t.Parallel()
	s := config.NewSecret(hunter2)
	assert.Equal(t, s.Reveal(), hunter2)
	assert.Equal(t, config.Secret{}.Reveal(), "")
	assert.True(t, config.NewSecret("").IsZero(), "the empty secret is not zero")
	assert.True(t, s.Equal(config.NewSecret(hunter2)), "equal values differ")
	assert.True(t, !s.Equal(config.NewSecret("hunter3")), "different values are equal")
	assert.True(t, !s.Equal(config.Secret{}), "a value equals none")

	var read struct{ Key config.Secret }
	assert.NoError(t, json.Unmarshal([]byte(`{"Key":"hunter2"}`), &read))
	assert.Equal(t, read.Key.Reveal(), hunter2)
}

func TestSecretRefusesItsOwnMask(t *testing.T) {
	t.Parallel()
	_, err := config.Load[struct {
		Key config.Secret `env:"KEY"`
	}](config.Options{EnvFile: "/dev/null", Environ: []string{"KEY=[secret]"}})
	assert.Contains(t, fmt.Sprint(err), "KEY: [secret] is not a config.Secret")
}
