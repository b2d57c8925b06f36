package auth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// resident is a user of a house.
type resident struct {
	ID, Stamp string
	Roles     []string
	Disabled  bool
	Scopes    []string // of the key that was sent
	Limited   bool
}

// house is an application with sign-in in steps, and a browser before it.
type house struct {
	*galetest.Client
	t        *testing.T
	clock    *galetest.Clock
	auth     *auth.Auth[resident]
	sessions *session.Manager
	ended    func() int

	mu      sync.Mutex
	users   map[string]resident
	refused []auth.Refusal[resident]
}

func (h *house) find(id string) (resident, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u, ok := h.users[id]
	if !ok {
		return resident{}, auth.ErrNoUser
	}
	return u, nil
}

func (h *house) change(id string, f func(u *resident)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.users[id]
	f(&u)
	h.users[id] = u
}

// doorKeys take "Bearer ID", or "Bearer ID:scope,scope" for a limited one.
type doorKeys struct{ h *house }

func (doorKeys) Name() string { return "door key" }

func (k doorKeys) Authenticate(_ context.Context, r *http.Request) (resident, bool, error) {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return resident{}, false, nil
	}
	id, scopes, limited := strings.Cut(key, ":")
	u, err := k.h.find(id)
	if err != nil {
		return resident{}, false, &web.Error{Status: http.StatusUnauthorized, Err: err}
	}
	u.Scopes, u.Limited = strings.Split(scopes, ","), limited
	return u, true, nil
}

func methods(csv string) (all []auth.Method) {
	if csv == "-" {
		return nil
	}
	for m := range strings.SplitSeq(csv, ",") {
		all = append(all, auth.Method(m))
	}
	return all
}

func newHouse(tb testing.TB) *house {
	h := &house{clock: galetest.NewClock(tb, time.Time{}), users: map[string]resident{
		"ann": {ID: "ann", Stamp: "1", Roles: []string{"admin"}},
		"ben": {ID: "ben", Stamp: "1", Roles: []string{"guest", "nobody"}},
	}}
	var mu sync.Mutex
	ended := 0
	h.ended = func() int {
		mu.Lock()
		defer mu.Unlock()
		return ended
	}
	h.sessions = session.New(session.Options{Clock: h.clock.Now, Ended: func(context.Context, string, string) {
		mu.Lock()
		defer mu.Unlock()
		ended++
	}})
	h.auth = auth.New(auth.Options[resident]{
		Sessions:       h.sessions,
		Find:           func(_ context.Context, id string) (resident, error) { return h.find(id) },
		ID:             func(u resident) string { return u.ID },
		Active:         func(u resident) bool { return !u.Disabled },
		Roles:          func(u resident) []string { return u.Roles },
		Permissions:    map[string][]string{"admin": {"*"}, "guest": {"read"}, "cook": {"cook", "eat"}},
		Scopes:         func(u resident) ([]string, bool) { return u.Scopes, u.Limited },
		Stamp:          func(u resident) string { return u.Stamp },
		Authenticators: []auth.Authenticator[resident]{doorKeys{h}},
		Clock:          h.clock.Now,
		Refused: func(_ context.Context, r auth.Refusal[resident]) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.refused = append(h.refused, r)
		},
	})
	return h
}

// handler is the house's.
func (h *house) handler() http.Handler {
	mux := http.NewServeMux()
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		u, _ := h.auth.User(ctx)
		pending, so, _ := h.auth.Pending(ctx)
		_, _ = fmt.Fprintf(w, "user=%s by=%s %v at=%s pending=%s %v", u.ID, h.auth.Credential(ctx), h.auth.Methods(ctx),
			h.auth.AuthenticatedAt(ctx).Format("15:04"), pending.ID, so)
	})
	act := func(pattern string, f func(r *http.Request, u resident) error) {
		mux.Handle(pattern, web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			u, err := h.find(r.PathValue("user"))
			if err != nil && r.PathValue("user") != "" {
				return err
			}
			if err := f(r, u); err != nil {
				return err
			}
			who(w, r)
			return nil
		}))
	}
	act("POST /begin/{user}/{method}", func(r *http.Request, u resident) error {
		return h.auth.Begin(r.Context(), u, auth.Method(r.PathValue("method")))
	})
	act("POST /in/{user}/{methods}", func(r *http.Request, u resident) error {
		return h.auth.SignIn(r.Context(), u, methods(r.PathValue("methods"))...)
	})
	act("POST /out", func(r *http.Request, _ resident) error { return h.auth.SignOut(r.Context()) })
	act("POST /again/{method}", func(r *http.Request, _ resident) error {
		return h.auth.Confirm(r.Context(), auth.Method(r.PathValue("method")))
	})
	act("POST /cart", func(r *http.Request, _ resident) error { return session.From(r.Context()).Put("cart", "tea") })
	act("POST /older/{user}", func(r *http.Request, u resident) error { // a release before there were proofs
		sum := sha256.Sum256([]byte(u.Stamp))
		session.From(r.Context()).Bind(base64.RawURLEncoding.EncodeToString(sum[:]))
		return session.From(r.Context()).SignIn(r.Context(), u.ID)
	})
	act("POST /oldest/{user}", func(r *http.Request, u resident) error { // and before there were stamps
		return session.From(r.Context()).SignIn(r.Context(), u.ID)
	})
	act("POST /late/{user}/{stamp}", func(r *http.Request, u resident) error { // a password that is changed meanwhile
		h.change(u.ID, func(u *resident) { u.Stamp = r.PathValue("stamp") })
		return h.auth.SignIn(r.Context(), u, auth.MethodPassword)
	})
	act("POST /change/{stamp}/{methods}", func(r *http.Request, _ resident) error {
		if u, ok := h.auth.User(r.Context()); ok {
			h.change(u.ID, func(u *resident) { u.Stamp = r.PathValue("stamp") })
		}
		return h.auth.Rebind(r.Context(), methods(r.PathValue("methods"))...)
	})
	act("POST /plant/{user}", func(r *http.Request, u resident) error { // as a sign-in that failed half-way may
		return session.From(r.Context()).Put("auth.proof", map[string]any{"u": u.ID, "t": h.clock.Now().UnixMilli()})
	})
	mux.HandleFunc("/left", func(w http.ResponseWriter, r *http.Request) {
		_, ok := session.Get[any](session.From(r.Context()), "auth.pending")
		_, _ = fmt.Fprint(w, ok)
	})
	mux.Handle("/who", who)
	mux.HandleFunc("/cart", func(w http.ResponseWriter, r *http.Request) {
		cart, _ := session.Get[string](session.From(r.Context()), "cart")
		_, _ = fmt.Fprint(w, cart)
	})
	mux.Handle("/member", h.auth.Required(who))
	mux.Handle("/read", h.auth.Require("read")(who))
	mux.Handle("/danger", h.auth.RequireRecent(10*time.Minute)(who))
	mux.Handle("/vault", h.auth.RequireRecent(10*time.Minute, auth.MethodTOTP, auth.MethodPasskey)(who))
	mux.Handle("/confirm", h.auth.RequireRecent(10*time.Minute)(who)) // a mistake that must not loop
	mux.Handle("/people", h.auth.SessionOnly(who))
	return h.auth.Identify(mux)
}

// inHouse runs body on the engine and on net/http, with a house each.
func inHouse(t *testing.T, body func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	for _, server := range []string{galetest.Engine, galetest.NetHTTP} {
		var h *house
		galetest.RunWith(t, galetest.Options{Servers: []string{server}}, func(tb testing.TB) http.Handler {
			h = newHouse(tb)
			return h.handler()
		}, func(t *testing.T, c *galetest.Client) {
			h.t, h.Client = t, c
			body(t, h)
		})
	}
}

// token is what the browser c would show as the session.
func token(c *galetest.Client) string { return c.Cookie("__Host-session") }

// says compares what a request shows to want.
func says(t *testing.T, r *galetest.Response, want string) {
	t.Helper()
	assert.Equal(t, r.Status(http.StatusOK).Text(), want)
}

func TestSignInBySteps(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		says(t, h.Post("/begin/ann/password", nil), "user= by= [] at=00:00 pending=ann [password]")
		says(t, h.Get("/who"), "user= by= [] at=00:00 pending=ann [password]")
		h.clock.Advance(9 * time.Minute)
		now := h.clock.Now().Format("15:04")
		says(t, h.Post("/in/ann/totp", nil), "user=ann by=session [password totp] at="+now+" pending= []")
		says(t, h.Get("/who"), "user=ann by=session [password totp] at="+now+" pending= []")
		says(t, h.Post("/out", nil), "user= by= [] at=00:00 pending= []")
		says(t, h.Get("/who"), "user= by= [] at=00:00 pending= []")
	})
}

func TestSignInWithoutMethodsStaysPossible(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		now := h.clock.Now().Format("15:04")
		says(t, h.Post("/in/ann/-", nil), "user=ann by=session [] at="+now+" pending= []")
		h.Get("/danger").Status(http.StatusOK)
		h.Get("/vault").Status(http.StatusForbidden)
	})
}

// The half signed-in session must open nothing that a visitor's does not.
func TestAPendingSignInPassesNoGuard(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/begin/ann/password", nil).Status(http.StatusOK)
		for _, path := range []string{"/member", "/read", "/danger", "/vault"} {
			h.Get(path).Status(http.StatusUnauthorized)
		}
		h.Post("/again/totp", nil).Status(http.StatusUnauthorized) // nor can it be confirmed into one
		h.Get("/member").Status(http.StatusUnauthorized)
		list, err := h.sessions.List(t.Context(), "ann")
		assert.NoError(t, err)
		assert.Equal(t, len(list), 0)
	})
}

// Whoever planted or saw the token of one step has nothing in the next.
func TestFixationAcrossTheSteps(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/cart", nil).Status(http.StatusOK)
		tokens := []string{token(h.Client)}
		for _, step := range []string{"/begin/ann/password", "/in/ann/totp", "/again/password"} {
			h.Post(step, nil).Status(http.StatusOK)
			tokens = append(tokens, token(h.Client))
		}
		assert.Equal(t, h.Get("/cart").Text(), "tea")
		for i, planted := range tokens[:len(tokens)-1] {
			assert.True(t, planted != tokens[i+1], "the token stays at step "+fmt.Sprint(i))
			eve := h.Stranger()
			eve.SetCookie("__Host-session", planted)
			says(t, eve.Get("/who"), "user= by= [] at=00:00 pending= []")
			assert.Equal(t, eve.Get("/cart").Text(), "")
		}
	})
}

// Ben knows his own password and Ann's name: his first factor must not count
// for her second.
func TestThePendingOfOneIsNotFinishedAsAnother(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/begin/ben/password", nil).Status(http.StatusOK)
		for _, second := range []string{"totp", "recovery", "totp,recovery"} {
			h.With("Accept", "application/json").Post("/in/ann/"+second, nil).Status(http.StatusUnauthorized).Problem("sign_in_again")
			says(t, h.Get("/who"), "user= by= [] at=00:00 pending=ben [password]")
		}
		// By a factor that stands alone Ann may sign in; Ben's password is then not hers.
		h.Post("/in/ann/passkey", nil).Status(http.StatusOK).Contains("user=ann by=session [passkey]")
		says(t, h.Post("/out", nil), "user= by= [] at=00:00 pending= []")
	})
}

func TestASecondFactorAloneSignsNobodyIn(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/in/ann/totp", nil).Status(http.StatusUnauthorized)
		h.Post("/in/ann/recovery", nil).Status(http.StatusUnauthorized)
		h.Post("/begin/ann/password", nil).Status(http.StatusOK)
		h.clock.Advance(10 * time.Minute)
		h.Post("/in/ann/totp", nil).Status(http.StatusUnauthorized)
		says(t, h.Get("/who"), "user= by= [] at=00:00 pending= []")
	})
}

func TestWhatEndsAPendingSignIn(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(h *house){
		"time":     func(h *house) { h.clock.Advance(10 * time.Minute) },
		"password": func(h *house) { h.change("ann", func(u *resident) { u.Stamp = "2" }) },
		"disabled": func(h *house) { h.change("ann", func(u *resident) { u.Disabled = true }) },
		"deleted":  func(h *house) { h.mu.Lock(); defer h.mu.Unlock(); delete(h.users, "ann") },
		"another":  func(h *house) { h.Post("/in/ben/password", nil); h.Post("/out", nil) },
		"sign-out": func(h *house) { h.Post("/out", nil) },
		"restart":  func(h *house) { h.Post("/begin/ben/password", nil); h.Post("/out", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.Post("/begin/ann/password", nil).Status(http.StatusOK)
				old := token(h.Client)
				end(h)
				says(t, h.Get("/who"), "user= by= [] at=00:00 pending= []")
				h.SetCookie("__Host-session", old) // the token from before
				says(t, h.Get("/who"), "user= by= [] at=00:00 pending= []")
				// What ended it may be undone; the sign-in is not.
				h.mu.Lock()
				h.users["ann"] = resident{ID: "ann", Stamp: "1"}
				h.mu.Unlock()
				says(t, h.Get("/who"), "user= by= [] at=00:00 pending= []")
			})
		})
	}
}

func TestBeginSignsOut(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/in/ben/password", nil).Status(http.StatusOK)
		h.Post("/cart", nil).Status(http.StatusOK)
		bens := token(h.Client)
		h.Post("/begin/ann/password", nil).Status(http.StatusOK)
		h.Get("/member").Status(http.StatusUnauthorized)
		assert.Equal(t, h.Get("/cart").Text(), "") // Ben's things are not Ann's
		assert.Equal(t, h.ended(), 1)
		eve := h.Stranger()
		eve.SetCookie("__Host-session", bens)
		eve.Get("/member").Status(http.StatusUnauthorized)
	})
}

func TestADisabledUserCannotBegin(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.ExpectLog("not active")
		h.change("ann", func(u *resident) { u.Disabled = true })
		h.Post("/begin/ann/password", nil).Status(http.StatusInternalServerError)
		assert.Equal(t, token(h.Client), "")
	})
}

func TestReplayOfASignedOutSession(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/begin/ann/password", nil)
		h.Post("/in/ann/totp", nil)
		stolen := token(h.Client)
		h.Post("/out", nil).Status(http.StatusOK)
		h.SetCookie("__Host-session", stolen)
		h.Get("/danger").Status(http.StatusUnauthorized)
		h.Post("/again/totp", nil).Status(http.StatusUnauthorized)
	})
}

func TestTheProofOfOneUserIsNotAnothers(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/in/ann/password", nil).Status(http.StatusOK)
		h.Post("/older/ben", nil).Status(http.StatusOK).Contains("user=ann") // of this request
		says(t, h.Get("/who"), "user=ben by=session [] at=00:00 pending= []")
		h.Get("/danger").Status(http.StatusForbidden)
		h.Post("/in/ann/passkey", nil).Status(http.StatusOK)
		h.Get("/vault").Status(http.StatusOK)
	})
}

func TestAProofInTheSessionCountsForItsUserOnly(t *testing.T) {
	inHouse(t, func(_ *testing.T, h *house) {
		h.Post("/plant/ben", nil).Status(http.StatusOK)
		h.Post("/older/ann", nil).Status(http.StatusOK) // values of an anonymous session stay
		h.Get("/danger").Status(http.StatusForbidden)
	})
}

func TestNothingPendingStaysBehind(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.Post("/begin/ann/password", nil).Status(http.StatusOK)
		assert.Equal(t, h.Get("/left").Text(), "true")
		h.Post("/in/ann/totp", nil).Status(http.StatusOK)
		assert.Equal(t, h.Get("/left").Text(), "false")
	})
}
