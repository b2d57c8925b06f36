package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

func TestTheStoreIsAskedOnlyWhenNeeded(t *testing.T) {
	t.Parallel()
	store := newSpy()
	b := newBrowser(t, app(session.New(session.Options{Store: store})))
	b.get("/who")
	b.get("/static")
	assert.Equal(t, store.loads+store.saves, 0)
	assert.Equal(t, len(b.cookies), 0)
	b.get("/in/alice")
	b.get("/static")
	assert.Equal(t, store.loads, 0)
	b.get("/who")
	b.get("/who")
	assert.Equal(t, store.loads, 2)
	assert.Equal(t, store.saves, 1)
}

func TestUseIsWrittenDownOnceAMinute(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	store := newSpy()
	b := newBrowser(t, app(session.New(session.Options{Store: store, Clock: func() time.Time { return now }})))
	b.get("/in/alice")
	for range 120 {
		now = now.Add(time.Second)
		b.get("/who")
	}
	assert.Equal(t, store.saves, 1+2)
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := session.New(session.Options{Idle: time.Hour, Lifetime: 24 * time.Hour, Clock: func() time.Time { return now }})
	h := app(m)
	idle, busy := newBrowser(t, h), newBrowser(t, h)
	idle.get("/in/alice")
	busy.get("/in/bob")

	now = now.Add(time.Hour - time.Millisecond)
	assert.Equal(t, idle.body("/who"), "alice")
	assert.Equal(t, busy.body("/who"), "bob")
	now = now.Add(time.Hour)
	assert.Equal(t, idle.body("/who"), "")

	for range 60 {
		now = now.Add(30 * time.Minute)
		busy.get("/who")
	}
	assert.Equal(t, busy.body("/who"), "")
	infos, err := m.List(t.Context(), "bob")
	assert.NoError(t, err)
	assert.Equal(t, len(infos), 0)
}

func TestAShorterIdleAppliesToOldSessions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o := session.Options{Store: session.NewMemoryStore(session.MemoryOptions{}), Clock: func() time.Time { return now }}
	b := newBrowser(t, app(session.New(o)))
	b.get("/in/alice")
	now = now.Add(time.Hour)
	o.Idle = 30 * time.Minute
	b.h = app(session.New(o))
	assert.Equal(t, b.body("/who"), "")
}

func TestValues(t *testing.T) {
	t.Parallel()
	type cart struct{ Items []int }
	m := session.New(session.Options{})
	step := 0
	b := newBrowser(t, m.Middleware(web.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		s := session.From(r.Context())
		step++
		switch step {
		case 1:
			return s.Put("cart", cart{[]int{1, 2}})
		case 2:
			got, ok := session.Get[cart](s, "cart")
			assert.Equal(t, got, cart{[]int{1, 2}})
			assert.True(t, ok, "no cart")
			_, ok = session.Get[int](s, "cart")
			assert.True(t, !ok, "a cart decoded into an int")
			_, ok = session.Get[int](s, "nothing")
			assert.True(t, !ok, "a value from nowhere")
			assert.True(t, s.Put("bad", make(chan int)) != nil, "a channel was stored")
			s.Delete("cart")
		case 3:
			_, ok := session.Get[cart](s, "cart")
			assert.True(t, !ok, "the cart is still there")
		}
		return nil
	})))
	for range 3 {
		assert.Equal(t, b.get("/").Code, http.StatusOK)
	}
}

func TestASessionHasALimit(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{MaxBytes: 100})
	newBrowser(t, m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		assert.NoError(t, s.Put("a", strings.Repeat("x", 50)))
		err := s.Put("b", strings.Repeat("x", 50))
		assert.ErrorIs(t, err, session.ErrTooLarge)
		assert.Contains(t, err.Error(), "100 allowed")
		_, ok := session.Get[string](s, "b")
		assert.True(t, !ok, "the refused value is there")
		assert.NoError(t, s.Put("a", "short"))
		assert.NoError(t, s.Put("b", strings.Repeat("x", 50)))
	}))).get("/")
}

// Two tabs load the session at the same time and change different keys.
func TestConcurrentRequestsKeepEachOthersValues(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	var wait sync.WaitGroup
	start := make(chan struct{})
	const tabs = 6
	wait.Add(tabs)
	mux := http.NewServeMux()
	mux.Handle("/", app(m))
	mux.Handle("/both/{key}", m.Middleware(web.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		s := session.From(r.Context())
		wait.Done()
		<-start // everyone has loaded before anyone saves
		s.Flash("info", r.PathValue("key"))
		return s.Put(r.PathValue("key"), "set")
	})))
	b := newBrowser(t, mux)
	b.get("/put/first/kept")
	var done sync.WaitGroup
	for i := range tabs {
		tab := newBrowser(t, mux)
		tab.cookies["__Host-session"] = b.token()
		done.Go(func() {
			if w := tab.get(fmt.Sprintf("/both/k%d", i)); w.Code != http.StatusOK {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
	wait.Wait()
	close(start)
	done.Wait()
	assert.Equal(t, b.body("/get/first"), "kept")
	for i := range tabs {
		assert.Equal(t, b.body(fmt.Sprintf("/get/k%d", i)), "set")
	}
	flashes := newBrowser(t, m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, len(session.From(r.Context()).Flashes()), tabs)
	})))
	flashes.cookies = b.cookies
	flashes.get("/")
}

// contended is a store in which others save first, so many times.
type contended struct {
	session.Store
	others int
}

func (s *contended) Save(ctx context.Context, was session.Hash, r session.Record) error {
	if r.Version > 0 && s.others > 0 {
		s.others--
		if err := s.Store.Save(ctx, was, r); err != nil {
			return err
		}
		return session.ErrConflict
	}
	return s.Store.Save(ctx, was, r)
}

// Two dozen forms sent at once are all taken; one that can never be is told.
func TestASaveIsMergedAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &contended{Store: session.NewMemoryStore(session.MemoryOptions{})}
		h, token := app(session.New(session.Options{Store: store})), ""
		get := func(path string) *http.Response { // no server: nothing of it is real in a bubble
			r, w := httptest.NewRequest(http.MethodGet, "https://example.com"+path, nil), httptest.NewRecorder()
			r.AddCookie(&http.Cookie{Name: "__Host-session", Value: token})
			h.ServeHTTP(w, r)
			return w.Result()
		}
		token = get("/in/alice").Cookies()[0].Value
		store.others = 24
		assert.Equal(t, get("/put/k/v").StatusCode, http.StatusOK)
		body, err := io.ReadAll(get("/get/k").Body)
		assert.NoError(t, err)
		assert.Equal(t, string(body), "v")
		store.others = 1 << 20
		began := time.Now()
		assert.Equal(t, get("/put/k/w").StatusCode, http.StatusServiceUnavailable)
		assert.True(t, time.Since(began) <= 2*time.Second, "it gives up in time")
	})
}

func TestFlashesAreShownOnce(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	var shown []session.Flash
	mux := http.NewServeMux()
	mux.HandleFunc("/save", func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		s.Flash("info", "Saved.")
		s.Flash("error", "Not sent.")
	})
	mux.HandleFunc("/show", func(_ http.ResponseWriter, r *http.Request) { shown = session.From(r.Context()).Flashes() })
	mux.HandleFunc("/many", func(_ http.ResponseWriter, r *http.Request) {
		for i := range 20 {
			session.From(r.Context()).Flash("info", fmt.Sprint(i)+strings.Repeat("x", 1000))
		}
	})
	b := newBrowser(t, m.Middleware(mux))
	b.get("/save")
	b.get("/show")
	assert.Equal(t, shown, []session.Flash{{Kind: "info", Message: "Saved."}, {Kind: "error", Message: "Not sent."}})
	b.get("/show")
	assert.Equal(t, len(shown), 0)

	b.get("/many")
	b.get("/show")
	assert.Equal(t, len(shown), 8)
	assert.True(t, strings.HasPrefix(shown[7].Message, "19x") && len(shown[7].Message) == 512, shown[7].Message)
}

func TestAfterSignOutAnAnonymousSessionBegins(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	inner := app(m)
	b := newBrowser(t, inner)
	b.get("/in/alice")
	b.get("/put/k/v")
	b.h = m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		assert.NoError(t, s.SignOut(r.Context()))
		assert.Equal(t, s.User()+s.ID(), "")
		assert.True(t, s.Created().IsZero(), "still created")
		assert.NoError(t, s.Put("bye", "alice"))
	}))
	b.get("/")
	b.h = inner
	assert.Equal(t, b.body("/get/bye"), "alice")
	assert.Equal(t, b.body("/get/k"), "")
	assert.Equal(t, b.body("/who"), "")
}

func TestAFailedSaveReplacesTheResponse(t *testing.T) {
	t.Parallel()
	store := newSpy()
	m := session.New(session.Options{Store: store})
	b := newBrowser(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, session.From(r.Context()).Put("k", "v"))
		w.WriteHeader(http.StatusCreated)
		n, err := w.Write([]byte("All went well."))
		assert.NoError(t, err)
		assert.Equal(t, n, 14)
	})))
	store.failingSavesOnly = true
	w := b.get("/")
	assert.Equal(t, w.Code, http.StatusServiceUnavailable)
	assert.Equal(t, w.Header().Get("Retry-After"), "5")
	assert.True(t, !strings.Contains(w.Body.String(), "All went well."), "the response claims success")
	assert.Equal(t, len(w.Result().Cookies()), 0)

	// The same for a handler that leaves the header to the server.
	b.h = m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.NoError(t, session.From(r.Context()).Put("k", "v"))
	}))
	assert.Equal(t, b.get("/").Code, http.StatusServiceUnavailable)
}

func TestAStoreThatIsDownIsNoSignOut(t *testing.T) {
	t.Parallel()
	store := newSpy()
	m := session.New(session.Options{Store: store})
	inner := app(m)
	b := newBrowser(t, inner)
	b.get("/in/alice")
	store.failing = true
	b.h = m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		err := s.Err()
		assert.ErrorIs(t, err, errDown)
		e, ok := errors.AsType[*web.Error](err)
		assert.True(t, ok && e.Status == http.StatusServiceUnavailable, "not a 503")
		assert.Equal(t, s.User(), "")
		assert.ErrorIs(t, s.Put("k", "v"), errDown)
		assert.ErrorIs(t, s.SignIn(r.Context(), "bob"), errDown)
		assert.ErrorIs(t, s.SignOut(r.Context()), errDown)
		assert.ErrorIs(t, s.Save(r.Context()), errDown)
		s.Flash("info", "lost")
		s.Delete("k")
		assert.Equal(t, len(s.Flashes()), 0)
		_, err = m.List(r.Context(), "")
		assert.NoError(t, err)
	}))
	w := b.get("/")
	assert.Equal(t, w.Code, http.StatusOK)
	assert.Equal(t, len(w.Result().Cookies()), 0)
	store.failing, b.h = false, inner
	assert.Equal(t, b.body("/who"), "alice")
}

func TestALostTouchIsNoFailure(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	store := newSpy()
	b := newBrowser(t, app(session.New(session.Options{Store: store, Clock: func() time.Time { return now }})))
	b.get("/in/alice")
	now = now.Add(time.Hour)
	store.failingSavesOnly = true
	assert.Equal(t, b.body("/who"), "alice")
}

func TestFailedSignInAndSignOutChangeNothing(t *testing.T) {
	t.Parallel()
	store := newSpy()
	b := newBrowser(t, app(session.New(session.Options{Store: store})))
	b.get("/in/alice")
	token := b.token()
	store.failingSavesOnly = true
	assert.Equal(t, b.get("/in/bob").Code, http.StatusServiceUnavailable)
	assert.Equal(t, b.token(), token)
	store.failingSavesOnly = false
	assert.Equal(t, b.body("/who"), "alice")
}

func TestAfterTheHeader(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	inner := app(m)
	b := newBrowser(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		w.WriteHeader(http.StatusOK)
		assert.ErrorIs(t, s.Put("k", "v"), session.ErrHeaderSent)
		assert.ErrorIs(t, s.SignIn(r.Context(), "alice"), session.ErrHeaderSent)
	})))
	b.get("/")
	b.h = inner
	b.get("/put/first/x")
	b.h = m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		assert.NoError(t, session.From(r.Context()).Put("k", "late"))
	}))
	b.get("/")
	b.h = inner
	assert.Equal(t, b.body("/get/k"), "late")
}

func TestSaveTellsOfARevokedSession(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	inner := app(m)
	b := newBrowser(t, inner)
	b.get("/in/alice")
	b.h = m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		assert.NoError(t, m.RevokeAll(r.Context(), "alice", ""))
		assert.NoError(t, s.Put("k", "v"))
		assert.ErrorIs(t, s.Save(r.Context()), session.ErrNotFound)
		assert.Equal(t, s.User(), "")
	}))
	b.get("/")
}

func TestSaveGoesOnWhenTheClientHasLeft(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{Store: ctxStore{session.NewMemoryStore(session.MemoryOptions{})}})
	ctx, cancel := context.WithCancel(t.Context())
	w := httptest.NewRecorder()
	m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.NoError(t, session.From(r.Context()).Put("k", "v"))
		cancel()
	})).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil))
	assert.Equal(t, len(w.Result().Cookies()), 1)
}

// ctxStore fails when the context has ended, as a database does.
type ctxStore struct{ session.Store }

func (s ctxStore) Save(ctx context.Context, was session.Hash, r session.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Store.Save(ctx, was, r)
}

func TestPlainHTTPIsExplainedOnce(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]int{
		"app.example": 1, "192.0.2.1:8080": 1,
		"localhost:8080": 0, "127.0.0.1:8080": 0, "[::1]:8080": 0, "app.localhost": 0,
	} {
		var log bytes.Buffer
		h := app(session.New(session.Options{}))
		for range 2 {
			ctx := obs.WithLogger(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/in/alice", nil)
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		assert.Equal(t, strings.Count(log.String(), "plain HTTP"), want)
	}
}

func TestWiringMistakesPanic(t *testing.T) {
	t.Parallel()
	assert.Contains(t, assert.Panics(t, func() { session.From(t.Context()) }).(string), "outside of Manager.Middleware")
	for want, f := range map[string]func(){
		"an option is negative":   func() { session.New(session.Options{Idle: -1}) },
		"TouchEvery is not below": func() { session.New(session.Options{Idle: time.Minute, TouchEvery: time.Hour}) },
		"does not begin with":     func() { session.New(session.Options{Cookie: "sid"}) },
		"drop the prefix":         func() { session.New(session.Options{Cookie: "__Host-sid", Insecure: true}) },
		"is not a cookie name":    func() { session.New(session.Options{Cookie: "__Host-a b"}) },
		"MaxSessions is negative": func() { session.NewMemoryStore(session.MemoryOptions{MaxSessions: -1}) },
		"open one with db.Open":   func() { session.NewSQLStore(nil) },
	} {
		assert.Contains(t, assert.Panics(t, f).(string), want)
	}
}
