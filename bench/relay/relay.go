package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/galeweb/gale/bench/internal/launch"
)

// relay is the reference application as it is deployed, its access log
// included; only its ops listener and its limits are off.
func relay(binary string) contestant {
	return contestant{"relay", func(ctx context.Context, dir string) (server, error) {
		addr, err := launch.FreeAddr()
		if err != nil {
			return server{}, err
		}
		s := server{addr: addr, database: filepath.Join(dir, "relay.db")}
		env := launch.RelayEnv(addr, s.database)
		setup, err := launch.SetupToken(ctx, env)
		if err != nil {
			return server{}, err
		}
		s.process, err = launch.Start(ctx, launch.Command{
			Dir: dir, Binary: binary, Log: filepath.Join(dir, "log"),
			Env: env,
		})
		if err != nil {
			return server{}, err
		}
		if err := s.process.Answer(ctx, "http://"+addr+"/"); err != nil {
			return s, err
		}
		b := browser{base: "http://" + addr, cookies: map[string]string{}}
		s.key, err = b.makeKey(ctx, setup)
		return s, err
	}}
}

// browser sends forms and keeps cookies: those marked Secure too, which
// [net/http/cookiejar] does not send over the plain HTTP of the loopback.
type browser struct {
	base    string
	cookies map[string]string
}

var shownKey = regexp.MustCompile(`<pre><code>([a-z0-9]+_[^<]+)</code></pre>`)

// makeKey signs the first user up, makes the channel, and then an API key by
// the pages that people use.
func (b browser) makeKey(ctx context.Context, setup string) (string, error) {
	for _, step := range []struct {
		path string
		form url.Values
	}{
		{"/sign-up", url.Values{"name": {"bench"}, "email": {"bench@example.com"}, "password": {"correct horse battery staple"}, "setup": {setup}}},
		{"/channels", url.Values{"title": {"Bench"}, "name": {channel}, "public": {"true"}}},
	} {
		if _, err := b.post(ctx, step.path, step.form, http.StatusSeeOther); err != nil {
			return "", err
		}
	}
	page, err := b.post(ctx, "/profile/keys", url.Values{"name": {"load"}, "scopes": {"packets.read", "packets.send"}, "life": {"never"}}, http.StatusCreated)
	if err != nil {
		return "", err
	}
	match := shownKey.FindStringSubmatch(page)
	if match == nil {
		return "", fmt.Errorf("the page after /profile/keys shows no key:\n%.2000s", page)
	}
	return match[1], nil
}

func (b browser) post(ctx context.Context, path string, form url.Values, want int) (page string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.base)
	for name, value := range b.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := http.DefaultTransport.RoundTrip(req) // which follows no redirect
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	for _, c := range res.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	if res.StatusCode != want {
		return "", fmt.Errorf("POST %s: %s, not %d:\n%.2000s", path, res.Status, want, body)
	}
	return string(body), nil
}
