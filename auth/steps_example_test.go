package auth_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// staff are the members of a team.
func staff() *auth.Auth[member] {
	store := accounts{"alice": {"alice", "editor", "$argon2id$…"}}
	return auth.New(auth.Options[member]{
		Sessions:    session.New(session.Options{}),
		Find:        store.User,
		ID:          func(u member) string { return u.ID },
		Roles:       func(u member) []string { return []string{u.Role} },
		Permissions: map[string][]string{"editor": {"posts.write"}, "admin": {"*", "posts.delete"}},
		Stamp:       func(u member) string { return u.PasswordHash },
	})
}

func ExampleAuth_Begin() {
	users := staff()
	mux := http.NewServeMux()
	mux.Handle("POST /login", web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		alice := member{ID: "alice", Role: "editor", PasswordHash: "$argon2id$…"} // whose password was right
		if err := users.Begin(r.Context(), alice, auth.MethodPassword); err != nil {
			return err
		}
		return web.Redirect(w, r, "/login/code", http.StatusSeeOther)
	}))
	mux.Handle("POST /login/code", web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		u, _, ok := users.Pending(r.Context())
		if !ok {
			return web.Redirect(w, r, "/login", http.StatusSeeOther)
		}
		// Here the code of u is checked, behind a Throttle with Codes.
		if err := users.SignIn(r.Context(), u, auth.MethodTOTP); err != nil {
			return err
		}
		return web.Redirect(w, r, "/", http.StatusSeeOther)
	}))
	mux.Handle("GET /", users.Required(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, users.MustUser(r.Context()).ID, users.Methods(r.Context()))
	})))
	site := users.Identify(mux)

	var cookies []*http.Cookie
	for _, step := range []string{"POST /login", "GET /", "POST /login/code", "GET /"} {
		var method, path string
		_, _ = fmt.Sscan(step, &method, &path)
		r := httptest.NewRequest(method, path, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if set := w.Result().Cookies(); len(set) > 0 {
			cookies = set
		}
		if w.Code == http.StatusOK {
			fmt.Println(step, w.Code, w.Body)
		} else {
			fmt.Printf("%s %d %q\n", step, w.Code, w.Header().Get("Location"))
		}
	}
	// Output:
	// POST /login 303 "/login/code"
	// GET / 401 ""
	// POST /login/code 303 "/"
	// GET / 200 alice[password totp]
}

// Who sets up a second factor goes on in the session that did it.
func ExampleAuth_Rebind() {
	store := accounts{"alice": {"alice", "editor", "$argon2id$…"}}
	factors := map[string]int{} // a counter beside each user, which grows with every change of the factors
	sessions := session.New(session.Options{})
	users := auth.New(auth.Options[member]{
		Sessions: sessions, Find: store.User, ID: func(u member) string { return u.ID },
		Stamp: func(u member) string { return fmt.Sprint(u.PasswordHash, factors[u.ID]) },
	})
	mux := http.NewServeMux()
	mux.Handle("POST /login", web.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		return users.SignIn(r.Context(), store["alice"], auth.MethodPassword) // whose password was right
	}))
	mux.Handle("POST /factors", users.Required(web.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		id := users.MustUser(ctx).ID
		factors[id]++ // with the new factor, of which the first code was right
		if err := sessions.RevokeAll(ctx, id, session.From(ctx).ID()); err != nil {
			return err
		}
		return users.Rebind(ctx, auth.MethodTOTP)
	})))
	mux.Handle("GET /", users.Required(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, users.MustUser(r.Context()).ID, users.Methods(r.Context()))
	})))
	site := users.Identify(mux)

	var cookies []*http.Cookie
	for _, path := range []string{"/login", "/factors", "/"} {
		r := httptest.NewRequest(map[bool]string{true: http.MethodGet, false: http.MethodPost}[path == "/"], path, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if set := w.Result().Cookies(); len(set) > 0 {
			cookies = set
		}
		fmt.Printf("%s %d %q\n", path, w.Code, w.Body)
	}
	// Output:
	// /login 200 ""
	// /factors 200 ""
	// / 200 "alice[password totp]"
}

func ExampleCheckRoutes() {
	users := staff()
	page := func(http.ResponseWriter, *http.Request) error { return nil }
	r := router.New()
	r.Use(users.Identify)
	r.Mount("/static", auth.Public("assets")(http.NotFoundHandler()))
	r.Group("", func(r *router.Router) {
		r.Use(auth.Public("sign-in"))
		r.Get("/login", page)
	})
	r.Group("/posts", func(r *router.Router) {
		r.Use(users.SessionOnly, users.Require("posts.write"))
		r.Post("", page)
		r.Handle("DELETE /{id}", users.RequireRecent(10*time.Minute)(web.HandlerFunc(page)))
	})
	r.Get("/forgotten", page)
	for route := range r.Routes() {
		fmt.Printf("%s: %q\n", route.Pattern, route.Decision)
	}
	fmt.Println(auth.CheckRoutes(r, true, slog.Default()) != nil)
	// Output:
	// /static/: "public: assets"
	// GET /login: "public: sign-in"
	// POST /posts: "permission posts.write"
	// DELETE /posts/{id}: "permission posts.write; confirmed within 10m0s"
	// GET /forgotten: ""
	// true
}

func ExampleAuth_Allow() {
	users := staff()
	deletePost := func(ctx context.Context, author string) error {
		return users.Allow(ctx, "posts.delete", func(u member) bool { return u.ID == author })
	}
	site := users.Identify(web.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		alice := member{ID: "alice", Role: "editor"}
		if err := users.SignIn(ctx, alice, auth.MethodPasskey); err != nil {
			return err
		}
		fmt.Println(deletePost(ctx, "alice"))
		fmt.Println(deletePost(ctx, "bob"))
		fmt.Println(auth.Hide(deletePost(ctx, "bob")) != nil) // 404: nobody learns that it exists
		fmt.Println(users.Explain(ctx, "posts.delete"))
		return nil
	}))
	site.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "https://blog.example/", nil))
	// Output:
	// <nil>
	// 403 You are not allowed to do this.: auth: permission "posts.delete" is missing
	// true
	// user "alice" may not "posts.delete": none of the roles ["editor"] grants it; those that do: ["admin"]
}
