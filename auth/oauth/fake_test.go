package oauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/web"
)

const (
	issuer   = "https://id.example.com"
	base     = "https://app.example.com"
	clientID = "client-1"
	secret   = "the secret of the client"
)

// fake is an OpenID Connect provider without a network: a RoundTripper. Its
// knobs make it lie.
type fake struct {
	t     *testing.T
	clock *galetest.Clock
	key   *ecdsa.PrivateKey
	kid   string

	mu     sync.Mutex
	doc    map[string]any              // over the discovery document
	claims map[string]any              // over those of ID tokens
	sign   func(claims []byte) string  // instead of the key
	user   map[string]any              // of the UserInfo endpoint
	routes map[string]http.HandlerFunc // "host/path", before all else
	noPKCE bool                        // the provider ignores the verifier
	keys   map[string]any              // over the key in the key set
	codes  map[string]url.Values       // to the parameters of the authorisation request
	asked  []string                    // "METHOD host/path"
}

func newFake(t *testing.T) *fake {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	return &fake{
		t: t, key: key, kid: "k1", clock: galetest.NewClock(t, time.Time{}),
		codes: map[string]url.Values{}, routes: map[string]http.HandlerFunc{},
	}
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) count(what string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asked {
		if a == what {
			n++
		}
	}
	return n
}

// RoundTrip implements http.RoundTripper.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	place := r.URL.Host + r.URL.Path
	f.asked = append(f.asked, r.Method+" "+place)
	h := f.routes[place]
	f.mu.Unlock()
	if h == nil {
		switch {
		case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
			h = f.discovery
		case r.URL.Path == "/token":
			h = f.token
		case r.URL.Path == "/keys":
			h = f.jwks
		case r.URL.Path == "/userinfo":
			h = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, f.user) }
		default:
			h = http.NotFound
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	h(rec, r)
	return rec.Result(), nil
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // to a recorder
}

func (f *fake) discovery(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := "https://" + r.URL.Host
	doc := map[string]any{
		"issuer": at, "authorization_endpoint": at + "/authorize", "token_endpoint": at + "/token",
		"jwks_uri": at + "/keys", "userinfo_endpoint": at + "/userinfo",
		"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
	}
	maps.Copy(doc, f.doc)
	writeJSON(w, doc)
}

func (f *fake) jwks(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := jose.JSONWebKey{Key: f.key.Public(), KeyID: f.kid, Algorithm: "ES256", Use: "sig"}.MarshalJSON()
	assert.NoError(f.t, err)
	var key map[string]any
	assert.NoError(f.t, json.Unmarshal(b, &key))
	maps.Copy(key, f.keys)
	writeJSON(w, map[string]any{"keys": []any{key}})
}

// token exchanges a code once, for who knows the verifier.
func (f *fake) token(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, pass, _ := r.BasicAuth()
	asked, ok := f.codes[r.FormValue("code")]
	delete(f.codes, r.FormValue("code"))
	proved := challenge(r.FormValue("code_verifier")) == asked.Get("code_challenge")
	if !ok || !proved && !f.noPKCE || r.FormValue("redirect_uri") != asked.Get("redirect_uri") ||
		id != clientID || pass != url.QueryEscape(secret) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"` + r.FormValue("code") + `"}`))
		return
	}
	now := f.clock.Now()
	claims := map[string]any{
		"iss": issuer, "sub": "subject-1", "aud": clientID, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
		"nonce": asked.Get("nonce"), "email": "ann@example.com", "email_verified": true, "name": "Ann",
	}
	maps.Copy(claims, f.claims)
	for name, v := range claims {
		if v == nil {
			delete(claims, name)
		}
	}
	payload, err := json.Marshal(claims)
	assert.NoError(f.t, err)
	sign := f.sign
	if sign == nil {
		sign = func(b []byte) string { return signed(f.t, jose.ES256, f.key, f.kid, b) }
	}
	writeJSON(w, map[string]any{"access_token": "at-1", "token_type": "Bearer", "expires_in": 3600, "id_token": sign(payload)})
}

func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, payload []byte) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key},
		(&jose.SignerOptions{}).WithHeader("kid", kid).WithType("JWT"))
	assert.NoError(t, err)
	jws, err := s.Sign(payload)
	assert.NoError(t, err)
	text, err := jws.CompactSerialize()
	assert.NoError(t, err)
	return text
}

// agree is what a person does at the provider: it returns the query that the
// browser brings back.
func (f *fake) agree(location string) url.Values {
	f.t.Helper()
	u, err := url.Parse(location)
	assert.NoError(f.t, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	code := "code-" + rand.Text()
	f.codes[code] = u.Query()
	return url.Values{"code": {code}, "state": {u.Query().Get("state")}}
}

// world is an application, its provider, and a browser.
type world struct {
	*fake
	t      *testing.T
	server *galetest.Server
	c      *galetest.Client
	last   oauth.Result
}

type whoKey struct{}

// app serves o on routes as the package's comment has them. Who is signed in
// stands in the cookie "who".
func app(o oauth.Options) http.Handler {
	o.User = func(ctx context.Context) (string, time.Time) {
		id, _ := ctx.Value(whoKey{}).(string)
		return id, o.Clock().Add(-5 * time.Minute)
	}
	client := oauth.New(o)
	mux := http.NewServeMux()
	for _, p := range client.Providers() {
		mux.Handle("/login/"+p.Name, client.Start(p.Name, oauth.SignIn))
		mux.Handle("/link/"+p.Name, client.Start(p.Name, oauth.Link))
		if p.Name != "github" && p.Name != "google" {
			mux.Handle("/again/"+p.Name, client.Start(p.Name, oauth.StepUp))
		}
		mux.Handle(client.CallbackPath(p.Name), client.Callback(p.Name))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("who"); err == nil {
			r = r.WithContext(context.WithValue(r.Context(), whoKey{}, c.Value))
		}
		web.WithRenderer(web.Problems{})(mux).ServeHTTP(w, r)
	})
}

func aead(t *testing.T) oauth.AEAD {
	ring, err := keyring.Open(t.Context(), keyring.Options{Source: keyring.Text(keyring.NewSet(time.Now()).Text())})
	assert.NoError(t, err)
	return ring.AEAD("oauth.state")
}

// run runs body on engine and net/http, each with a world of its own; change
// may be nil.
func run(t *testing.T, change func(f *fake, o *oauth.Options), body func(t *testing.T, w *world)) {
	t.Helper()
	for _, name := range []string{galetest.Engine, galetest.NetHTTP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{fake: newFake(t), t: t}
			o := oauth.Options{
				BaseURL: base, AEAD: aead(t), Transport: w.fake, Clock: w.clock.Now,
				Providers: []oauth.Provider{oauth.OIDC("staff", issuer, clientID, config.NewSecret(secret))},
				Done: func(rw http.ResponseWriter, r *http.Request, res oauth.Result) error {
					w.set(func() { w.last = res })
					return web.Redirect(rw, r, res.Next, http.StatusSeeOther)
				},
			}
			if change != nil {
				change(w.fake, &o)
			}
			w.server = galetest.Start(t, app(o), galetest.Options{Servers: []string{name}})
			w.c = w.server.Client().Browser()
			body(t, w)
		})
	}
}

// start begins a trip and returns where the browser is sent.
func (w *world) start(path string) string {
	w.t.Helper()
	return w.c.Get(path).Status(http.StatusSeeOther).Header("Location")
}

// back is the browser's return with a query.
func (w *world) back(q url.Values) *galetest.Response {
	w.t.Helper()
	return w.c.With("Sec-Fetch-Site", "cross-site").Get("/login/staff/callback?" + q.Encode())
}

func (w *world) result() (res oauth.Result) {
	w.set(func() { res = w.last })
	return res
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// challenge is S256 of RFC 7636.
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64url(sum[:])
}
