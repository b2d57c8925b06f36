package galetest

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// jar takes the server under test for https, as browsers take localhost, so
// that Secure and __Host- cookies are kept and sent back.
type jar struct{ jar *cookiejar.Jar }

func newJar() *jar {
	j, _ := cookiejar.New(nil) // fails never
	return &jar{j}
}

func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) { j.jar.SetCookies(secure(u), cookies) }

func (j *jar) Cookies(u *url.URL) []*http.Cookie { return j.jar.Cookies(secure(u)) }

func secure(u *url.URL) *url.URL {
	s := *u
	s.Scheme = "https"
	return &s
}
