package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/galeweb/gale/bench/internal/launch"
	"github.com/galeweb/gale/bench/internal/stats"
)

// How many accounts are asked for. Five wrong passwords a minute are looked at
// for each, and 600 in all.
const (
	knownAccounts = 70
	perAccount    = 4
)

// telling is how long relay takes to answer for addresses that have an account
// and for others, in µs: the one after the other, in random order, so that both
// of a pair meet the same noise.
type telling struct {
	path           string
	next           bool // timed is the next request instead, which may meet what the first one left to be done
	known, unknown []float64
}

// slower returns the share of pairs in which the known address took longer, and
// twice the standard error of it: 0.5 tells nothing.
func (t telling) slower() (share, doubt float64) {
	n := 0
	for i := range t.known {
		if t.known[i] > t.unknown[i] {
			n++
		}
	}
	return float64(n) / float64(len(t.known)), 1 / math.Sqrt(float64(len(t.known)))
}

func writeTelling(out io.Writer, all []telling) {
	fmt.Fprint(out, "| asked for | pairs | known, µs | unknown, µs | ratio of the medians | known took longer in |\n|---|---|---|---|---|---|\n")
	for _, t := range all {
		known, unknown := stats.SpreadOf(slices.Clone(t.known)).Median, stats.SpreadOf(slices.Clone(t.unknown)).Median
		share, doubt := t.slower()
		what := t.path
		if t.next {
			what = "next after " + t.path
		}
		fmt.Fprintf(out, "| %s | %d | %.0f | %.0f | %.3f | %.0f ± %.0f %% of pairs |\n", what, len(t.known), known, unknown, known/unknown, 100*share, 100*doubt)
	}
}

// prober asks a relay of its own.
type prober struct {
	url    string
	client *http.Client
	known  []string
}

// enumeration measures whether the time of an answer tells who has an account.
func (b *bench) enumeration(ctx context.Context, repository string) ([]telling, error) {
	binary := filepath.Join(b.temp, "relay")
	if err := launch.Build(ctx, repository, "./cmd/gale/reference/cmd/relay", binary); err != nil {
		return nil, err
	}
	addr, err := launch.FreeAddr()
	if err != nil {
		return nil, err
	}
	// In development, for its outbox. Each request comes from an address of its
	// own, as that of an attacker who has many.
	p, err := launch.Start(ctx, launch.Command{
		Binary: binary, Log: filepath.Join(b.temp, "relay.log"),
		Env: []string{
			"RELAY_ADDR=" + addr, "RELAY_OPS_ADDR=off", "RELAY_DATABASE_URL=sqlite:" + filepath.Join(b.temp, "relay.db"),
			"RELAY_TRUSTED_PROXIES=127.0.0.1/32", "RELAY_LIMIT_ADDR=0",
		},
	})
	if err != nil {
		return nil, err
	}
	defer p.Kill()
	if err := p.Listens(ctx, addr); err != nil {
		return nil, err
	}
	a := &prober{url: "http://" + addr, client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if err := a.signUp(ctx); err != nil {
		return nil, err
	}
	all := []telling{{path: "/sign-in"}, {path: "/sign-up"}, {path: "/reset"}, {path: "/reset", next: true}}
	for range perAccount {
		for n, known := range a.known[:knownAccounts] {
			for i := range all {
				if all[i].next { // of one that has had no mail yet: five an hour are sent
					known = a.known[knownAccounts+n]
				}
				if err := a.pair(ctx, &all[i], known); err != nil {
					return nil, err
				}
			}
		}
		log.Printf("%d pairs of answers", len(all[0].known))
	}
	return all, nil
}

// pair asks once for an account and once for nobody.
func (a *prober) pair(ctx context.Context, t *telling, known string) error {
	emails := []string{known, strings.ToLower(rand.Text()) + "@example.com"} // as long as a known one
	first := mathrand.IntN(2)
	for _, i := range []int{first, 1 - first} {
		form := url.Values{"email": {emails[i]}}
		switch t.path {
		case "/sign-in":
			form.Set("password", "not the right one")
		case "/sign-up":
			form.Set("name", "x"+strings.ToLower(rand.Text()))
		}
		if t.next {
			if _, _, err := a.post(ctx, t.path, form); err != nil {
				return err
			}
			form.Set("email", strings.ToLower(rand.Text())+"@example.com")
		}
		begin := time.Now()
		status, _, err := a.post(ctx, t.path, form)
		took := float64(time.Since(begin).Nanoseconds()) / 1000
		if err != nil {
			return err
		}
		if status != http.StatusOK && status != http.StatusUnprocessableEntity {
			return fmt.Errorf("%s is answered %d", t.path, status)
		}
		if i == 0 {
			t.known = append(t.known, took)
		} else {
			t.unknown = append(t.unknown, took)
		}
	}
	return nil
}

var tokenOf = regexp.MustCompile(`/sign-up/confirm\?token=([\w-]{43})`)

// signUp makes the accounts, with names as random as those of nobody.
func (a *prober) signUp(ctx context.Context) error {
	for len(a.known) < 2*knownAccounts {
		name := strings.ToLower(rand.Text())
		email := name + "@example.com"
		status, _, err := a.post(ctx, "/sign-up", url.Values{"name": {name}, "email": {email}, "password": {"correct horse battery"}})
		if err == nil && status == http.StatusOK { // not the very first
			var token string
			if token, err = a.token(ctx, email); err == nil {
				status, _, err = a.post(ctx, "/sign-up/confirm", url.Values{"token": {token}, "name": {name}, "password": {"correct horse battery"}})
			}
		}
		if err != nil {
			return err
		}
		if status != http.StatusSeeOther {
			return fmt.Errorf("signing up is answered %d", status)
		}
		a.known = append(a.known, email)
	}
	return nil
}

// token waits for the newest mail to be that to an address.
func (a *prober) token(ctx context.Context, email string) (string, error) {
	for range 500 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/dev/outbox", http.NoBody)
		if err != nil {
			return "", err
		}
		_, page, err := a.do(r)
		if err != nil {
			return "", err
		}
		if _, mail, ok := strings.Cut(page, "To "+email); ok {
			if m := tokenOf.FindStringSubmatch(mail); m != nil {
				return m[1], nil
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "", errors.New("the mail did not come")
}

func (a *prober) post(ctx context.Context, path string, form url.Values) (status int, page string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	n := mathrand.Uint32()
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.%d.%d.%d", byte(n>>16), byte(n>>8), byte(n)))
	return a.do(r)
}

func (a *prober) do(r *http.Request) (status int, page string, err error) {
	res, err := a.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}
