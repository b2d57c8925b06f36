package token_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/keyring"
)

func Example() {
	ctx := context.Background()
	set := keyring.NewSet(time.Now().Add(-time.Hour), keyring.Tokens)
	ring, err := keyring.Open(ctx, keyring.Options{Source: keyring.Text(set.Text())})
	if err != nil {
		panic(err)
	}
	keys := token.NewRingKeys(token.RingOptions{Ring: ring})
	issuer := token.NewIssuer(token.IssuerOptions{Issuer: "https://id.example.com", Keys: keys})
	access, err := issuer.Issue(token.Access{
		Subject: "alice", ClientID: "app", Audience: []string{"https://api.example.com"}, Scopes: []string{"posts.read"},
	})
	if err != nil {
		panic(err)
	}

	verifier := token.NewVerifier(token.VerifierOptions{Issuer: "https://id.example.com", Audience: "https://api.example.com", Keys: keys})
	users := auth.New(auth.Options[token.Claims]{
		ID: func(c token.Claims) string { return c.Subject },
		Authenticators: []auth.Authenticator[token.Claims]{
			token.NewAuthenticator(token.AuthenticatorOptions[token.Claims]{
				Verifiers: []*token.Verifier{verifier},
				Find:      func(_ context.Context, c token.Claims) (token.Claims, error) { return c, nil },
			}),
		},
	})
	h := users.Identify(users.Required(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, users.MustUser(r.Context()).Scopes)
	})))
	for _, bearer := range []string{access.Token, access.Token[1:]} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+bearer)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// 401
}
