package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

func TestGuards(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		user, path string
		allowed    bool
	}{
		{"", "/member", false},
		{"", "/read", false},
		{"", "/delete", false},
		{"carol", "/member", true},
		{"carol", "/read", false},
		{"carol", "/delete", false},
		{"bob", "/member", true},
		{"bob", "/read", true},
		{"bob", "/delete", false},
		{"alice", "/member", true},
		{"alice", "/read", true},
		{"alice", "/delete", true},
	} {
		s := newSite(t)
		if c.user != "" {
			s.get("/in/" + c.user)
		}
		w := s.get(c.path)
		assert.True(t, (w.Code == http.StatusOK) == c.allowed, fmt.Sprintf("%q at %s: %d", c.user, c.path, w.Code))
	}
}

func TestDenialsSayWhy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.get("/member", "Accept", "application/json")
	assert.Equal(t, w.Code, http.StatusUnauthorized)
	assert.Contains(t, w.Body.String(), `"code":"unauthenticated"`)
	assert.Equal(t, w.Header().Get("WWW-Authenticate"), "Session")
	s.get("/in/carol")
	w = s.get("/read", "Accept", "application/json")
	assert.Equal(t, w.Code, http.StatusForbidden)
	assert.Contains(t, w.Body.String(), `"code":"forbidden"`)
	assert.True(t, !strings.Contains(w.Body.String(), "posts.read"), "the answer names the permission")
	assert.Contains(t, s.obs.Err().Error(), "posts.read")
	w = s.get("/read", "Accept", "text/html")
	assert.Equal(t, w.Code, http.StatusForbidden) // and no redirect: it would loop
}

func TestPeopleAreSentToTheLoginPage(t *testing.T) {
	t.Parallel()
	page := []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}
	s := newSite(t)
	w := s.get("/member?tab=a&x=%26", append(page, "Sec-Fetch-Mode", "navigate")...)
	assert.Equal(t, w.Code, http.StatusSeeOther)
	u, err := url.Parse(w.Header().Get("Location"))
	assert.NoError(t, err)
	assert.Equal(t, u.Path, "/login")
	assert.Equal(t, u.Query().Get("next"), "/member?tab=a&x=%26")
	assert.Equal(t, w.Header().Get("Cache-Control"), "no-store")

	for name, header := range map[string][]string{
		"program": {"Accept", "*/*"},
		"fetch":   append(page, "Sec-Fetch-Mode", "cors"),
		"htmx":    append(page, "HX-Request", "true"),
	} {
		w := s.get("/member", header...)
		assert.True(t, w.Code == http.StatusUnauthorized, name+" was redirected")
	}
	assert.True(t, s.get("/login", page...).Code >= 400, "the login page redirects to itself")
}

// The path //evil.example/x is this site's while it is served, and another's
// as soon as it stands in a Location.
func TestAHostileNextIsNotPassedOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	guarded := s.auth.Identify(s.auth.Required(http.NotFoundHandler()))
	for _, target := range []string{"//evil.example/x", "/\\evil.example", "/a//evil.example"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RequestURI, r.URL = target, &url.URL{Opaque: target}
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		guarded.ServeHTTP(w, r)
		assert.Equal(t, w.Header().Get("Location"), "/login")
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/packets":                      "/packets",
		"/packets?to=//x&a=b":           "/packets?to=//x&a=b",
		"":                              "/home",
		"packets":                       "/home",
		"//evil.example":                "/home",
		"/\\evil.example":               "/home",
		"/\t/evil.example":              "/home",
		"/\n/evil.example":              "/home",
		"\\\\evil.example":              "/home",
		"/.//evil.example":              "/home",
		"https://evil.example":          "/home",
		"javascript:alert(1)":           "/home",
		" /x":                           "/home",
		"/" + strings.Repeat("a", 5000): "/home",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/login?"+url.Values{"next": {next}}.Encode(), nil)
		assert.Equal(t, auth.Next(r, "/home"), want)
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", strings.NewReader(url.Values{"next": {next}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		assert.Equal(t, auth.Next(r, "/home"), want)
	}
}

func TestNothingIsAllowedUnlessListed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct {
		roles []string
		perm  string
		want  bool
	}{
		{[]string{"admin"}, "users.delete", true},
		{[]string{"admin"}, "posts.read", true}, // by "*", listed for viewers
		{[]string{"admin"}, "posts.raed", false},
		{[]string{"admin"}, "*", false},
		{[]string{"admin"}, "", false},
		{[]string{"Admin"}, "users.delete", false},
		{[]string{"janitor"}, "posts.read", false},
		{[]string{"*"}, "posts.read", false},
		{[]string{"janitor", "viewer"}, "posts.read", true},
		{nil, "posts.read", false},
	} {
		var got bool
		h := s.auth.Identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			assert.NoError(t, s.auth.SignIn(r.Context(), user{ID: "x", Roles: c.roles}))
			got = s.auth.Can(r.Context(), c.perm)
		}))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		assert.True(t, got == c.want, fmt.Sprintf("%v %q: %v", c.roles, c.perm, got))
	}
}

func TestWiringMistakesPanic(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := func(u user) string { return u.ID }
	find := func(context.Context, string) (user, error) { return user{}, auth.ErrNoUser }
	sessions := session.New(session.Options{})
	serve := func(h http.Handler) {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	}
	for want, f := range map[string]func(){
		"Options.ID is missing":     func() { auth.New(auth.Options[user]{Sessions: sessions, Find: find}) },
		"Options.Find is missing":   func() { auth.New(auth.Options[user]{Sessions: sessions, ID: id}) },
		"nobody could ever sign in": func() { auth.New(auth.Options[user]{ID: id}) },
		"ever be granted": func() {
			auth.New(auth.Options[user]{Sessions: sessions, Find: find, ID: id, Permissions: map[string][]string{"a": {"b"}}})
		},
		"PermissionsOf without": func() {
			auth.New(auth.Options[user]{
				Sessions: sessions, Find: find, ID: id, Roles: func(user) []string { return nil },
				PermissionsOf: func(string) map[string]bool { return nil },
			})
		},
		"ConfirmURL is not a URL": func() {
			auth.New(auth.Options[user]{Sessions: sessions, Find: find, ID: id, ConfirmURL: "%zz"})
		},
		"a positive age":        func() { s.auth.RequireRecent(0) },
		"Begin outside":         func() { _ = s.auth.Begin(t.Context(), user{}, auth.MethodPassword) },
		"Confirm outside":       func() { _ = s.auth.Confirm(t.Context(), auth.MethodPassword) },
		"a guard outside of":    func() { serve(s.auth.SessionOnly(http.NotFoundHandler())) },
		"a guard outside of Id": func() { serve(s.auth.RequireRecent(1)(http.NotFoundHandler())) },
		"Begin without Options.": func() {
			serve(s.auth.Identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_ = s.auth.Begin(r.Context(), s.users["alice"], auth.MethodPassword)
			})))
		},
		"empty Method": func() {
			serve(s.auth.Identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_ = s.auth.SignIn(r.Context(), s.users["alice"], "")
			})))
		},
		"RequireRecent without Options.Sessions": func() {
			auth.New(auth.Options[user]{ID: id, Authenticators: []auth.Authenticator[user]{keyed{s}}}).RequireRecent(1)
		},
		"LoginURL is not a URL":   func() { auth.New(auth.Options[user]{Sessions: sessions, Find: find, ID: id, LoginURL: "%zz"}) },
		`permission "posts.raed"`: func() { s.auth.Require("posts.read", "posts.raed") },
		`permission "*"`:          func() { s.auth.Require("*") },
		"Require without":         func() { s.auth.Require() },
		"a guard outside":         func() { serve(s.auth.Required(http.NotFoundHandler())) },
		"SignIn outside":          func() { _ = s.auth.SignIn(t.Context(), user{}) },
		"SignOut outside":         func() { _ = s.auth.SignOut(t.Context()) },
		"MustUser with nobody":    func() { s.auth.MustUser(t.Context()) },
		"has an empty permission": func() {
			auth.New(auth.Options[user]{Sessions: sessions, Find: find, ID: id, Roles: func(user) []string { return nil }, Permissions: map[string][]string{"a": {""}}})
		},
		"SignIn without Options.Sessions": func() {
			a := auth.New(auth.Options[user]{ID: id, Authenticators: []auth.Authenticator[user]{keyed{s}}})
			serve(a.Identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _ = a.SignIn(r.Context(), user{}) })))
		},
	} {
		assert.Contains(t, assert.Panics(t, f).(string), want)
	}
}
