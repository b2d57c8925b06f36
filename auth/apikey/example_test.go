package apikey_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/galeweb/gale/auth/apikey"
)

func Example() {
	k, err := apikey.New("relay")
	if err != nil {
		panic(err)
	}
	stored := map[string]apikey.Record{k.ID: {Hash: k.Hash}}

	keys := apikey.NewAuthenticator(apikey.Options[string]{
		Prefix: "relay",
		Find: func(_ context.Context, id string) (apikey.Record, string, error) {
			rec, ok := stored[id]
			if !ok {
				return rec, "", apikey.ErrNotFound
			}
			return rec, "alice", nil
		},
	})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+k.Plain)
	fmt.Println(keys.Authenticate(r.Context(), r))
	// Output: alice true <nil>
}
