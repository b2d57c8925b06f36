package apikey_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/apikey"
)

func ExampleRotate() {
	type robot struct {
		Owner  string
		Scopes []string
	}
	old, err := apikey.New("relay")
	if err != nil {
		fmt.Println(err)
		return
	}
	next, err := apikey.Rotate("relay", old.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	row := apikey.Record{
		Hash:     next.Hash,
		Previous: old.Hash, PreviousUntil: time.Now().Add(24 * time.Hour),
		Expires: time.Now().Add(90 * 24 * time.Hour),
	}
	users := auth.New(auth.Options[robot]{
		ID:          func(r robot) string { return r.Owner },
		Roles:       func(robot) []string { return []string{"editor"} },
		Permissions: map[string][]string{"editor": {"posts.read", "posts.write"}},
		Scopes:      func(r robot) ([]string, bool) { return r.Scopes, true },
		Authenticators: []auth.Authenticator[robot]{apikey.NewAuthenticator(apikey.Options[robot]{
			Prefix: "relay",
			Find: func(_ context.Context, id string) (apikey.Record, robot, error) {
				if id != old.ID {
					return apikey.Record{}, robot{}, apikey.ErrNotFound
				}
				return row, robot{Owner: "alice", Scopes: []string{"posts.read"}}, nil
			},
		})},
	})
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, k := range []apikey.Key{old, next} {
		for _, permission := range []string{"posts.read", "posts.write"} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+k.Plain)
			w := httptest.NewRecorder()
			users.Identify(users.Require(permission)(ok)).ServeHTTP(w, r)
			fmt.Print(permission, " ", w.Code, "; ")
		}
	}
	// Output: posts.read 200; posts.write 403; posts.read 200; posts.write 403;
}
