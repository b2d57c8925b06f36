package ws_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ws"
)

// drained opens n connections, has them drained and returns after what time each
// was told, the first first.
func drained(t *testing.T, h *ws.Handler, n int, drain func() error) (told []time.Duration, took time.Duration) {
	t.Helper()
	s := servePipes(t, h)
	var mu sync.Mutex
	var start time.Time
	mine := &ws.Handler{
		PingEvery: -1, Message: func(*ws.Conn, ws.Message) error { return nil },
		Close: func(*ws.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, time.Since(start))
		},
	}
	for range n {
		s.client(t, ws.DialOptions{Handler: mine})
	}
	synctest.Wait()
	start = time.Now()
	assert.NoError(t, drain())
	took = time.Since(start)
	synctest.Wait()
	slices.Sort(told)
	assert.Equal(t, len(told), n)
	return told, took
}

func TestDrainSpreads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		over    time.Duration
		n       int
		timeout time.Duration
		batches []int // 50 ms apart
	}{
		{"few at once", 0, 100, 0, []int{100}},
		{"a hundred at a time", 0, 250, 0, []int{100, 100, 50}},
		{"more when time is short", 100 * time.Millisecond, 400, 0, []int{200, 200}},
		{"all at once", -1, 250, 0, []int{250}},
		{"half of what the context leaves", 0, 400, 200 * time.Millisecond, []int{200, 200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &ws.Handler{Message: echo, DrainOver: c.over}
				told, took := drained(t, h, c.n, func() error {
					ctx := context.Background()
					if c.timeout > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, c.timeout)
						defer cancel()
					}
					return h.Drain(ctx)
				})
				for i, size := range c.batches {
					for _, at := range told[:size] {
						assert.Equal(t, at, time.Duration(i)*50*time.Millisecond)
					}
					told = told[size:]
				}
				assert.Equal(t, took, time.Duration(len(c.batches)-1)*50*time.Millisecond)
			})
		})
	}
}

// TestDrainCutsShort: a context that ends while closes are spread cuts the rest
// off.
func TestDrainCutsShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &ws.Handler{Message: echo}
		ctx, cancel := context.WithCancel(t.Context())
		told, _ := drained(t, h, 300, func() error {
			go func() {
				time.Sleep(60 * time.Millisecond)
				cancel()
			}()
			assert.ErrorIs(t, h.Drain(ctx), context.Canceled)
			return h.Drain(t.Context()) // nothing is left to close, but to wait for
		})
		assert.Equal(t, told[len(told)-1], 60*time.Millisecond)
	})
}

func TestAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &ws.Handler{Open: func(c *ws.Conn, r *http.Request) error { c.SetData(r.URL.Path); return nil }, Message: echo}
		s := servePipes(t, h)
		url := s.url
		var clients []*ws.Conn
		for _, path := range []string{"/a", "/b", "/c"} {
			s.url = url + path
			clients = append(clients, s.client(t, ws.DialOptions{}))
		}
		data := func() (all []string) {
			synctest.Wait()
			for c := range h.All() {
				all = append(all, c.Data().(string))
			}
			slices.Sort(all)
			return all
		}
		assert.Equal(t, data(), []string{"/a", "/b", "/c"})
		clients[1].Close(1000, "")
		assert.Equal(t, data(), []string{"/a", "/c"})
		clients[2].Close(1000, "")
		assert.Equal(t, data(), []string{"/a"})
		for range h.All() {
			break
		}
		clients[0].Close(1000, "")
		assert.Equal(t, len(data()), 0)
	})
}

// TestDrainRefusesNew: with a hint when to come again.
func TestDrainRefusesNew(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, &ws.Handler{Message: echo})
	assert.NoError(t, s.h.Drain(t.Context()))
	resp, err := http.Get(s.url)
	assert.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, resp.StatusCode, http.StatusServiceUnavailable)
	assert.Equal(t, resp.Header.Get("Retry-After"), "1")
}

// TestDrainRacesUpgrade: a connection that was upgraded when the drain began is
// told to come again, and its Open is not called.
func TestDrainRacesUpgrade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var h *ws.Handler
		drainedAt := make(chan error, 1)
		h = &ws.Handler{
			CheckOrigin: func(*http.Request) bool { // after the first look
				go func() { drainedAt <- h.Drain(context.Background()) }()
				synctest.Wait()
				return true
			},
			Open:    func(*ws.Conn, *http.Request) error { t.Error("opened"); return nil },
			Message: echo,
			Close:   func(*ws.Conn, error) { t.Error("closed") },
		}
		s := servePipes(t, h)
		r := s.raw(t)
		assert.Equal(t, r.closeCode(t), ws.CodeServiceRestart)
		assert.NoError(t, <-drainedAt)
		r.Close()
		assert.NoError(t, h.Drain(t.Context()))
	})
}
