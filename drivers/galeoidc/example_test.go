package galeoidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/keyring"
)

// visitors knows who is signed in; a real one asks the application's sessions.
type visitors struct{}

func (visitors) Session(*http.Request) (galeoidc.Session, bool, error) {
	return galeoidc.Session{UserID: "7", AuthTime: time.Now()}, true, nil
}

func (visitors) Claims(_ context.Context, id string) (galeoidc.Claims, error) {
	return galeoidc.Claims{Name: "User " + id}, nil
}

// openDB and openRing stand for what the application has anyway.
func openDB(ctx context.Context) *db.DB {
	d, err := db.Open(ctx, "sqlite::memory:", db.Options{Drivers: []db.Driver{galesqlite.Driver()}})
	if err != nil {
		panic(err)
	}
	return d
}

func openRing(ctx context.Context) *keyring.Ring {
	ring, err := keyring.Open(ctx, keyring.Options{Source: keyring.Text(keyring.NewSet(time.Now()).Text())})
	if err != nil {
		panic(err)
	}
	return ring
}

func Example() {
	ctx := context.Background()
	database, ring := openDB(ctx), openRing(ctx)
	defer database.Close()
	if _, err := database.Exec(ctx, galeoidc.Schema); err != nil { // in a migration
		panic(err)
	}
	store := galeoidc.NewStore(database)
	server, err := galeoidc.New(galeoidc.Options{
		Issuer: "https://app.example.com/oauth", // from the configuration
		Keys:   galeoidc.RingKeys(ring),
		Store:  store,
		Users:  visitors{},
		LoginURL: func(next string, _ bool) string {
			return "/login?next=" + url.QueryEscape(next)
		},
		ConsentURL: func(id string) string { return "/consent?request=" + id },
		Scopes:     []string{"packets:read", "packets:write"},
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	for _, pattern := range server.Patterns() {
		mux.Handle(pattern, server)
	}

	// On a page of the application: the secret is shown this once.
	client, secret, err := store.CreateClient(ctx, galeoidc.Client{
		Name: "Nightly report", GrantTypes: []string{galeoidc.ClientCredentials}, Scopes: []string{"packets:read"},
	})
	if err != nil {
		panic(err)
	}

	// The program asks for a token of its own.
	r := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader("grant_type=client_credentials"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client.ID, secret)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	var token struct {
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
		Scope   string `json:"scope"`
	}
	err = json.Unmarshal(w.Body.Bytes(), &token)
	fmt.Println(w.Code, token.Type, token.Expires, token.Scope, err)
	// Output:
	// 200 Bearer 600 packets:read <nil>
}

func ExampleServer_Verifier() {
	ctx := context.Background()
	database, ring := openDB(ctx), openRing(ctx)
	defer database.Close()
	if _, err := database.Exec(ctx, galeoidc.Schema); err != nil {
		panic(err)
	}
	const api = "https://app.example.com/api"
	store := galeoidc.NewStore(database)
	server, err := galeoidc.New(galeoidc.Options{
		Issuer: "https://app.example.com/oauth", Audience: []string{api}, Keys: galeoidc.RingKeys(ring), Store: store, Users: visitors{},
		LoginURL: func(next string, _ bool) string { return "/login" }, ConsentURL: func(id string) string { return "/consent" },
		Scopes: []string{"packets:read"},
	})
	if err != nil {
		panic(err)
	}
	// One of auth.Options.Authenticators, beside API keys.
	tokens := token.NewAuthenticator(token.AuthenticatorOptions[string]{
		Verifiers: []*token.Verifier{server.Verifier(api)},
		Denied:    server.Denied,
		Find: func(_ context.Context, c token.Claims) (string, error) {
			return fmt.Sprintf("a client with %v", c.Scopes), nil // for a user, look c.Subject up
		},
	})

	client, secret, err := store.CreateClient(ctx, galeoidc.Client{
		Name: "Nightly report", GrantTypes: []string{galeoidc.ClientCredentials}, Scopes: []string{"packets:read"},
	})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader("grant_type=client_credentials"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client.ID, secret)
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	var got struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		panic(err)
	}

	r = httptest.NewRequest(http.MethodGet, "/api/packets", nil)
	r.Header.Set("Authorization", "Bearer "+got.Access)
	fmt.Println(tokens.Authenticate(ctx, r))
	if err := store.DeleteClient(ctx, client.ID); err != nil {
		panic(err)
	}
	_, _, err = tokens.Authenticate(ctx, r)
	fmt.Println(errors.Is(err, token.ErrDenied)) // at once, though it has not expired
	// Output:
	// a client with [packets:read] true <nil>
	// true
}

func ExampleServer_Approve() {
	ctx := context.Background()
	database, ring := openDB(ctx), openRing(ctx)
	defer database.Close()
	if _, err := database.Exec(ctx, galeoidc.Schema); err != nil {
		panic(err)
	}
	users := visitors{}
	server, err := galeoidc.New(galeoidc.Options{
		Issuer: "https://app.example.com/oauth", Keys: galeoidc.RingKeys(ring), Store: galeoidc.NewStore(database), Users: users,
		LoginURL: func(next string, _ bool) string { return "/login" }, ConsentURL: func(id string) string { return "/consent" },
	})
	if err != nil {
		panic(err)
	}
	// POST /consent, behind the guard that requires a signed-in user and the
	// check against cross-site requests.
	answer := func(w http.ResponseWriter, r *http.Request) error {
		session, _, err := users.Session(r)
		if err != nil {
			return err
		}
		var location string
		if r.FormValue("answer") == "yes" {
			location, err = server.Approve(r.Context(), r.FormValue("request"), session)
		} else {
			location, err = server.Deny(r.Context(), r.FormValue("request"))
		}
		if err != nil {
			return err
		}
		http.Redirect(w, r, location, http.StatusSeeOther)
		return nil
	}
	r := httptest.NewRequest(http.MethodPost, "/consent", strings.NewReader("answer=yes&request=over"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	fmt.Println(answer(httptest.NewRecorder(), r))
	// Output:
	// 404 This request is over. Please go back to the application and start again.: galeoidc: no such authorization request
}
