package token_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/galeweb/gale/auth/token"
)

func ExampleRefresh() {
	ctx := context.Background()
	refresh := token.NewRefresh(token.RefreshOptions{
		Store:  token.NewMemoryStore(), // token.NewSQLStore(db) keeps them
		Reused: func(_ context.Context, g token.Grant) { fmt.Println("mail to", g.User) },
	})
	// After alice has signed in and allowed it:
	first, _, err := refresh.Start(ctx, token.Grant{User: "alice", ClientID: "app", Scopes: []string{"posts.read"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	second, grant, err := refresh.Rotate(ctx, first, token.Use{ClientID: "app"})
	fmt.Println(grant.User, grant.Scopes, err)

	// A copy of the first token turns up: everything from that sign-in ends.
	_, _, err = refresh.Rotate(ctx, first, token.Use{ClientID: "app"})
	fmt.Println(errors.Is(err, token.ErrReused))
	_, _, err = refresh.Rotate(ctx, second, token.Use{ClientID: "app"})
	fmt.Println(errors.Is(err, token.ErrInvalid))
	// Output:
	// alice [posts.read] <nil>
	// mail to alice
	// true
	// true
}
