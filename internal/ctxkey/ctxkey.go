// Package ctxkey gives context values a type: a key made by [New] stores and
// returns a T, so that callers need no assertion and no exported key.
//
//	var user = ctxkey.New[User]("auth.User")
//	ctx = user.With(ctx, u)
//	u, ok := user.Value(ctx)
//
// A Key is immutable and may be shared by any number of goroutines.
package ctxkey

import "context"

// Key is the identity of one context value of type T. Two keys with the same
// name are different keys.
type Key[T any] struct{ id *identity }

type identity struct{ name string }

// New returns a key; name is what a debugger or %v shows.
func New[T any](name string) Key[T] { return Key[T]{&identity{name}} }

// With returns a copy of ctx that carries v under k.
func (k Key[T]) With(ctx context.Context, v T) context.Context {
	return context.WithValue(ctx, k.id, v)
}

// Value returns what [Key.With] stored; ok is false when nothing was, and then
// v is the zero value.
func (k Key[T]) Value(ctx context.Context) (v T, ok bool) {
	v, ok = ctx.Value(k.id).(T)
	return v, ok
}

// Node is a context that carries one value, for a struct that each request has
// anyway: a context inside of it needs no memory of its own. [Key.Put] fills it.
type Node[T any] struct {
	context.Context
	id *identity
	v  T
}

// Value is that of the contexts around, but for the key of the node.
func (n *Node[T]) Value(key any) any {
	if key == n.id {
		return n.v
	}
	return n.Context.Value(key)
}

// Put is [Key.With] in the memory of n, which nobody may have used before.
func (k Key[T]) Put(ctx context.Context, n *Node[T], v T) context.Context {
	n.Context, n.id, n.v = ctx, k.id, v
	return n
}

// String returns the name given to [New].
func (k Key[T]) String() string { return k.id.name }
