package gale_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

// slow answers after d, whatever happens to the connection.
func slow(d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(d)
		_, _ = io.WriteString(w, "finished")
	})
}

// untilCut answers nothing and returns when its context ends.
var untilCut = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })

// ask makes a request in the background and returns once it is being served.
func ask(t *testing.T, r *running) <-chan string {
	t.Helper()
	answer := make(chan string, 1)
	c := r.client(t)
	go func() {
		resp, err := c.Get("http://gale.test/")
		if err != nil {
			answer <- "error"
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	synctest.Wait()
	return answer
}

// history notes what happened in order, and in which second: Shutdown polls.
type history struct {
	mu     sync.Mutex
	begin  time.Time
	events []string
}

func (h *history) note(event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, fmt.Sprintf("%v %s", time.Since(h.begin).Truncate(time.Second), event))
}

func TestDrainInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var h history
		health := obs.NewHealth()
		closing := func(name string) func(context.Context) error {
			return func(context.Context) error { h.note("close " + name); return nil }
		}
		app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(8 * time.Second)
			h.note("request finished")
			_, _ = io.WriteString(w, "finished")
		})
		r := startInMemory(t, app, gale.Options{
			Env: gale.Production, Health: health,
			OnDrain: []func(context.Context){func(context.Context) { h.note("on drain") }},
			Close:   []func(context.Context) error{closing("database"), closing("hub")},
		})
		h.begin = time.Now()
		first := ask(t, r)
		r.terminate()
		synctest.Wait()
		probe := newRecorder()
		health.Ready(probe, newRequest(t))
		assert.Equal(t, probe.status, http.StatusServiceUnavailable)

		// In the delay a balancer may still send.
		time.Sleep(time.Second)
		second := ask(t, r)
		assert.Equal(t, <-first, "finished")
		_, err := r.memory.Dial(t.Context())
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.Equal(t, <-second, "finished")
		assert.NoError(t, r.wait())
		assert.Equal(t, h.events, []string{
			"5s on drain", "8s request finished", "9s request finished", "9s close hub", "9s close database",
		})
	})
}

func newRequest(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/readyz", nil)
	assert.NoError(t, err)
	return r
}

type recorder struct {
	header http.Header
	status int
}

func newRecorder() *recorder                    { return &recorder{header: http.Header{}} }
func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

func TestDrainDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closed := false
		r := startInMemory(t, untilCut, gale.Options{
			OnDrain: []func(context.Context){stubbornDrain},
			Close: []func(context.Context) error{
				func(context.Context) error { closed = true; return nil },
				failingClose,
			},
		})
		answer := ask(t, r)
		begin := time.Now()
		r.terminate()
		err := r.wait()
		assert.ErrorIs(t, err, gale.ErrDrain)
		failsWith(t, err, "in 25s", "1 requests", "OnDrain github.com/galeweb/gale_test.stubbornDrain",
			"Close github.com/galeweb/gale_test.failingClose: disk full")
		assert.Equal(t, time.Since(begin), 25*time.Second)
		assert.Equal(t, <-answer, "error")
		assert.True(t, closed, "a failing Close kept another from running")
	})
}

func stubbornDrain(ctx context.Context) { <-ctx.Done() }

func failingClose(context.Context) error { return errors.New("disk full") }

func TestStubbornHandlerIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := startInMemory(t, slow(time.Minute), gale.Options{DrainTimeout: 10 * time.Second})
		_ = ask(t, r)
		begin := time.Now()
		r.terminate()
		err := r.wait()
		assert.ErrorIs(t, err, gale.ErrDrain)
		failsWith(t, err, "1 of them even after their connections were cut")
		assert.Equal(t, time.Since(begin), 11*time.Second)
		time.Sleep(time.Minute) // the handler ends
	})
}

func TestSecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closed := false
		r := startInMemory(t, untilCut, gale.Options{
			Env:     gale.Production, // with a delay that is cut short too
			OnDrain: []func(context.Context){stubbornDrain},
			Close:   []func(context.Context) error{func(context.Context) error { closed = true; return nil }},
		})
		answer := ask(t, r)
		begin := time.Now()
		r.terminate()
		time.Sleep(time.Second)
		r.terminate()
		err := r.wait()
		assert.ErrorIs(t, err, gale.ErrForced)
		failsWith(t, err, "1 requests")
		assert.Equal(t, time.Since(begin), time.Second)
		assert.Equal(t, <-answer, "error")
		assert.True(t, closed, "the Close function was not called")
	})
}

// A context of signal.NotifyContext ends by the same Ctrl-C that Run sees.
func TestContextAndItsSignalAreOneStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := startInMemory(t, slow(3*time.Second), gale.Options{})
		answer := ask(t, r)
		r.cancel()
		synctest.Wait()
		r.terminate()
		assert.Equal(t, <-answer, "finished")
		assert.NoError(t, r.wait())
	})
}

func TestSecondSignalCutsCloseShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		heeding := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		r := startInMemory(t, text(""), gale.Options{Close: []func(context.Context) error{heeding}})
		begin := time.Now()
		r.terminate()
		synctest.Wait()
		r.terminate()
		failsWith(t, r.wait(), "context canceled")
		assert.Equal(t, time.Since(begin), time.Second)
	})
}

func TestHungCloseIsNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hung := func(context.Context) error { <-release; return nil }
		r := startInMemory(t, text(""), gale.Options{Close: []func(context.Context) error{hung}})
		begin := time.Now()
		r.terminate()
		failsWith(t, r.wait(), "TestHungCloseIsNamed", "did not finish in time")
		assert.Equal(t, time.Since(begin), 6*time.Second)
		close(release)
	})
}

// Streams end by OnDrain, taken-over connections are waited for.
func TestStreamsAndHijackedConnectionsDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		draining := make(chan struct{})
		app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/stream" {
				_ = http.NewResponseController(w).Flush()
				<-draining
				return
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			assert.NoError(t, err)
			defer conn.Close()
			<-draining
			time.Sleep(2 * time.Second)
			_, _ = io.WriteString(conn, "bye\n")
		})
		r := startInMemory(t, app, gale.Options{
			OnDrain: []func(context.Context){func(context.Context) { close(draining) }},
		})
		resp, err := r.client(t).Get("http://gale.test/stream")
		assert.NoError(t, err)
		defer resp.Body.Close()
		conn, err := r.memory.Dial(t.Context())
		assert.NoError(t, err)
		_, err = io.WriteString(conn, "GET /hijack HTTP/1.1\r\nHost: gale.test\r\n\r\n")
		assert.NoError(t, err)
		synctest.Wait()
		begin := time.Now()
		r.terminate()
		line, err := bufio.NewReader(conn).ReadString('\n')
		assert.NoError(t, err)
		assert.Equal(t, line, "bye\n")
		assert.NoError(t, r.wait())
		assert.Equal(t, time.Since(begin), 2*time.Second)
		assert.NoError(t, conn.Close())
	})
}

func TestCloseRunsWhenTheStartFails(t *testing.T) {
	t.Parallel()
	var order []string
	closing := func(name string) func(context.Context) error {
		return func(context.Context) error { order = append(order, name); return nil }
	}
	r := start(t, text(""), gale.Options{
		Addr: "nonsense", Close: []func(context.Context) error{closing("first"), closing("second")},
	})
	failsWith(t, r.wait(), "gale: listen on nonsense: check Addr")
	assert.True(t, slices.Equal(order, []string{"second", "first"}), "Close ran in the wrong order")
}
