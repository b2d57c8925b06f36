package ctxkey_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/galeweb/gale/internal/ctxkey"
)

func Example() {
	lang := ctxkey.New[string]("lang")
	ctx := lang.With(context.Background(), "sv")
	v, ok := lang.Value(ctx)
	fmt.Println(v, ok)
	// Output: sv true
}

func TestKeysOfOneNameDiffer(t *testing.T) {
	t.Parallel()
	a, b := ctxkey.New[int]("n"), ctxkey.New[int]("n")
	ctx := a.With(t.Context(), 1)
	if v, ok := b.Value(ctx); ok || v != 0 {
		t.Errorf("b = %d, %v; want the zero value and false", v, ok)
	}
	if a.String() != "n" {
		t.Errorf("String = %q, want n", a)
	}
}

func TestNode(t *testing.T) {
	t.Parallel()
	k, outer := ctxkey.New[*int]("n"), ctxkey.New[string]("outer")
	var of struct {
		node ctxkey.Node[*int]
		n    int
	}
	around, cancel := context.WithCancel(outer.With(t.Context(), "there"))
	ctx := k.Put(around, &of.node, &of.n)
	if v, ok := k.Value(ctx); !ok || v != &of.n {
		t.Errorf("Value = %p, %v; want %p", v, ok, &of.n)
	}
	if v, _ := outer.Value(ctx); v != "there" {
		t.Errorf("the value of the context around = %q", v)
	}
	below, stop := context.WithCancel(ctx)
	defer stop()
	cancel()
	if below.Err() == nil {
		t.Error("the end of the context around did not go through")
	}
}
