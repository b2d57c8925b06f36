package gale_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/memnet"
	"github.com/galeweb/gale/obs"
)

func TestMain(m *testing.M) { galetest.Main(m) }

func TestRunServesInTheDefaultChain(t *testing.T) {
	t.Parallel()
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		obs.Logger(r.Context()).InfoContext(r.Context(), "seen")
		_, _ = io.WriteString(w, "hello")
	}), gale.Options{Addr: "127.0.0.1:0"})
	resp, err := r.client(t).Get("http://" + r.addr.String())
	assert.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	assert.Equal(t, resp.Header.Get("X-Content-Type-Options"), "nosniff")
	assert.True(t, resp.Header.Get("X-Request-Id") != "", "no request id")

	// The cross-origin check is on.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addr.String(), nil)
	assert.NoError(t, err)
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err = r.client(t).Do(req)
	assert.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	assert.Equal(t, resp.StatusCode, http.StatusForbidden)

	r.terminate()
	assert.NoError(t, r.wait())
	assert.Contains(t, r.log.String(), "seen")
	assert.Contains(t, r.log.String(), `cause="signal: terminated"`)
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := start(t, text("hello"), gale.Options{Addr: "127.0.0.1:0"})
	r.cancel()
	assert.NoError(t, r.wait())
}

func TestMiddlewareReplacesTheChain(t *testing.T) {
	t.Parallel()
	mark := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Mark", "1")
			next.ServeHTTP(w, r)
		})
	}
	r := startInMemory(t, text("hello"), gale.Options{Middleware: []func(http.Handler) http.Handler{mark}})
	resp, err := r.client(t).Get("http://gale.test/")
	assert.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	assert.Equal(t, resp.Header.Get("X-Mark"), "1")
	assert.Equal(t, resp.Header.Get("X-Request-Id"), "")
}

func TestConfigureAndSeveralListeners(t *testing.T) {
	t.Parallel()
	second := memnet.Listen("second.test:80")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	r := start(t, text("hello"), gale.Options{
		Listeners: []net.Listener{l, second},
		Configure: func(s *engine.Server) { s.MaxHeaderBytes = 8 << 10 },
	})
	status, body := get(t, r.client(t), "http://"+r.addr.String())
	assert.Equal(t, status, 200)
	assert.Equal(t, body, "hello")

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://second.test", nil)
	assert.NoError(t, err)
	req.Header.Set("X-Big", strings.Repeat("x", 10<<10))
	other := &running{memory: second}
	resp, err := other.client(t).Do(req)
	assert.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	assert.Equal(t, resp.StatusCode, http.StatusRequestHeaderFieldsTooLarge)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ts := httptest.NewTLSServer(nil) // lends its certificate
	defer ts.Close()
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}), gale.Options{Addr: "127.0.0.1:0", TLS: &tls.Config{Certificates: ts.TLS.Certificates}})
	tr := ts.Client().Transport.(*http.Transport).Clone()
	tr.ForceAttemptHTTP2 = true
	defer tr.CloseIdleConnections()
	_, body := get(t, &http.Client{Transport: tr}, "https://"+r.addr.String())
	assert.Equal(t, body, "HTTP/2.0")
	assert.Contains(t, r.banner.String(), "open    https://127.0.0.1:")
}

func TestRunMisuse(t *testing.T) {
	t.Parallel()
	assert.Equal(t, assert.Panics(t, func() { _ = gale.Run(t.Context(), nil, gale.Options{}) }),
		any("gale: Run without a handler; give it a router.New()"))
	failsWith(t, start(t, text(""), gale.Options{Env: "prod"}).wait(), `Env is "prod"`, `"production"`)
}

// broken is a listener whose network goes away.
type broken struct {
	net.Listener
	fail chan struct{}
}

func (b broken) Accept() (net.Conn, error) {
	<-b.fail
	return nil, errors.New("network gone")
}

func TestFailingListenerEndsRun(t *testing.T) {
	t.Parallel()
	closed := false
	b := broken{memnet.Listen("gale.test:80"), make(chan struct{})}
	healthy := memnet.Listen("healthy.test:80")
	r := start(t, text(""), gale.Options{
		Env: gale.Production, DrainDelay: time.Hour, // is not waited for
		Listeners: []net.Listener{healthy, b},
		Close:     []func(context.Context) error{func(context.Context) error { closed = true; return nil }},
	})
	close(b.fail)
	failsWith(t, r.wait(), "gale: gale.test:80: network gone")
	assert.True(t, closed, "the Close function was not called")
	_, err := healthy.Dial(t.Context())
	assert.ErrorIs(t, err, net.ErrClosed)
}
