package ratelimit_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/router"
)

func header(name string) ratelimit.KeyFunc {
	return func(r *http.Request) string { return r.Header.Get(name) }
}

func hello() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	l, clock := newLimiter(t)
	h := l.Middleware(
		ratelimit.Rule{Limit: ratelimit.Limit{Name: "burst", Rate: 60, Per: time.Minute, Burst: 2}, Key: header("X-Who")},
		ratelimit.Rule{Limit: ratelimit.Limit{Name: "day", Rate: 100, Per: 24 * time.Hour}, Key: header("X-Who"), Cost: func(r *http.Request) int { return len(r.Header["X-Item"]) }},
	)(hello())
	who := "me"
	get := func(items ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["X-Item"] = items
		r.Header.Set("X-Who", who)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	list := func(w *httptest.ResponseRecorder, name string) string {
		return strings.Join(w.Header().Values(name), ", ")
	}
	first := get("a", "b")
	assert.Equal(t, first.Code, 200)
	assert.Equal(t, list(first, "RateLimit-Policy"), `"burst";q=2;w=2, "day";q=100;w=86400`)
	assert.Equal(t, list(first, "RateLimit"), `"burst";r=1;t=1, "day";r=98;t=1728`)
	assert.Equal(t, list(first, "Retry-After"), "")
	free := get() // costs 0 of the day: the rule is not for it
	assert.Equal(t, list(free, "RateLimit"), `"burst";r=0;t=2`)

	refused := get("a")
	assert.Equal(t, refused.Code, 429)
	assert.Equal(t, list(refused, "Retry-After"), "1")
	assert.Equal(t, list(refused, "RateLimit"), `"burst";r=0;t=2, "day";r=98;t=1728`)
	clock.Advance(time.Second)
	assert.Equal(t, get().Code, 200)
	assert.Equal(t, get().Code, 429)
	who = "" // a rule without a key does not touch the request
	for range 5 {
		assert.Equal(t, list(get(), "RateLimit"), "")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(ratelimit.Options{})
	h := l.Middleware(ratelimit.Rule{Limit: ratelimit.Limit{Name: "l", Rate: 1, Per: time.Hour}, Key: header("X-Who")})(hello())
	galetest.Run(t, h, func(t *testing.T, c *galetest.Client) {
		c = c.With("X-Who", t.Name())
		c.Get("/").Status(200).Contains("hello")
		c.Get("/").Status(429).HasHeader("Cache-Control", "no-store").Problem("rate_limited")
		c.Browser().Get("/").Status(429).Contains("<h1>")
	})
}

func TestMiddlewareWithAFailedStore(t *testing.T) {
	t.Parallel()
	rule := ratelimit.Rule{Limit: ratelimit.Limit{Name: "l", Rate: 1, Per: time.Hour}, Key: header("X-Who")}
	for failure, want := range map[ratelimit.Failure]int{ratelimit.FailOpen: 200, ratelimit.FailClosed: 503, ratelimit.Local: 429} {
		h := ratelimit.New(ratelimit.Options{Store: &broken{do: down}, OnFailure: failure}).Middleware(rule)(hello())
		ctx, _ := logged(t)
		var w *httptest.ResponseRecorder
		for range 2 {
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			r.Header.Set("X-Who", "me")
			w = httptest.NewRecorder()
			h.ServeHTTP(w, r)
		}
		assert.Equal(t, w.Code, want)
		assert.Equal(t, len(w.Header().Values("RateLimit")) == 1, failure == ratelimit.Local)
	}
}

func TestRulesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t)
	good := ratelimit.Rule{Limit: ratelimit.Limit{Name: "l", Rate: 1, Per: time.Hour}, Key: header("X")}
	for _, rules := range [][]ratelimit.Rule{nil, {good, good}, {{Limit: good.Limit}}, {{Key: good.Key}}} {
		assert.Contains(t, assert.Panics(t, func() { l.Middleware(rules...) }).(string), "ratelimit: ")
	}
	addr := middleware.ClientAddr
	for _, f := range []func(){
		func() { ratelimit.ByAddr(nil) },
		func() { ratelimit.ByNetwork(addr, 33, 64) },
		func() { ratelimit.ByNetwork(addr, 32, -1) },
		func() { ratelimit.ByUser(nil) },
		func() { ratelimit.PerRoute(nil) },
	} {
		assert.Contains(t, assert.Panics(t, f).(string), "ratelimit: ")
	}
}

func TestByAddr(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"203.0.113.7":          "addr:203.0.113.7",
		"::ffff:203.0.113.7":   "addr:203.0.113.7",
		"2001:db8:1:2:3:4:5:6": "addr:2001:db8:1:2::/64",
		"2001:db8:1:2::":       "addr:2001:db8:1:2::/64",
		"fe80::1%eth0":         "addr:fe80::/64",
		"":                     "addr:unknown",
	} {
		a, _ := netip.ParseAddr(addr)
		key := ratelimit.ByAddr(func(context.Context) netip.Addr { return a })
		assert.Equal(t, key(httptest.NewRequest(http.MethodGet, "/", nil)), want)
	}
	assert.Equal(t, ratelimit.Network(netip.MustParseAddr("203.0.113.7"), 24, 48), "203.0.113.0/24")
	assert.Equal(t, ratelimit.Network(netip.MustParseAddr("2001:db8:1:2::1"), 24, 48), "2001:db8:1::/48")
	assert.Equal(t, ratelimit.Network(netip.MustParseAddr("2001:db8:1:2::1"), 24, 128), "2001:db8:1:2::1")
}

func TestOtherKeys(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	alice := ratelimit.ByUser(func(context.Context) string { return "alice" })
	nobody := ratelimit.ByUser(func(context.Context) string { return "" })
	assert.Equal(t, alice(r), "user:alice")
	assert.Equal(t, nobody(r), "")
	assert.Equal(t, ratelimit.FirstOf(nobody, alice, header("X"))(r), "user:alice")
	assert.Equal(t, ratelimit.FirstOf(nobody)(r), "")

	assert.Equal(t, ratelimit.ByAPIKey(r), "")
	r.Header.Set("Authorization", "Bearer relay_id_secret")
	bearer := ratelimit.ByAPIKey(r)
	r.Header.Set("X-Api-Key", "relay_id_other")
	own := ratelimit.ByAPIKey(r)
	assert.True(t, bearer != own && len(own) == len("key:")+22 && !strings.Contains(own+bearer, "relay"), own+" "+bearer)

	assert.Equal(t, ratelimit.PerRoute(nobody)(r), "")
	assert.Equal(t, ratelimit.PerRoute(alice)(r), " user:alice")
	r.Pattern = "GET /x"
	assert.Equal(t, ratelimit.PerRoute(alice)(r), "GET /x user:alice")
	r.Pattern = ""
	rec := obs.NewRequest("id", "")
	rec.SetRoute("GET /{any}")
	r = r.WithContext(obs.WithRequest(r.Context(), rec))
	assert.Equal(t, ratelimit.PerRoute(alice)(r), "GET /{any} user:alice")
}

func TestEachRouteHasItsLimit(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t)
	r := router.New()
	r.Use(l.Middleware(ratelimit.Rule{Limit: ratelimit.Limit{Name: "route", Rate: 1, Per: time.Hour}, Key: ratelimit.PerRoute(header("X-Who"))}))
	r.Handle("GET /a/{id}", hello())
	r.Handle("GET /b", hello())
	get := func(path string) int {
		req := httptest.NewRequest(http.MethodGet, path, nil)
		req.Header.Set("X-Who", "me")
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		return w.Code
	}
	assert.Equal(t, []int{get("/a/1"), get("/a/2"), get("/b"), get("/b")}, []int{200, 429, 200, 429})
}

// The attack: another address in X-Forwarded-For with each request.
func TestForwardedForDoesNotHelp(t *testing.T) {
	t.Parallel()
	rule := ratelimit.Rule{Limit: ratelimit.Limit{Name: "address", Rate: 3, Per: time.Hour}, Key: ratelimit.ByAddr(middleware.ClientAddr)}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, tt := range map[string]struct {
		trusted []netip.Prefix
		peer    string
		tail    string // what a proxy of ours appends
	}{
		"direct":                 {nil, "203.0.113.7:4711", ""},
		"direct, proxies exist":  {proxies, "203.0.113.7:4711", ""},
		"through a proxy":        {proxies, "10.0.0.1:4711", ", 203.0.113.7"},
		"through two proxies":    {proxies, "10.0.0.1:4711", ", 203.0.113.7, 10.0.0.2"},
		"in one /64":             {proxies, "10.0.0.1:4711", ", 2001:db8::%d"},
		"proxy that sends trash": {proxies, "10.0.0.1:4711", ", unknown"},
	} {
		l, _ := newLimiter(t)
		h := middleware.Chain(hello(), middleware.ClientIP(middleware.ClientIPOptions{Trusted: tt.trusted}), l.Middleware(rule))
		passed := 0
		for i := range 50 {
			req := httptest.NewRequest(http.MethodGet, "/", nil)
			req.RemoteAddr = tt.peer
			tail := tt.tail
			if strings.Contains(tail, "%d") {
				tail = fmt.Sprintf(tail, i+1)
			}
			req.Header["X-Forwarded-For"] = []string{fmt.Sprintf("198.51.100.%d", i), fmt.Sprintf("192.0.2.%d%s", i, tail)}
			req.Header.Set("X-Real-Ip", fmt.Sprintf("198.51.100.%d", i))
			req.Header.Set("Forwarded", fmt.Sprintf("for=198.51.100.%d", i))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code == http.StatusOK {
				passed++
			}
		}
		if passed != 3 {
			t.Errorf("%s: %d requests passed, want 3", name, passed)
		}
	}
}
