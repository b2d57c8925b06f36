package config_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	gale "github.com/galeweb/gale/config"

	"github.com/galeweb/gale/cmd/gale/reference/config"
)

var update = flag.Bool("update", false, "write .env.example as it should be")

// .env.example is made from the fields of Config; make env writes it.
func TestEnvExample(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	if err := gale.WriteExample[config.Config](&want, gale.Options{Prefix: "RELAY_"}); err != nil {
		t.Fatal(err)
	}
	const file = "../.env.example"
	if *update {
		if err := os.WriteFile(file, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is out of date; run make env\ngot:\n%s\nwant:\n%s", file, got, want.Bytes())
	}
}
