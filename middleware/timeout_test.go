package middleware_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/web"
)

func TestTimeoutInTime(t *testing.T) {
	t.Parallel()
	outer := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Outer", "outer")
			w.Header().Set("X-Gone", "outer")
			next.ServeHTTP(w, r)
		})
	}
	h := middleware.Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deadline, ok := r.Context().Deadline()
		assert.True(t, ok && time.Until(deadline) <= time.Minute, "no deadline in the context")
		w.Header().Del("X-Gone")
		w.Header().Set("X-Inner", "inner")
		w.WriteHeader(201)
		w.WriteHeader(500)
		_, _ = w.Write([]byte("made"))
	}), outer, middleware.Timeout(time.Minute))
	res := do(h, get("/"))
	assert.Equal(t, res.Code, 201)
	assert.Equal(t, res.Body.String(), "made")
	assert.Equal(t, res.Header(), http.Header{"X-Outer": {"outer"}, "X-Inner": {"inner"}})
}

// The handler goes on after its time: nothing of it may reach the response.
func TestTimeoutLateWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		late := make(chan error, 8)
		h := middleware.Timeout(time.Second)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/secret")
			w.Header().Set("Set-Cookie", "session=late")
			_, _ = w.Write([]byte("early"))
			<-r.Context().Done()
			late <- context.Cause(r.Context())
			time.Sleep(time.Second)
			w.Header().Set("X-Late", "late")
			w.WriteHeader(200)
			_, err := w.Write([]byte("late"))
			late <- err
			_, err = io.Copy(w, strings.NewReader("late"))
			late <- err
			rc := http.NewResponseController(w)
			late <- rc.Flush()
			_, _, err = rc.Hijack()
			late <- err
			late <- rc.EnableFullDuplex()
			late <- rc.SetReadDeadline(time.Time{})
			late <- rc.SetWriteDeadline(time.Time{})
		}))
		start := time.Now()
		res := do(h, get("/"))
		assert.Equal(t, time.Since(start), time.Second)
		body := res.Body.String()
		time.Sleep(2 * time.Second)
		for range cap(late) {
			assert.ErrorIs(t, <-late, http.ErrHandlerTimeout)
		}
		assert.Equal(t, res.Code, 503)
		assert.Contains(t, body, "took too long")
		assert.Equal(t, res.Body.String(), body)
		for _, name := range []string{"X-Late", "Set-Cookie"} {
			assert.Equal(t, res.Header().Get(name), "")
		}
		assert.True(t, !strings.Contains(body, "early") && res.Header().Get("Content-Type") != "text/secret", "bytes of the handler are in the 503")
	})
}

func TestTimeoutAbortsAStream(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(http.ResponseWriter){
		"flush": func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		"size":  func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 100)) },
	} {
		synctest.Test(t, func(t *testing.T) {
			h := middleware.TimeoutWith(middleware.TimeoutOptions{After: time.Second, Buffer: 50})(
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					begin(w)
					<-r.Context().Done()
				}))
			rec := httptest.NewRecorder()
			v := assert.Panics(t, func() { h.ServeHTTP(rec, get("/")) })
			if v != http.ErrAbortHandler || rec.Code != 200 {
				t.Errorf("%s: panic %v, status %d", name, v, rec.Code)
			}
		})
	}
}

func TestTimeoutStreams(t *testing.T) {
	t.Parallel()
	s := newServer(t, middleware.Timeout(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := errors.Join(rc.EnableFullDuplex(), rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{})); err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = w.Write([]byte("one "))
		assert.NoError(t, rc.Flush())
		_, _ = w.Write([]byte("two"))
		w.Header().Set("X-Sum", "7")
	})))
	res, err := s.Client().Get(s.URL)
	assert.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	assert.NoError(t, err)
	assert.Equal(t, string(body), "one two")
	assert.Equal(t, res.Trailer.Get("X-Sum"), "7")
	assert.Equal(t, res.Header.Get("Link"), "</a.css>")
}

// A client that reads nothing must not hold a late handler's request.
func TestTimeoutCutsAHangingWrite(t *testing.T) {
	t.Parallel()
	ended := make(chan any, 1)
	timed := middleware.Timeout(50 * time.Millisecond)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}))
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- recover() }()
		timed.ServeHTTP(w, r)
	}))
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	assert.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: gale.example\r\n\r\n")
	assert.NoError(t, err)
	select {
	case v := <-ended:
		assert.Equal(t, v, any(http.ErrAbortHandler))
	case <-time.After(20 * time.Second):
		t.Error("the request outlives its timeout")
	}
}

func TestTimeoutHijack(t *testing.T) {
	t.Parallel()
	s := newServer(t, middleware.Timeout(10*time.Millisecond)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		<-r.Context().Done() // the connection lives on
		_, err = w.Write([]byte("x"))
		assert.ErrorIs(t, err, http.ErrHijacked)
		_, _ = rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
		_ = rw.Flush()
	})))
	res, err := s.Client().Get(s.URL)
	assert.NoError(t, err)
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	assert.Equal(t, string(body), "mine")
}

func TestTimeoutPanics(t *testing.T) {
	t.Parallel()
	mw := middleware.Timeout(time.Minute)
	assert.Equal(t, assert.Panics(t, func() { do(mw(panicking(http.ErrAbortHandler)), get("/")) }), any(http.ErrAbortHandler))

	v := assert.Panics(t, func() { do(mw(panicking("oops")), get("/")) })
	assert.Contains(t, v.(error).Error(), "oops")
	assert.Contains(t, v.(error).Error(), "recover_test.go")

	// Recover logs the stack of the handler's goroutine, through two Timeouts.
	var book logBook
	res := do(middleware.Chain(panicking("oops"), book.inject, middleware.Recover, mw, mw), get("/"))
	assert.Equal(t, res.Code, 500)
	assert.Equal(t, book.only(t)["error"], any("panic: oops"))
	assert.Contains(t, book.only(t)["stack"].(string), "recover_test.go")

	exit := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })
	assert.Equal(t, assert.Panics(t, func() { do(mw(exit), get("/")) }), any(http.ErrAbortHandler))
}

func TestTimeoutLogsALatePanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var book logBook
		h := middleware.Timeout(time.Second)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			time.Sleep(time.Second)
			panic("too late")
		}))
		assert.Equal(t, do(book.inject(h), get("/")).Code, 503)
		time.Sleep(2 * time.Second)
		recs := book.records(t)
		assert.Equal(t, recs[len(recs)-1]["msg"], any("panic after timeout"))
		assert.Equal(t, recs[len(recs)-1]["error"], any("panic: too late"))
	})
}

func TestTimeoutOfAClientThatLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		h := middleware.Timeout(time.Minute)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			time.Sleep(time.Second)
		}))
		v := assert.Panics(t, func() { do(h, get("/").WithContext(ctx)) })
		assert.Equal(t, v, any(http.ErrAbortHandler))
		time.Sleep(2 * time.Second)
	})
}

// An error that the handler returns in time is its own answer.
func TestTimeoutAndErrors(t *testing.T) {
	t.Parallel()
	h := middleware.Timeout(time.Minute)(web.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return &web.Error{Status: 409}
	}))
	assert.Equal(t, do(h, get("/")).Code, 409)
}

// A handler that stops because its context says so has not made a whole body.
func TestTimeoutOfAHandlerThatObeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := middleware.Timeout(time.Second)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("half"))
			<-r.Context().Done()
		}))
		for range 20 {
			assert.Equal(t, do(h, get("/")).Code, 503)
		}
	})
}

func TestTimeoutOfAnUpgradeByStatus(t *testing.T) {
	t.Parallel()
	s := newServer(t, middleware.Timeout(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "raw")
		w.WriteHeader(http.StatusSwitchingProtocols)
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "mine")
		_ = c.Close()
	})))
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL, nil)
	assert.NoError(t, err)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "raw")
	res, err := s.Client().Do(r)
	assert.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, res.StatusCode, 101)
	body, err := io.ReadAll(res.Body)
	assert.NoError(t, err)
	assert.Equal(t, string(body), "mine")
}

func TestTimeoutSkip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := middleware.TimeoutWith(middleware.TimeoutOptions{
			After: time.Second,
			Skip:  func(r *http.Request) bool { return r.URL.Path == "/events" },
		})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Hour)
			_, _ = w.Write([]byte("still here"))
		}))
		assert.Equal(t, do(h, get("/events")).Body.String(), "still here")
		assert.Equal(t, do(h, get("/")).Code, 503)
		time.Sleep(2 * time.Hour)
	})
}

func TestTimeoutWiring(t *testing.T) {
	t.Parallel()
	assert.Contains(t, assert.Panics(t, func() { middleware.Timeout(0) }).(string), "positive")
}
