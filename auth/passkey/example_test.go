package passkey_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/web"
)

func Example() {
	// In a service: galewebauthn.New(), passkey.NewSQLStore(db),
	// keys.Signer("passkey", 5*time.Minute), and the user of the session.
	currentUser := func(r *http.Request) (passkey.Account, error) {
		return passkey.Account{ID: "7", Name: "ann@example.com", DisplayName: "Ann"}, nil
	}
	passkeys := passkey.New(passkey.Options{
		RPID: "example.com", RPName: "Example", Origins: []string{"https://example.com"},
		Verifier: verifier{}, Store: newStore(), Signer: signer("a keyring's signer"),
		Account: currentUser,
		SignedIn: func(w http.ResponseWriter, r *http.Request, c passkey.Credential) (string, error) {
			// return next, session.From(r.Context()).SignIn(r.Context(), c.UserID)
			return web.LocalPath(r.URL.Query().Get("next"), "/"), nil
		},
	})
	mux := http.NewServeMux()
	mux.Handle("POST /passkeys/register/begin", web.HandlerFunc(passkeys.BeginRegistration))
	mux.Handle("POST /passkeys/register/finish", web.HandlerFunc(passkeys.FinishRegistration))
	mux.Handle("POST /passkeys/sign-in/begin", web.HandlerFunc(passkeys.BeginSignIn))
	mux.Handle("POST /passkeys/sign-in/finish", web.HandlerFunc(passkeys.FinishSignIn))
	mux.Handle("GET /passkey.js", passkey.JS())

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/passkeys/register/begin", nil))
	fmt.Println(w.Code, strings.Contains(w.Body.String(), `"residentKey":"required"`))
	all, err := passkeys.List(context.Background(), "7")
	fmt.Println(len(all), err)
	// Output:
	// 200 true
	// 0 <nil>
}

func ExampleOptions_pending() {
	passkeys := passkey.New(passkey.Options{
		RPID: "example.com", RPName: "Example", Origins: []string{"https://example.com"},
		Verifier: verifier{}, Store: newStore(), Signer: signer("a keyring's signer"),
		Account: func(*http.Request) (passkey.Account, error) {
			return passkey.Account{}, &web.Error{Status: http.StatusUnauthorized}
		},
		SignedIn: func(http.ResponseWriter, *http.Request, passkey.Credential) (string, error) { return "/", nil },
		// The password was right; the session says whose.
		Pending: func(r *http.Request) (string, error) {
			user := cmp.Or(r.Header.Get("X-Pending"), "7") // session.Get[string](session.From(r.Context()), "pending")
			return user, nil
		},
		Confirmed: func(http.ResponseWriter, *http.Request, passkey.Credential) (string, error) {
			return "/", nil // session.From(r.Context()).SignIn(r.Context(), c.UserID)
		},
	})
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/passkeys/confirm/begin", nil)
	web.HandlerFunc(passkeys.BeginConfirm).ServeHTTP(w, r)
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "passkey_none"))
	// Output: 409 true
}
