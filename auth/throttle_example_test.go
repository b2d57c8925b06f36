package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/web"
)

func ExampleThrottle() {
	hasher := auth.NewHasher(auth.HasherOptions{})
	store := accounts{"alice": {ID: "alice"}}
	throttle := auth.NewThrottle(auth.ThrottleOptions{})
	devices := auth.NewDevices(auth.DevicesOptions{Signer: testSigner("a keyring's signer")})

	login := web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		name, password := r.FormValue("name"), r.FormValue("password")
		attempt := auth.Attempt{
			Account: name,
			Addr:    middleware.ClientAddr(r.Context()),
			Device:  devices.Known(r, name),
		}
		ok, err := throttle.Check(r.Context(), attempt, func(ctx context.Context) (bool, error) {
			u := store[name] // empty when there is none, and then as slow
			ok, _, err := hasher.Verify(ctx, password, u.PasswordHash)
			return ok, err
		})
		if err != nil {
			return err // an *auth.ThrottledError is a 429 with Retry-After
		}
		if !ok {
			return &web.Error{Status: http.StatusUnauthorized, Message: "Wrong name or password."}
		}
		if err := devices.Remember(w, r, name); err != nil {
			return err
		}
		return web.Redirect(w, r, "/", http.StatusSeeOther)
	})
	site := middleware.ClientIP(middleware.ClientIPOptions{})(login)

	for range 6 {
		form := url.Values{"name": {"alice"}, "password": {"guess"}}
		r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		fmt.Print(w.Code, " ")
	}
	// Output:
	// 401 401 401 401 401 429
}
