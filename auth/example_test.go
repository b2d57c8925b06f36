package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

type member struct{ ID, Role, PasswordHash string }

// accounts is an application's own store of users.
type accounts map[string]member

func (a accounts) User(_ context.Context, id string) (member, error) {
	if u, ok := a[id]; ok {
		return u, nil
	}
	return member{}, auth.ErrNoUser
}

func Example() {
	hasher := auth.NewHasher(auth.HasherOptions{})
	hash, err := hasher.Hash(context.Background(), "correct horse")
	if err != nil {
		panic(err)
	}
	store := accounts{"alice": {"alice", "editor", hash}}
	users := auth.New(auth.Options[member]{
		Sessions:    session.New(session.Options{}),
		Find:        store.User,
		ID:          func(u member) string { return u.ID },
		Roles:       func(u member) []string { return []string{u.Role} },
		Permissions: map[string][]string{"editor": {"posts.write"}},
	})

	mux := http.NewServeMux()
	mux.Handle("POST /login", web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		u, err := store.User(r.Context(), r.FormValue("name"))
		if err != nil && !errors.Is(err, auth.ErrNoUser) {
			return err
		}
		// Also without a user: who has an account is no answer's business.
		ok, _, err := hasher.Verify(r.Context(), r.FormValue("password"), u.PasswordHash)
		if err != nil {
			return err
		}
		if !ok {
			return &web.Error{Status: http.StatusUnauthorized, Message: "Wrong name or password."}
		}
		if err := users.SignIn(r.Context(), u); err != nil {
			return err
		}
		return web.Redirect(w, r, auth.Next(r, "/"), http.StatusSeeOther)
	}))
	mux.Handle("GET /write", users.Require("posts.write")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello, ", users.MustUser(r.Context()).ID)
	})))
	site := users.Identify(mux)

	page := httptest.NewRequest(http.MethodGet, "/write", nil)
	page.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	site.ServeHTTP(w, page)
	fmt.Println(w.Code, w.Header().Get("Location"))

	form := url.Values{"name": {"alice"}, "password": {"correct horse"}, "next": {"/write"}}
	login := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(form.Encode()))
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w = httptest.NewRecorder()
	site.ServeHTTP(w, login)
	fmt.Println(w.Code, w.Header().Get("Location"))

	page.AddCookie(w.Result().Cookies()[0])
	w = httptest.NewRecorder()
	site.ServeHTTP(w, page)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 303 /login?next=%2Fwrite
	// 303 /write
	// 200 hello, alice
}

func ExampleHasher_Verify() {
	ctx := context.Background()
	hasher := auth.NewHasher(auth.Calibrate(ctx, 100*time.Millisecond, 0))

	// As a Tornado application stored it, with bcrypt.
	stored := "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
	for range 2 {
		ok, rehash, err := hasher.Verify(ctx, "correct horse", stored)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(ok, rehash)
		if ok && rehash {
			if stored, err = hasher.Hash(ctx, "correct horse"); err != nil {
				fmt.Println(err)
				return
			}
		}
	}
	// Output:
	// true true
	// true false
}
