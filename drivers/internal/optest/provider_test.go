package optest_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/web"
)

func TestMain(m *testing.M) { galetest.Main(m) }

const (
	clientID = "relay"
	secret   = "a secret with & and %"
	password = "verysecure" // of the users in the example's storage
)

// world is an application and a provider, each on a port of its own.
type world struct {
	t        *testing.T
	app      *httptest.Server
	provider *httptest.Server

	mu      sync.Mutex
	results []oauth.Result
	asked   []url.Values // of the authorisation endpoint
}

func start(t *testing.T) *world {
	w := &world{t: t, app: httptest.NewUnstartedServer(nil), provider: httptest.NewUnstartedServer(nil)}
	appURL, issuer := "http://"+w.app.Listener.Addr().String(), "http://"+w.provider.Listener.Addr().String()
	w.provider.Config.Handler = w.newProvider(issuer, appURL+"/login/staff/callback")
	w.app.Config.Handler = w.newApp(appURL, oauth.OIDC("staff", issuer, clientID, config.NewSecret(secret)))
	w.provider.Start()
	t.Cleanup(w.provider.Close)
	w.app.Start()
	t.Cleanup(w.app.Close)
	return w
}

func (w *world) newProvider(issuer, redirect string) http.Handler {
	users := storage.NewStorageWithClients(storage.NewUserStore(issuer),
		map[string]*storage.Client{clientID: storage.WebClient(clientID, secret, redirect)})
	p, err := op.NewProvider(&op.Config{CryptoKey: sha256.Sum256([]byte("test")), CodeMethodS256: true},
		users, op.StaticIssuer(issuer), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	assert.NoError(w.t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/username", func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprint(rw, "sign in as ", r.FormValue("authRequestID"))
	})
	back := op.NewIssuerInterceptor(p.IssuerFromRequest)
	mux.HandleFunc("POST /login/username", back.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := users.CheckUsernamePassword(r.FormValue("username"), password, r.FormValue("id")); err != nil {
			http.Error(rw, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(rw, r, op.AuthCallbackURL(p)(r.Context(), r.FormValue("id")), http.StatusFound)
	}))
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/authorize" {
			w.mu.Lock()
			w.asked = append(w.asked, r.URL.Query())
			w.mu.Unlock()
		}
		p.ServeHTTP(rw, r)
	})
	return mux
}

func (w *world) newApp(base string, p oauth.Provider) http.Handler {
	ring, err := keyring.Open(w.t.Context(), keyring.Options{Source: keyring.Text(keyring.NewSet(time.Now()).Text())})
	assert.NoError(w.t, err)
	c := oauth.New(oauth.Options{
		BaseURL: base, Insecure: true, AEAD: ring.AEAD("oauth.state"), Providers: []oauth.Provider{p},
		User: func(context.Context) (string, time.Time) { return "u1", time.Now() },
		Done: func(rw http.ResponseWriter, r *http.Request, res oauth.Result) error {
			w.mu.Lock()
			w.results = append(w.results, res)
			w.mu.Unlock()
			return web.Redirect(rw, r, res.Next, http.StatusSeeOther)
		},
	})
	mux := http.NewServeMux()
	mux.Handle("GET /login/staff", c.Start("staff", oauth.SignIn))
	mux.Handle("GET /link/staff", c.Start("staff", oauth.Link))
	mux.Handle("GET /again/staff", c.Start("staff", oauth.StepUp))
	mux.Handle("GET "+c.CallbackPath("staff"), c.Callback("staff"))
	mux.HandleFunc("GET /welcome", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "welcome") })
	return mux
}

// browser keeps cookies and follows redirects, from the application to the
// provider and back.
type browser struct {
	w *world
	c *http.Client
	// stopAt ends the following before a path.
	stopAt string
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	assert.NoError(w.t, err)
	b := &browser{w: w}
	transport := &http.Transport{}
	w.t.Cleanup(transport.CloseIdleConnections)
	b.c = &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: transport, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if b.stopAt != "" && r.URL.Path == b.stopAt {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

func (b *browser) do(method, address string, form url.Values) (*http.Response, string) {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, address, strings.NewReader(form.Encode()))
	assert.NoError(b.w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := b.c.Do(r)
	assert.NoError(b.w.t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	assert.NoError(b.w.t, err)
	return resp, string(body)
}

// trip begins at path and signs in at the provider.
func (b *browser) trip(path, user string) (*http.Response, string) {
	b.w.t.Helper()
	resp, body := b.do(http.MethodGet, b.w.app.URL+path, nil)
	id, ok := strings.CutPrefix(body, "sign in as ")
	if !ok {
		b.w.t.Fatalf("no login form at the provider: %s: %s", resp.Status, body)
	}
	return b.do(http.MethodPost, b.w.provider.URL+"/login/username", url.Values{"username": {user}, "id": {id}})
}

func TestSignInWithARealProvider(t *testing.T) {
	t.Parallel()
	w := start(t)
	resp, body := w.browser().trip("/login/staff?next=/welcome", "test-user2")
	assert.Equal(t, resp.StatusCode, http.StatusOK)
	assert.Equal(t, body, "welcome")
	assert.Equal(t, w.results, []oauth.Result{{
		Identity: oauth.Identity{
			Provider: "staff", Issuer: w.provider.URL, Subject: "id2",
			Email: "test-user2@zitadel.ch", EmailVerified: true, Name: "Test User2",
		},
		Purpose: oauth.SignIn, Next: "/welcome",
	}})
	assert.Equal(t, w.asked[0].Get("code_challenge_method"), "S256")
}

func TestLinkWithARealProvider(t *testing.T) {
	t.Parallel()
	w := start(t)
	_, body := w.browser().trip("/link/staff?next=/welcome", "test-user2")
	assert.Equal(t, body, "welcome")
	assert.Equal(t, w.results[0].Purpose, oauth.Link)
	assert.Equal(t, w.results[0].User, "u1")
}

func TestStepUpWithARealProvider(t *testing.T) {
	t.Parallel()
	w := start(t)
	_, body := w.browser().trip("/again/staff?next=/welcome", "test-user2")
	assert.Equal(t, body, "welcome")
	assert.Equal(t, w.results[0].Purpose, oauth.StepUp)
	assert.Equal(t, w.asked[0].Get("max_age"), "0")
}

// A code that belongs to another browser's trip: the provider has
// the challenge of that one, and refuses our verifier.
func TestInjectedCodeAtARealProvider(t *testing.T) {
	t.Parallel()
	w := start(t)
	callback := func(b *browser) url.Values {
		b.stopAt = "/login/staff/callback"
		resp, _ := b.trip("/login/staff", "test-user2")
		to, err := resp.Location()
		assert.NoError(t, err)
		return to.Query()
	}
	victim, attacker := w.browser(), w.browser()
	stolen, own := callback(victim), callback(attacker)
	own.Set("code", stolen.Get("code"))
	resp, _ := attacker.do(http.MethodGet, w.app.URL+"/login/staff/callback?"+own.Encode(), nil)
	assert.Equal(t, resp.StatusCode, http.StatusBadGateway)
	resp, _ = attacker.do(http.MethodGet, w.app.URL+"/login/staff/callback?"+stolen.Encode(), nil)
	assert.Equal(t, resp.StatusCode, http.StatusBadRequest)
	assert.Equal(t, len(w.results), 0)
}

func TestStartWhileTheProviderIsDown(t *testing.T) {
	t.Parallel()
	w := &world{t: t}
	h := w.newApp("http://127.0.0.1:1", oauth.OIDC("staff", "http://127.0.0.1:1", clientID, config.NewSecret(secret)))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/login/staff", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	assert.Equal(t, rec.Code, http.StatusBadGateway)
}
