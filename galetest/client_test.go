package galetest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// echo answers with what it was asked.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s\n%s\n", r.Method, r.Host, r.URL, body)
	_ = r.Header.Write(w)
})

func TestBodies(t *testing.T) {
	t.Parallel()
	galetest.Run(t, echo, func(t *testing.T, c *galetest.Client) {
		for _, row := range []struct {
			body       any
			sent, kind string
		}{
			{nil, "", ""},
			{"plain", "plain", "text/plain; charset=utf-8"},
			{`{"a":1}`, `{"a":1}`, "application/json"},
			{[]byte("[]"), "[]", "application/json"},
			{strings.NewReader("raw"), "raw", "application/octet-stream"},
			{url.Values{"a": {"1 2"}}, "a=1+2", "application/x-www-form-urlencoded"},
			{map[string]int{"a": 1}, `{"a":1}`, "application/json"},
		} {
			r := c.Post("/x?y=1", row.body).Status(200).Contains("POST gale.test /x?y=1\n" + row.sent + "\n")
			assert.True(t, strings.Contains(r.Text(), "Content-Type") == (row.kind != ""), "the content type is or is not there")
			if row.kind != "" {
				r.Contains("Content-Type: " + row.kind)
			}
		}
		c.Put("/", "x").Contains("PUT")
		c.Patch("/", "x").Contains("PATCH")
		c.Delete("/").Contains("DELETE")
		c.With("Content-Type", "application/x-mine").Post("/", "x").Contains("Content-Type: application/x-mine")
		c.Bearer("t0k").Get("/").Contains("Authorization: Bearer t0k")
		c.With("Host", "api.example.com").Get("/").Contains("GET api.example.com /")
		assert.True(t, !strings.Contains(c.Get("/").Text(), "Authorization"), "With changed its receiver")
	})
}

func TestBrowserSendsFetchMetadata(t *testing.T) {
	t.Parallel()
	galetest.Run(t, echo, func(t *testing.T, c *galetest.Client) {
		c.Browser().Post("/", url.Values{}).Contains("Origin: http://gale.test").
			Contains("Sec-Fetch-Site: same-origin").Contains("Accept: text/html")
		assert.True(t, !strings.Contains(c.Browser().Get("/").Text(), "Origin"), "a GET has an Origin")
		assert.True(t, !strings.Contains(c.Post("/", nil).Text(), "Sec-Fetch"), "a program sends Sec-Fetch")
	})
}

func TestSecureCookiesAreKept(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/in" {
			http.SetCookie(w, &http.Cookie{Name: "__Host-id", Value: "ada", Path: "/", Secure: true, HttpOnly: true})
			http.Redirect(w, r, "/me", http.StatusSeeOther)
			return
		}
		cookie, err := r.Cookie("__Host-id")
		if err != nil {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, cookie.Value)
	})
	o := galetest.Options{SignIn: func(c *galetest.Client, name string) {
		c.Post("/in", url.Values{"name": {name}}).Status(303)
	}}
	galetest.RunWith(t, o, func(testing.TB) http.Handler { return h }, func(t *testing.T, c *galetest.Client) {
		c.Get("/me").Status(401)
		c.Get("/in").Status(303).HasHeader("Location", "/me")
		c.Get("/me").Status(200).Contains("ada")
		assert.Equal(t, c.Cookie("__Host-id"), "ada")
		assert.Equal(t, c.Cookie("other"), "")

		stranger := c.Stranger()
		stranger.Get("/me").Status(401)
		stranger.Follow().Get("/in").Status(200).Contains("ada")

		c.As("ada").Get("/me").Status(200)

		planted := c.Stranger()
		planted.SetCookie("__Host-id", "mallory")
		planted.Get("/me").Contains("mallory")
	})
}

func TestLeavingTheServerIsRefused(t *testing.T) {
	t.Parallel()
	h := http.RedirectHandler("https://accounts.example.com/", http.StatusFound)
	f := try(t, func(tb testing.TB) { galetest.Start(tb, h, galetest.Options{}).Client().Follow().Get("/") })
	f.failedWith(t, "accounts.example.com is not the server under test")
}

func TestResponseChecks(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, r.URL.Query().Get("body"))
	})
	const problem = "/?type=application/problem%2Bjson&body={\"code\":\"label_taken\"}"
	for want, check := range map[string]func(c *galetest.Client){
		"": func(c *galetest.Client) {
			var v struct{ Code string }
			c.Get(problem).Status(409).Problem("label_taken").Problem("").JSON(&v).HasHeader("X-None", "")
			assert.Equal(t, v.Code, "label_taken")
		},
		"GET /: status 409, want 200\nshown": func(c *galetest.Client) { c.Get("/?type=text/plain&body=shown").Status(200) },
		`problem code "label_taken"`:         func(c *galetest.Client) { c.Get(problem).Problem("other") },
		`content type "text/plain"`:          func(c *galetest.Client) { c.Get("/?type=text/plain&body={}").JSON(new(any)) },
		`want "application/problem+json"`:    func(c *galetest.Client) { c.Get("/?type=application/json&body={}").Problem("") },
		"decode the body":                    func(c *galetest.Client) { c.Get("/?type=application/json&body={").JSON(new(any)) },
		`does not contain "b"`:               func(c *galetest.Client) { c.Get("/?type=a/b&body=a").Contains("b") },
		`header Content-Type is "a/b"`:       func(c *galetest.Client) { c.Get("/?type=a/b").HasHeader("Content-Type", "c/d") },
		"(10000 bytes)":                      func(c *galetest.Client) { c.Get("/?type=a/b&body=" + strings.Repeat("a", 10000)).Status(200) },
		`As("ada") without Options.SignIn`:   func(c *galetest.Client) { c.As("ada") },
		"encode the body":                    func(c *galetest.Client) { c.Post("/", json.Number("x")) },
	} {
		try(t, func(tb testing.TB) {
			check(galetest.Start(tb, h, galetest.Options{Servers: []string{galetest.NetHTTP}}).Client())
		}).failedWith(t, want)
	}
}
