package roles_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/galeweb/gale/auth/roles"
)

func Example() {
	ctx := context.Background()
	permissions := map[string][]string{"admin": {"*", "roles.manage"}, "editor": {"posts.write"}}
	stored, err := roles.Open(ctx, roles.Options{
		Store: roles.NewMemoryStore(), Permissions: permissions, Protected: "roles.manage",
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(stored.Add(ctx, "moderator", []string{"posts.write"}))
	fmt.Println(stored.Set(ctx, "moderator", []string{"posts.wriet"}))
	err = stored.Set(ctx, "admin", []string{"posts.write"})
	fmt.Println(errors.Is(err, roles.ErrProtected))
	// From a form that showed what somebody else has changed since.
	err = stored.Replace(ctx, "editor", []string{"posts.delete"}, nil)
	fmt.Println(errors.Is(err, roles.ErrConflict))
	for _, role := range stored.List() {
		fmt.Println(role.Name, role.Permissions, role.Builtin, role.Changed)
	}
	fmt.Println(stored.PermissionsOf("moderator")["posts.write"]) // auth.Options.PermissionsOf
	// Output:
	// <nil>
	// 422 Some of the values are not valid.
	// true
	// true
	// admin [* roles.manage] true false
	// editor [posts.write] true false
	// moderator [posts.write] false true
	// true
}
