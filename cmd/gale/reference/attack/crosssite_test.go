package attack_test

import (
	"net/http"
	"strings"
	"testing"
)

// foreign are the headers of requests that the page of another site made a
// browser send, the newest browsers first.
var foreign = []map[string]string{
	{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
	{"Sec-Fetch-Site": "same-site", "Origin": "http://sub.127.0.0.1.example"},
	{"Sec-Fetch-Site": "cross-site", "Origin": "null"},                    // of a sandboxed frame
	{"Sec-Fetch-Site": "cross-site"},                                      // without an Origin
	{"Sec-Fetch-Site": "cross-site", "Origin": "HOST"},                    // forged
	{"Sec-Fetch-Site": "same-origin, cross-site", "Origin": "HOST"},       // two values that some join
	{"Sec-Fetch-Site": "SAME-ORIGIN", "Origin": "https://evil.example"},   // no browser says it so
	{"Sec-Fetch-Site": "unheard-of", "Origin": "HOST"},                    // of browsers to come
	{"Sec-Fetch-Site": "", "Origin": "https://evil.example"},              // of browsers before 2023
	{"Sec-Fetch-Site": "", "Origin": "null"},                              //
	{"Sec-Fetch-Site": "", "Origin": "http://127.0.0.1.evil.example"},     // begins alike
	{"Sec-Fetch-Site": "", "Origin": "http://evil.example/127.0.0.1"},     // ends alike
	{"Sec-Fetch-Site": "", "Origin": "http://127.0.0.1:1"},                // another port
	{"Sec-Fetch-Site": "", "Origin": "http://HOST@evil.example"},          // userinfo
	{"Sec-Fetch-Site": "", "Origin": "https://evil.example, http://HOST"}, // two
}

// sentBy returns c as the page of another site has it.
func (c *visitor) sentBy(headers map[string]string) *visitor {
	for name, value := range headers {
		if value == "HOST" {
			value = c.base
		}
		c = c.with(name, strings.ReplaceAll(value, "HOST", c.s.addr))
	}
	return c
}

// ofPrograms are routes that no cookie opens: browsers of other sites may send to
// them.
var ofPrograms = map[string]bool{"/oauth/token": true, "/oauth/introspect": true, "/oauth/revoke": true, "/oauth/userinfo": true, "/oauth/jwks": true}

// What another site has a browser send is refused, by every route, and where none
// is.
func TestCrossSitePosts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		vic := s.operator("victim")
		n := 0
		for _, pattern := range table.patterns {
			if strings.HasPrefix(pattern, http.MethodGet) || ofPrograms[pattern] {
				continue
			}
			method, path := request(pattern)
			for _, headers := range foreign {
				kind, body := "application/x-www-form-urlencoded", "name=changed"
				if strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/passkeys/") {
					kind, body = "application/json", "{}"
				}
				if a := vic.sentBy(headers).do(method, path, kind, body); a.status != http.StatusForbidden {
					t.Errorf("%s from %v: %d", pattern, headers, a.status)
				}
				n++
			}
		}
		if n < 50*len(foreign) {
			t.Errorf("only %d requests: the table has lost its routes", n)
		}
		for _, path := range []string{"/profile/name", "/api/v1/channels", "/live", "/nowhere"} {
			for _, headers := range foreign {
				for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, "MADEUP"} {
					if a := vic.sentBy(headers).do(method, path, "text/plain", "{}"); a.status != http.StatusForbidden {
						t.Errorf("%s %s from %v: %d", method, path, headers, a.status)
					}
				}
			}
		}
		vic.get("/profile").is(http.StatusOK).shows("<h1>" + vic.name + "</h1>") // still there, under her name
	})
}

// A handshake is a GET with cookies: browsers let any page send one.
func TestCrossSiteSockets(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		vic := s.person("victim")
		for _, headers := range foreign {
			c := vic.sentBy(headers).with("Connection", "Upgrade").with("Upgrade", "websocket").
				with("Sec-WebSocket-Version", "13").with("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
			c.get("/live").is(http.StatusForbidden)
		}
	})
}

// Forms can be sent as other things than forms, and forms can pretend to be other
// methods.
func TestDisguisedRequests(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		vic := s.operator("victim")
		// What a page can send without asking first, to where JSON is wanted.
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; application/json", ""} {
			vic.do(http.MethodPost, "/api/v1/channels", kind, `{"name":"disguised","title":"x","public":true}`).is(http.StatusUnsupportedMediaType, http.StatusBadRequest)
		}
		for _, kind := range []string{"text/plain", "application/json", "", "application/xml"} {
			vic.do(http.MethodPost, "/profile/name", kind, "name=changed").is(http.StatusUnsupportedMediaType, http.StatusBadRequest)
		}
		// A link that changes something.
		for _, path := range []string{"/profile/name?name=changed", "/sign-out", "/profile/delete", "/profile/name?_method=POST&name=changed", "/profile/sessions/revoke"} {
			c := vic.with("X-HTTP-Method-Override", "POST").with("X-HTTP-Method", "POST").with("X-Method-Override", "POST")
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				c.do(method, path, "", "").is(http.StatusMethodNotAllowed)
			}
			c.do(http.MethodOptions, path, "", "").is(http.StatusMethodNotAllowed, http.StatusNoContent, http.StatusOK)
		}
		vic.do(http.MethodTrace, "/", "", "").is(http.StatusMethodNotAllowed)
		vic.get("/profile").is(http.StatusOK).shows("<h1>" + vic.name + "</h1>")
		// Nobody is told that another origin may read.
		for _, path := range []string{"/", "/profile", "/api/v1/channels", "/profile/export"} {
			a := vic.with("Origin", "https://evil.example").get(path)
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s: %s: %v", path, name, a.header[name])
				}
			}
		}
		if page := vic.get("/").body; strings.Contains(page, "disguised") {
			t.Error("a channel was made by a form that is none")
		}
	})
}
