package session_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// browser keeps cookies as a browser does and sends them to one handler.
type browser struct {
	t       *testing.T
	h       http.Handler
	cookies map[string]string
	agent   string
}

func newBrowser(t *testing.T, h http.Handler) *browser {
	return &browser{t: t, h: h, cookies: map[string]string{}, agent: "test"}
}

// app serves what the tests need; path values are keys, values and users.
func app(m *session.Manager) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(*session.Session, *http.Request, http.ResponseWriter) error) {
		mux.Handle(pattern, web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			return h(session.From(r.Context()), r, w)
		}))
	}
	mux.HandleFunc("/static", func(http.ResponseWriter, *http.Request) {})
	handle("/who", func(s *session.Session, _ *http.Request, w http.ResponseWriter) error {
		_, err := w.Write([]byte(s.User()))
		return err
	})
	handle("/put/{key}/{value}", func(s *session.Session, r *http.Request, _ http.ResponseWriter) error {
		return s.Put(r.PathValue("key"), r.PathValue("value"))
	})
	handle("/get/{key}", func(s *session.Session, r *http.Request, w http.ResponseWriter) error {
		v, _ := session.Get[string](s, r.PathValue("key"))
		_, err := w.Write([]byte(v))
		return err
	})
	handle("/in/{user}", func(s *session.Session, r *http.Request, _ http.ResponseWriter) error {
		return s.SignIn(r.Context(), r.PathValue("user"))
	})
	handle("/out", func(s *session.Session, r *http.Request, _ http.ResponseWriter) error {
		return s.SignOut(r.Context())
	})
	unattended := session.Unattended(mux)
	mux.Handle("/unattended/", http.StripPrefix("/unattended", unattended))
	mux.Handle("/loaded/", http.StripPrefix("/loaded", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session.From(r.Context()) // as a guard around it does
		unattended.ServeHTTP(w, r)
	})))
	return m.Middleware(mux)
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequestWithContext(quiet(b.t.Context()), http.MethodGet, "https://app.example"+path, nil)
	r.Header.Set("User-Agent", b.agent)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	var w *httptest.ResponseRecorder
	if strings.ContainsFunc(b.agent, unicode.IsControl) { // no client sends it, and no server lets it through
		w = httptest.NewRecorder()
		b.h.ServeHTTP(w, r)
	} else {
		w = galetest.Serve(b.t, b.h, r)
	}
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return w
}

// body is get for tests that look at the text only.
func (b *browser) body(path string) string {
	b.t.Helper()
	w := b.get(path)
	if w.Code != http.StatusOK {
		b.t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func (b *browser) token() string { return b.cookies["__Host-session"] }

// quiet returns a context whose log goes nowhere.
func quiet(ctx context.Context) context.Context {
	return obs.WithLogger(ctx, slog.New(slog.DiscardHandler))
}

var errDown = errors.New("connection refused")

// spy is a store that counts, and that can be switched off.
type spy struct {
	session.Store
	loads, saves     int
	failing          bool
	failingSavesOnly bool
}

func newSpy() *spy { return &spy{Store: session.NewMemoryStore(session.MemoryOptions{})} }

func (s *spy) Load(ctx context.Context, h session.Hash) (session.Record, error) {
	s.loads++
	if s.failing {
		return session.Record{}, errDown
	}
	return s.Store.Load(ctx, h)
}

func (s *spy) Save(ctx context.Context, was session.Hash, r session.Record) error {
	s.saves++
	if s.failing || s.failingSavesOnly {
		return errDown
	}
	return s.Store.Save(ctx, was, r)
}

func (s *spy) Delete(ctx context.Context, h session.Hash) error {
	if s.failing {
		return errDown
	}
	return s.Store.Delete(ctx, h)
}
