package middleware_test

import (
	"net/http"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
)

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	h := middleware.CrossOrigin(middleware.CrossOriginOptions{
		Trusted: []string{"https://app.example"},
		Bypass:  []string{"/hooks/", "POST /public"},
	})(ok)
	const (
		site   = "Sec-Fetch-Site"
		origin = "Origin"
	)
	for _, c := range []struct {
		name         string
		method, path string
		headers      []string
		want         int
	}{
		{"own page", "POST", "/", []string{site, "same-origin", origin, "https://gale.example"}, 200},
		{"typed by the user", "POST", "/", []string{site, "none"}, 200},
		{"no browser", "POST", "/", nil, 200},
		{"old browser, own page", "POST", "/", []string{origin, "https://gale.example"}, 200},
		{"trusted", "POST", "/", []string{site, "cross-site", origin, "https://app.example"}, 200},
		{"link from elsewhere", "GET", "/", []string{site, "cross-site"}, 200},
		{"bypass", "DELETE", "/hooks/a", []string{site, "cross-site", origin, "https://evil.example"}, 200},
		{"bypass of a method", "POST", "/public", []string{site, "cross-site"}, 200},
		{"own WebSocket", "GET", "/live", []string{"Upgrade", "websocket", origin, "https://gale.example"}, 200},
		{"WebSocket of a program", "GET", "/live", []string{"Upgrade", "websocket"}, 200},
		{"WebSocket of a trusted page", "GET", "/live", []string{"Upgrade", "websocket", site, "cross-site", origin, "https://app.example"}, 200},
		{"bypassed WebSocket", "GET", "/hooks/live", []string{"Upgrade", "websocket", site, "cross-site"}, 200},

		{"attack: form", "POST", "/", []string{site, "cross-site", origin, "https://evil.example"}, 403},
		{"attack: sibling", "POST", "/", []string{site, "same-site", origin, "https://evil.gale.example"}, 403},
		{"attack: no Origin", "PUT", "/", []string{site, "cross-site"}, 403},
		{"attack: null Origin", "POST", "/", []string{site, "cross-site", origin, "null"}, 403},
		{"attack: old browser", "POST", "/", []string{origin, "https://evil.example"}, 403},
		{"attack: old browser, null", "DELETE", "/", []string{origin, "null"}, 403},
		{"attack: unknown site", "POST", "/", []string{site, "friendly"}, 403},
		{"attack: suffix", "POST", "/", []string{origin, "https://gale.example.evil.example"}, 403},
		{"attack: prefix", "POST", "/", []string{origin, "https://evilgale.example"}, 403},
		{"attack: user part", "POST", "/", []string{origin, "https://gale.example@evil.example"}, 403},
		{"attack: port", "POST", "/", []string{origin, "https://gale.example:8443"}, 403},
		{"attack: trusted host, plain", "POST", "/", []string{site, "cross-site", origin, "http://app.example"}, 403},
		{"attack: odd method", "BREW", "/", []string{site, "cross-site"}, 403},
		{"attack: path that cleans to a bypass", "POST", "/x/../hooks/", []string{site, "cross-site"}, 403},
		{"attack: WebSocket", "GET", "/live", []string{"Upgrade", "websocket", site, "cross-site", origin, "https://evil.example"}, 403},
		{"attack: WebSocket, old browser", "GET", "/live", []string{"Upgrade", "websocket", origin, "https://evil.example"}, 403},
	} {
		r := request(c.method, "https://gale.example/", c.headers...)
		r.URL.Path = c.path
		res := do(h, r)
		if res.Code != c.want {
			t.Errorf("%s: %d, want %d", c.name, res.Code, c.want)
		}
		if res.Code == http.StatusForbidden {
			assert.Contains(t, res.Body.String(), "another site")
		}
	}
}

func TestCrossOriginSaysWhyToPrograms(t *testing.T) {
	t.Parallel()
	res := do(middleware.CrossOrigin(middleware.CrossOriginOptions{})(ok),
		request("POST", "/", "Sec-Fetch-Site", "cross-site", "Accept", "application/json"))
	assert.Contains(t, res.Body.String(), `"cross_origin"`)
}

func TestCrossOriginWiring(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"app.example", "https://app.example/", "https://", "*"} {
		v := assert.Panics(t, func() {
			middleware.CrossOrigin(middleware.CrossOriginOptions{Trusted: []string{bad}})
		})
		assert.Contains(t, v.(string), "scheme://host")
	}
	assert.Panics(t, func() { middleware.CrossOrigin(middleware.CrossOriginOptions{Bypass: []string{"GET "}}) })
}
