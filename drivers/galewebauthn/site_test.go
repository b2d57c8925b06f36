package galewebauthn_test

import (
	"cmp"
	"context"
	"crypto"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/drivers/galewebauthn"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/web"
)

func TestMain(m *testing.M) { galetest.Main(m) }

var _ passkey.Verifier = (*galewebauthn.Verifier)(nil)

// site is an application on a database, as users would write it. The header
// X-User says who is signed in or has to confirm.
type site struct {
	*passkey.Passkeys
	mu     sync.Mutex
	failed []passkey.Failure
}

func (s *site) last() passkey.Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failed) == 0 {
		return passkey.Failure{}
	}
	return s.failed[len(s.failed)-1]
}

func newSite(tb testing.TB, change func(*passkey.Options)) *site {
	tb.Helper()
	d := galetest.DB(tb, galetest.DBOptions{Driver: galesqlite.Driver()})
	_, err := d.Exec(tb.Context(), passkey.Schema)
	assert.NoError(tb, err)
	set := keyring.NewSet(time.Now().Add(-time.Hour))
	keys, err := keyring.Open(tb.Context(), keyring.Options{Source: keyring.Text(set.Text())})
	assert.NoError(tb, err)
	s := &site{}
	tell := func(w http.ResponseWriter, _ *http.Request, c passkey.Credential) (string, error) {
		w.Header().Set("X-Signed-In", c.UserID)
		return "/", nil
	}
	o := passkey.Options{
		RPID: "gale.test", RPName: "Gale", Origins: []string{"https://gale.test"},
		Verifier: galewebauthn.New(), Store: passkey.NewSQLStore(d), Signer: keys.Signer("passkey", 5*time.Minute),
		Account: func(r *http.Request) (passkey.Account, error) {
			u := cmp.Or(r.Header.Get("X-User"), "alice")
			return passkey.Account{ID: u, Name: u}, nil
		},
		Pending:  func(r *http.Request) (string, error) { return cmp.Or(r.Header.Get("X-User"), "alice"), nil },
		SignedIn: tell, Confirmed: tell,
		Failed: func(_ context.Context, f passkey.Failure) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failed = append(s.failed, f)
		},
	}
	if change != nil {
		change(&o)
	}
	s.Passkeys = passkey.New(o)
	return s
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	for path, h := range map[string]web.HandlerFunc{
		"/register/begin": s.BeginRegistration, "/register/finish": s.FinishRegistration,
		"/sign-in/begin": s.BeginSignIn, "/sign-in/finish": s.FinishSignIn,
		"/confirm/begin": s.BeginConfirm, "/confirm/finish": s.FinishConfirm,
	} {
		mux.Handle("POST "+path, h)
	}
	return mux
}

// run runs body against a site of its own on each server.
func run(t *testing.T, change func(*passkey.Options), body func(t *testing.T, s *site, c *galetest.Client)) {
	t.Helper()
	var sites sync.Map
	galetest.RunWith(t, galetest.Options{}, func(tb testing.TB) http.Handler {
		s := newSite(tb, change)
		sites.Store(tb.Name(), s)
		return s.routes()
	}, func(t *testing.T, c *galetest.Client) {
		s, _ := sites.Load(t.Name())
		body(t, s.(*site), c)
	})
}

func begin(c *galetest.Client, ceremony string) (b galetest.PasskeyBegun) {
	c.Post("/"+ceremony+"/begin", `{}`).Status(http.StatusOK).JSON(&b)
	return b
}

func register(t *testing.T, c *galetest.Client, a *galetest.Authenticator) {
	t.Helper()
	c.Post("/register/finish", a.Create(begin(c, "register"))).Status(http.StatusOK)
}

func signIn(t *testing.T, c *galetest.Client, a *galetest.Authenticator) *galetest.Response {
	t.Helper()
	return c.Post("/sign-in/finish", a.Get(begin(c, "sign-in")))
}

func verifier() passkey.Verifier { return galewebauthn.New() }

// expected is what the fuzzed verifier is told.
func expected() passkey.Expected {
	return passkey.Expected{
		Challenge: make([]byte, 32), RPID: "gale.test", Origins: []string{"https://gale.test"},
		UserVerification: true, Algorithms: []int{galetest.Ed25519, galetest.ES256, galetest.RS256},
	}
}

// mixedKey shows one key and signs with another.
type mixedKey struct{ public, sign crypto.Signer }

func (k *mixedKey) Public() crypto.PublicKey { return k.public.Public() }

func (k *mixedKey) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return k.sign.Sign(random, digest, o)
}
