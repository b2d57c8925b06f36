package galetest_test

import (
	"net/http"
	"testing"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ws"
)

// parrot repeats text, and closes when told so. Only the signed in may connect.
func parrot(testing.TB) http.Handler {
	sockets := &ws.Handler{Message: func(c *ws.Conn, m ws.Message) error {
		switch string(m.Data) {
		case "close":
			return &ws.CloseError{Code: 4000, Reason: "asked"}
		case "binary":
			return c.SendBinary([]byte{0})
		}
		return c.Send(m)
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("__Host-id"); err != nil || cookie.Value != "ada" {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		sockets.ServeHTTP(w, r)
	})
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		o := galetest.Options{TLS: tls, SignIn: func(c *galetest.Client, name string) { c.SetCookie("__Host-id", name) }}
		galetest.RunWith(t, o, parrot, func(t *testing.T, c *galetest.Client) {
			assert.Equal(t, c.RefusedWebSocket("/"), http.StatusUnauthorized)
			ada := c.As("ada")
			s := ada.WebSocket("/")
			s.SendText("hello")
			assert.Equal(t, s.Text(), "hello")
			s.SendJSON(map[string]int{"n": 1})
			var got struct{ N int }
			s.JSON(&got)
			assert.Equal(t, got.N, 1)
			s.SendText("dropped")
			s.SendText("close")
			s.Closed(4000)

			open := ada.WebSocket("/") // closed by the kit, with a message on its way
			open.SendText("never received")
			assert.Equal(t, ada.With("Origin", "https://evil.example").RefusedWebSocket("/"), http.StatusForbidden)
		})
	}
}

func TestWebSocketChecks(t *testing.T) {
	t.Parallel()
	o := galetest.Options{SignIn: func(c *galetest.Client, name string) { c.SetCookie("__Host-id", name) }}
	for want, check := range map[string]func(c *galetest.Client){
		"/: ws: dial: ws: handshake: status 401": func(c *galetest.Client) { c.WebSocket("/") },
		"want a refusal":                         func(c *galetest.Client) { c.As("ada").RefusedWebSocket("/") },
		"ended before a message came":            func(c *galetest.Client) { s := c.As("ada").WebSocket("/"); s.SendText("close"); s.Receive() },
		"want code 1000":                         func(c *galetest.Client) { s := c.As("ada").WebSocket("/"); s.SendText("close"); s.Closed(1000) },
		"binary, want text":                      func(c *galetest.Client) { s := c.As("ada").WebSocket("/"); s.SendText("binary"); s.Text() },
		"decode the message":                     func(c *galetest.Client) { s := c.As("ada").WebSocket("/"); s.SendText("x"); s.JSON(new(int)) },
		"encode the message":                     func(c *galetest.Client) { c.As("ada").WebSocket("/").SendJSON(func() {}) },
	} {
		try(t, func(tb testing.TB) { check(galetest.Start(tb, parrot(tb), o).Client()) }).failedWith(t, want)
	}
}
