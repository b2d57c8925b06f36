package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/web"
)

// openKeys makes keys on the spot; a service has them in its configuration.
func openKeys() *keyring.Ring {
	keys, err := keyring.Open(context.Background(), keyring.Options{Source: keyring.Text(keyring.NewSet(time.Now()).Text())})
	if err != nil {
		panic(err)
	}
	return keys
}

func Example() {
	keys, store := openKeys(), &links{} // in a service, oauth.NewSQLStore(db)
	providers := oauth.New(oauth.Options{
		BaseURL:   "https://app.example.com",
		AEAD:      keys.AEAD("oauth.state"),
		Providers: []oauth.Provider{oauth.GitHub("client-id", config.NewSecret("client-secret"))},
		User: func(context.Context) (id string, since time.Time) {
			return "", time.Time{} // who is signed in here, and since when
		},
		Done: func(w http.ResponseWriter, r *http.Request, res oauth.Result) error {
			user, err := oauth.Resolve(r.Context(), store, res, time.Now())
			if errors.Is(err, oauth.ErrUnknown) {
				return web.Redirect(w, r, "/sign-up", http.StatusSeeOther)
			}
			if err != nil {
				return err
			}
			fmt.Println("sign in", user)
			return web.Redirect(w, r, res.Next, http.StatusSeeOther)
		},
	})
	mux := http.NewServeMux()
	for _, p := range providers.Providers() {
		mux.Handle("GET /login/"+p.Name, providers.Start(p.Name, oauth.SignIn))
		mux.Handle("GET /link/"+p.Name, providers.Start(p.Name, oauth.Link))
		mux.Handle("GET "+providers.CallbackPath(p.Name), providers.Callback(p.Name))
	}

	r := httptest.NewRequest(http.MethodGet, "/login/github?next=/packets", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin") // a link on our own page
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(w.Code, to.Host, to.Query().Get("redirect_uri"))
	// Output: 303 github.com https://app.example.com/login/github/callback
}

func ExampleResolve() {
	ctx, store, now := context.Background(), &links{}, time.Now()
	work := oauth.Identity{Provider: "work", Issuer: "https://id.example.com", Subject: "17", Email: "ann@example.com"}
	same := oauth.Identity{Provider: "other", Issuer: "https://other.example", Subject: "4", Email: "ann@example.com"}

	// Ann has signed up by work.
	if err := store.Add(ctx, oauth.NewRecord("ann", work, now)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(oauth.Resolve(ctx, store, oauth.Result{Identity: work, Purpose: oauth.SignIn}, now))
	// The same mail address elsewhere is not her.
	fmt.Println(oauth.Resolve(ctx, store, oauth.Result{Identity: same, Purpose: oauth.SignIn}, now))
	// Until she links it, while she is signed in.
	fmt.Println(oauth.Resolve(ctx, store, oauth.Result{Identity: same, Purpose: oauth.Link, User: "ann"}, now))
	fmt.Println(oauth.Resolve(ctx, store, oauth.Result{Identity: same, Purpose: oauth.SignIn}, now))
	// Output:
	// ann <nil>
	//  oauth: identity is not linked to a user
	// ann <nil>
	// ann <nil>
}
