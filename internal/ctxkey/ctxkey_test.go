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
