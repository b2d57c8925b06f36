package passkey_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// store is a Store in memory.
type store struct {
	mu  sync.Mutex
	all map[string]passkey.Credential
	// before runs in Update, unlocked, as another request would.
	before func()
	err    error
}

func newStore() *store { return &store{all: map[string]passkey.Credential{}} }

func clone(c passkey.Credential) passkey.Credential {
	c.UserHandle, c.PublicKey, c.Transports = slices.Clone(c.UserHandle), slices.Clone(c.PublicKey), slices.Clone(c.Transports)
	return c
}

func (s *store) ByID(_ context.Context, id string) (passkey.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.all[id]
	if s.err == nil && !ok {
		return c, passkey.ErrNotFound
	}
	return clone(c), s.err
}

func (s *store) ByUser(_ context.Context, user string) ([]passkey.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var own []passkey.Credential
	for _, c := range s.all {
		if c.UserID == user {
			own = append(own, clone(c))
		}
	}
	slices.SortFunc(own, func(a, b passkey.Credential) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return own, s.err
}

func (s *store) Create(_ context.Context, c passkey.Credential) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.all[c.ID]; ok {
		return passkey.ErrExists
	}
	c.Version = 1
	s.all[c.ID] = clone(c)
	return s.err
}

func (s *store) Update(_ context.Context, c passkey.Credential) error {
	if f := s.before; f != nil {
		s.before = nil
		f()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.all[c.ID]
	if !ok || old.Version != c.Version {
		return passkey.ErrConflict
	}
	c.Version++
	s.all[c.ID] = clone(c)
	return s.err
}

func (s *store) Delete(_ context.Context, user, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[id].UserID != user || user == "" {
		return passkey.ErrNotFound
	}
	delete(s.all, id)
	return s.err
}

// signer signs as a keyring's Signer would, without its age.
type signer string

func (s signer) mac(payload string) string {
	m := hmac.New(sha256.New, []byte(s))
	m.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (s signer) Sign(payload []byte) (string, error) {
	text := base64.RawURLEncoding.EncodeToString(payload)
	return text + "." + s.mac(text), nil
}

func (s signer) Verify(signed string) ([]byte, error) {
	text, mac, _ := strings.Cut(signed, ".")
	if !hmac.Equal([]byte(mac), []byte(s.mac(text))) {
		return nil, errors.New("forged")
	}
	return base64.RawURLEncoding.DecodeString(text)
}

// device is what the fake authenticator says; as clientDataJSON it stands for a
// whole response. The real rules are tested in drivers/galewebauthn.
type device struct {
	Challenge []byte
	Key       string
	Count     uint32
	UV        bool
	BE, BS    bool
}

// verifier believes a device whose challenge and key are right.
type verifier struct{}

func (verifier) check(want passkey.Expected, data []byte) (device, passkey.Verified, error) {
	var d device
	if err := json.Unmarshal(data, &d); err != nil {
		return d, passkey.Verified{}, err
	}
	if !bytes.Equal(d.Challenge, want.Challenge) || len(d.Challenge) != 32 || want.UserVerification && !d.UV ||
		want.RPID != "gale.test" || !slices.Equal(want.Origins, []string{"https://gale.test"}) {
		return d, passkey.Verified{}, errors.New("verifier: wrong")
	}
	return d, passkey.Verified{
		PublicKey: []byte(d.Key), SignCount: d.Count, UserVerified: d.UV, BackupEligible: d.BE, BackedUp: d.BS,
	}, nil
}

func (v verifier) VerifyRegistration(_ context.Context, want passkey.Expected, got passkey.Attestation) (passkey.Verified, error) {
	_, out, err := v.check(want, got.ClientDataJSON)
	return out, err
}

func (v verifier) VerifyAssertion(_ context.Context, want passkey.Expected, publicKey []byte, got passkey.Assertion) (passkey.Verified, error) {
	d, out, err := v.check(want, got.ClientDataJSON)
	if err == nil && d.Key != string(publicKey) {
		err = errors.New("verifier: signature")
	}
	out.PublicKey = nil
	return out, err
}

// site is an application: the header X-User says who is signed in, X-Pending
// who has to confirm.
type site struct {
	*passkey.Passkeys
	store  *store
	clock  *galetest.Clock
	mu     sync.Mutex
	done   []string
	failed []passkey.Failure
}

func (s *site) note(event string) passkey.Done {
	return func(_ http.ResponseWriter, r *http.Request, c passkey.Credential) (string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.done = append(s.done, event+" "+c.UserID+" "+c.Name)
		return web.LocalPath(r.URL.Query().Get("next"), "/home"), nil
	}
}

func (s *site) failures() []passkey.Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.failed)
}

func (s *site) events() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.done)
}

func options(s *site) passkey.Options {
	user := func(r *http.Request, header string) (string, error) {
		if u := r.Header.Get(header); u != "" {
			return u, nil
		}
		return "", &web.Error{Status: http.StatusUnauthorized}
	}
	return passkey.Options{
		RPID: "gale.test", RPName: "Gale", Origins: []string{"https://gale.test"},
		Verifier: verifier{}, Store: s.store, Signer: signer("key"), Clock: s.clock.Now,
		Account: func(r *http.Request) (passkey.Account, error) {
			u, err := user(r, "X-User")
			return passkey.Account{ID: u, Name: u + "@example.com"}, err
		},
		Pending:  func(r *http.Request) (string, error) { return user(r, "X-Pending") },
		SignedIn: s.note("in"), Confirmed: s.note("confirmed"), Registered: s.note("registered"),
		Failed: func(_ context.Context, f passkey.Failure) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failed = append(s.failed, f)
		},
	}
}

func newSite(tb testing.TB, change func(*passkey.Options)) *site {
	s := &site{store: newStore(), clock: galetest.NewClock(tb, time.Time{})}
	o := options(s)
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
	sites := sync.Map{}
	galetest.RunWith(t, galetest.Options{}, func(tb testing.TB) http.Handler {
		s := newSite(tb, change)
		sites.Store(tb.Name(), s)
		return s.routes()
	}, func(t *testing.T, c *galetest.Client) {
		s, _ := sites.Load(t.Name())
		body(t, s.(*site), c)
	})
}

// begun is the answer to a begin request.
type begun struct {
	State     string
	PublicKey struct {
		Challenge string
		Timeout   int
		RPID      string `json:"rpId"`
		RP        struct{ ID, Name string }
		User      struct{ ID, Name, DisplayName string }

		PubKeyCredParams                     []struct{ Alg int }
		ExcludeCredentials, AllowCredentials []struct {
			ID         string
			Transports []string
		}
		AuthenticatorSelection struct {
			ResidentKey, UserVerification string
			RequireResidentKey            bool
		}
		UserVerification, Attestation string
	}
}

func begin(c *galetest.Client, ceremony string) (b begun) {
	c.Post("/"+ceremony+"/begin", `{}`).Status(http.StatusOK).HasHeader("Cache-Control", "no-store").JSON(&b)
	return b
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// answer is the body of a finish request in which d answers b.
func (b begun) answer(t *testing.T, id string, d device, handle any) map[string]any {
	t.Helper()
	var err error
	d.Challenge, err = base64.RawURLEncoding.DecodeString(b.PublicKey.Challenge)
	assert.NoError(t, err)
	data, err := json.Marshal(d)
	assert.NoError(t, err)
	response := map[string]any{"clientDataJSON": b64(string(data))}
	if b.PublicKey.User.ID != "" {
		response["attestationObject"], response["transports"] = b64("x"), []string{"internal", "<b>", "usb", "usb"}
	} else {
		response["authenticatorData"], response["signature"], response["userHandle"] = b64("x"), b64("x"), handle
	}
	return map[string]any{"state": b.State, "credential": map[string]any{"id": b64(id), "type": "public-key", "response": response}}
}

// register registers a passkey of alice and returns her user handle.
func register(t *testing.T, c *galetest.Client, id string, d device) (handle string) {
	t.Helper()
	alice := c.With("X-User", "alice")
	b := begin(alice, "register")
	body := b.answer(t, id, d, nil)
	body["name"] = " " + id + " "
	alice.Post("/register/finish", body).Status(http.StatusOK).JSON(&struct{ Next string }{})
	return b.PublicKey.User.ID
}

// post sends body as Alice, without a server in between.
func post(t *testing.T, h http.Handler, path, body string) int {
	r := httptest.NewRequestWithContext(obs.WithLogger(t.Context(), slog.New(slog.DiscardHandler)), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-User", "alice")
	r.Header.Set("X-Pending", "alice")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
