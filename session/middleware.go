package session

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// saveTimeout bounds the save at the end of a request, which goes on when the
// client has left: its handler did the work.
const saveTimeout = 5 * time.Second

// Middleware gives each request a [Session]. The store is read only when
// [From] is called and a session cookie is there, and written only for
// changes.
//
// Changes are saved just before the response header goes. When that fails, the
// client gets an error instead of the response, since the response would say
// that all went well. What changes after the header is saved when the handler
// returns; a failure can then only be logged. A session that was ended
// meanwhile stays ended, and its changes are dropped with a warning.
//
// A response with the cookie is marked no-store; one that depends on the
// session varies by Cookie and, where there is one, signed in or not, is
// "private, no-cache" unless the handler says otherwise.
func (m *Manager) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w, ctx, done := m.Attach(w, r)
		if ctx != r.Context() {
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
		done()
	})
}

// Attach is [Manager.Middleware] for a middleware that adds more to the context:
// that can then be done in one copy of the request. The handler gets what Attach
// returns, and done is called after it has returned, unless it panicked.
func (m *Manager) Attach(w http.ResponseWriter, r *http.Request) (_ http.ResponseWriter, _ context.Context, done func()) {
	ctx := r.Context()
	if s, ok := sessionKey.Value(ctx); ok && s.m == m {
		return w, ctx, func() {}
	}
	ww := web.WriterFrom(w)
	if ww == nil {
		ww = web.Wrap(w)
		w = ww
	}
	s := &Session{m: m, w: ww, r: r}
	if m.sealed {
		s.sealed = &sealedCookie{}
	}
	done = s.done
	ww.OnHeader(done)
	return w, sessionKey.Put(ctx, &s.node, s), done
}

// done comes just before the header, and again after the handler.
func (s *Session) done() {
	if s.w.Written() {
		s.afterHeader()
		s.tellRenewed() // of a connection that was hijacked
	} else {
		// The server may send an empty 200 without asking the Writer.
		s.beforeHeader()
	}
}

// finish saves what is left. keep reports whether the response may stand.
func (s *Session) finish() (keep bool, err error) {
	if s.changes.empty() && !s.touch {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.r.Context()), saveTimeout)
	defer cancel()
	if s.err != nil {
		return true, nil // nothing could be changed
	}
	lossless := s.changes.empty()
	err = s.save(ctx)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, ErrNotFound):
		if lossless {
			return true, nil
		}
		obs.Logger(ctx).WarnContext(ctx, "session: ended by another request, changes of this one are dropped")
		return true, nil
	case lossless:
		s.touch = false // once is enough
		obs.Logger(ctx).WarnContext(ctx, "session: last use not written down", "error", err)
		return true, nil
	}
	return false, err
}

// beforeHeader is the last moment for the cookie, and for refusing. It may run
// a second time, to no effect.
func (s *Session) beforeHeader() {
	err := s.settle()
	s.tellRenewed()
	if err != nil {
		web.Fail(s.w, s.r, err) // takes the place of the response, see web.Writer.OnHeader
	}
}

// settle saves, sets the response header, and returns why the response may not
// stand.
func (s *Session) settle() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.sent = true }()
	if s.state == nil {
		return nil
	}
	keep, err := s.finish()
	s.header()
	if keep {
		return nil
	}
	s.changes = changes{} // the client is told that they are lost
	s.adopt(s.rec)
	return err
}

func (s *Session) header() {
	h := s.w.Header()
	s.addVary(h)
	switch {
	case s.token != "":
		end := s.rec.Created.Add(s.m.o.Lifetime).Sub(s.m.now())
		if s.values().Values[briefKey] != nil {
			end = 0
		}
		value := s.token
		if s.sealed != nil && s.sealed.out != "" {
			value += "." + s.sealed.out
		}
		s.m.setCookie(s.w, s.r, value, end)
		h.Set("Cache-Control", "no-store")
	case s.clear:
		s.m.setCookie(s.w, s.r, "", 0)
		h.Set("Cache-Control", "no-store")
	case s.rec.Version > 0 && h.Get("Cache-Control") == "":
		s.lines[1] = "private, no-cache"
		h["Cache-Control"] = s.lines[1:2:2]
	}
	s.token, s.clear = "", false
}

// afterHeader saves what changed while the body was written, or before a
// hijack, which sends no header through the Writer.
func (s *Session) afterHeader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = true
	if s.state == nil {
		return
	}
	if keep, err := s.finish(); !keep {
		ctx := s.r.Context()
		obs.RequestFrom(ctx).SetError(err)
		obs.Logger(ctx).ErrorContext(ctx, "session: changes made after the response header are lost", "error", err)
	}
}

// addVary has the response vary by Cookie.
func (s *Session) addVary(h http.Header) {
	lines := h["Vary"]
	for _, line := range lines {
		for field := range strings.SplitSeq(line, ",") {
			if field = strings.TrimSpace(field); field == "*" || strings.EqualFold(field, "Cookie") {
				return
			}
		}
	}
	if lines == nil {
		lines = s.lines[0:0:1]
	}
	h["Vary"] = append(lines, "Cookie")
}
