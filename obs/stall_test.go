package obs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/memnet"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
)

const workerLabel = "test.worker"

// requests are what a server would say that runs.
type requests struct {
	mu  sync.Mutex
	all []obs.RunningRequest
}

func (r *requests) add(q obs.RunningRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, q)
}

func (r *requests) running() []obs.RunningRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// stalls is a watch with its requests and its log. now is when they began.
type stalls struct {
	*obs.StallWatch
	requests
	log bytes.Buffer
	now time.Time
}

func newStalls(o obs.StallOptions) *stalls {
	s := &stalls{now: time.Now()}
	o.Running, o.Label, o.Log = s.running, workerLabel, slog.New(slog.NewTextHandler(&s.log, nil))
	s.StallWatch = obs.NewStallWatch(o)
	s.SetProfileTime(0)
	return s
}

func (s *stalls) look(t *testing.T, after time.Duration) { s.Look(t.Context(), s.now.Add(after)) }

func (s *stalls) lines() int { return strings.Count(s.log.String(), "level=WARN") }

// labelled calls f on a goroutine that has the label.
func labelled(worker string, f func()) (done <-chan struct{}) {
	end := make(chan struct{})
	go func() {
		defer close(end)
		pprof.Do(context.Background(), pprof.Labels(workerLabel, worker), func(context.Context) { f() })
	}()
	return end
}

//go:noinline
func stuckHandler(release chan struct{}) { <-release }

func TestStallIsLoggedOnceWithItsStack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		done := labelled("w-once", func() { stuckHandler(release) })
		synctest.Wait()
		s := newStalls(obs.StallOptions{Trace: obs.TraceNever})
		rec := obs.NewRequest("id-7", "")
		rec.SetRoute("GET /slow/{id}")
		s.add(obs.RunningRequest{Method: "GET", Path: "/slow/7?token=secret", Route: "GET /", Start: s.now, Worker: "w-once", Request: rec})

		s.look(t, 999*time.Millisecond)
		assert.Equal(t, s.lines(), 0)
		for after := time.Second; after < time.Minute; after += time.Second {
			s.look(t, after)
		}
		assert.Equal(t, s.lines(), 1)
		assert.Equal(t, s.Count(), 1)
		for _, want := range []string{
			`msg="handler is past its budget"`, "method=GET", "path=/slow/7 ", "age=1s", "budget=1s",
			`route="GET /slow/{id}"`, "request_id=id-7", `waits="channel receive"`, "obs_test.stuckHandler (stall_test.go:",
		} {
			assert.Contains(t, s.log.String(), want)
		}
		assert.True(t, !strings.Contains(s.log.String(), "secret"), "the query was logged")
		got := s.Stalls()
		assert.Equal(t, len(got), 1)
		assert.Equal(t, got[0].Route, "GET /slow/{id}")
		assert.Contains(t, got[0].Stack[0], "obs_test.stuckHandler")
		close(release)
		<-done
	})
}

// A worker serves many; the next one that stalls on it is another stall.
func TestNextRequestOfAWorkerIsAnotherStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		done := labelled("w-next", func() { stuckHandler(release) })
		synctest.Wait()
		s := newStalls(obs.StallOptions{Budget: time.Second, Trace: obs.TraceNever})
		s.add(obs.RunningRequest{Start: s.now, Worker: "w-next"})
		s.look(t, time.Second)
		s.all = nil
		s.look(t, 2*time.Second)
		s.add(obs.RunningRequest{Start: s.now.Add(2 * time.Second), Worker: "w-next"})
		s.look(t, 2500*time.Millisecond)
		assert.Equal(t, s.lines(), 1)
		s.look(t, 3*time.Second)
		assert.Equal(t, s.lines(), 2)
		close(release)
		<-done
	})
}

// One whose goroutine is not to be found has mostly just ended.
func TestStallWithoutGoroutineIsLookedAtTwice(t *testing.T) {
	t.Parallel()
	s := newStalls(obs.StallOptions{Trace: obs.TraceNever})
	s.add(obs.RunningRequest{Start: s.now, Worker: "w-nowhere"})
	s.look(t, 2*time.Second)
	assert.Equal(t, s.lines(), 0)
	s.look(t, 3*time.Second)
	assert.Equal(t, s.lines(), 1)
	assert.True(t, !strings.Contains(s.log.String(), "stack="), "there is a stack")
}

func TestLongLivedIsNoStall(t *testing.T) {
	t.Parallel()
	obs.LongLived(t.Context()) // no Request: nothing happens
	s := newStalls(obs.StallOptions{Trace: obs.TraceNever})
	rec := obs.NewRequest("id", "")
	obs.LongLived(obs.WithRequest(t.Context(), rec))
	s.add(obs.RunningRequest{Start: s.now, Worker: "w-long", Request: rec})
	s.add(obs.RunningRequest{Start: s.now, Worker: "w-short", Request: obs.NewRequest("other", "")})
	s.look(t, time.Hour)
	s.look(t, 2*time.Hour)
	assert.Equal(t, s.lines(), 1)
	assert.Contains(t, s.log.String(), "request_id=other")
}

// serve has an http.Server answer one request, which the test writes.
func serve(t *testing.T, worker string, h http.Handler) net.Conn {
	t.Helper()
	l := memnet.Listen("gale.test:80")
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pprof.SetGoroutineLabels(pprof.WithLabels(r.Context(), pprof.Labels(workerLabel, worker)))
		h.ServeHTTP(w, r)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	c, err := l.Dial(t.Context())
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(); _ = srv.Close(); <-done })
	return c
}

// A slow client is the server's to limit; what comes after is the handler's.
func TestWaitingForTheClientIsNoStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := serve(t, "w-client", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			stuckHandler(release)
		}))
		_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: gale.test\r\nContent-Length: 4\r\n\r\nga")
		assert.NoError(t, err)
		synctest.Wait()
		s := newStalls(obs.StallOptions{Trace: obs.TraceNever})
		s.add(obs.RunningRequest{Start: s.now, Worker: "w-client"})
		s.look(t, time.Second)
		s.look(t, 2*time.Second)
		assert.Equal(t, s.lines(), 0)
		_, err = io.WriteString(c, "le")
		assert.NoError(t, err)
		synctest.Wait()
		s.look(t, 2500*time.Millisecond) // the budget begins again
		assert.Equal(t, s.lines(), 0)
		s.look(t, 3*time.Second)
		assert.Equal(t, s.lines(), 1)
		assert.Contains(t, s.log.String(), "obs_test.stuckHandler")
		assert.True(t, !strings.Contains(s.log.String(), "net/http.(*conn)"), "the server's frames were logged")
		close(release)
	})
}

// A server may leave out requests that wait for their clients.
func TestOnlyWhatRunsAllTheTimeIsAStall(t *testing.T) {
	t.Parallel()
	s := newStalls(obs.StallOptions{Budget: time.Second, Trace: obs.TraceNever})
	r := obs.RunningRequest{Start: s.now, Worker: "w-listed"}
	tick := time.Duration(0)
	listed := func(yes bool, ticks int) int {
		s.all = nil
		if yes {
			s.add(r)
		}
		for range ticks {
			tick++
			s.look(t, tick*250*time.Millisecond)
		}
		return s.lines()
	}
	assert.Equal(t, listed(false, 20), 0)
	for range 10 {
		assert.Equal(t, listed(true, 3), 0)
		assert.Equal(t, listed(false, 1), 0)
	}
	assert.Equal(t, listed(true, 10), 1)
	assert.Equal(t, listed(false, 10), 1)
	assert.Equal(t, listed(true, 10), 1)
}

// What an upstream is slow to send is read by the same code as a body.
func TestWaitingForAnUpstreamIsAStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		upstream := memnet.Listen("upstream.test:80")
		cut := make(chan struct{})
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-cut
		})}
		done := make(chan struct{})
		go func() { defer close(done); _ = srv.Serve(upstream) }()
		tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return upstream.Dial(ctx) }}
		c := serve(t, "w-upstream", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			resp, err := tr.RoundTrip(httpRequest(t, "http://upstream.test/"))
			if err == nil {
				_, _ = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
		}))
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: gale.test\r\n\r\n")
		assert.NoError(t, err)
		synctest.Wait()
		s := newStalls(obs.StallOptions{Trace: obs.TraceNever})
		s.add(obs.RunningRequest{Start: s.now, Worker: "w-upstream"})
		s.look(t, time.Second)
		assert.Equal(t, s.lines(), 1)
		assert.Contains(t, s.log.String(), "bodyEOFSignal")
		close(cut)
		_, err = c.Read(make([]byte, 1))
		assert.NoError(t, err)
		tr.CloseIdleConnections()
		assert.NoError(t, srv.Close())
		<-done
	})
}

func httpRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	assert.NoError(t, err)
	return r
}

// The timeout runs the handler on a goroutine of its own, which has the labels
// too, as have those that the handler starts.
func TestStackBehindATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := middleware.TimeoutWith(middleware.TimeoutOptions{After: time.Hour})(
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				go func() { <-release }()
				stuckHandler(release)
			}))
		c := serve(t, "w-timeout", h)
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: gale.test\r\n\r\n")
		assert.NoError(t, err)
		synctest.Wait()
		s := newStalls(obs.StallOptions{})
		_, stack := s.StackOf("w-timeout")
		assert.Contains(t, stack[0], "obs_test.stuckHandler")
		close(release)
	})
}

func TestFloodOfStallsIsCounted(t *testing.T) {
	t.Parallel()
	s := newStalls(obs.StallOptions{Trace: obs.TraceNever})
	add := func(begin, n int, start time.Duration) {
		for i := range n {
			s.add(obs.RunningRequest{Path: fmt.Sprint("/", begin+i), Start: s.now.Add(start), Worker: fmt.Sprint("flood", begin+i)})
		}
	}
	add(0, 30, 0)
	s.look(t, 2*time.Second) // finds no goroutines
	s.look(t, 3*time.Second)
	assert.Equal(t, s.lines(), 10)
	add(30, 30, 3*time.Second)
	s.look(t, 4*time.Second)
	assert.Equal(t, s.lines(), 10)
	assert.Equal(t, s.Count(), 60)
	add(60, 1, 5*time.Second)
	s.look(t, 20*time.Second)
	s.look(t, 21*time.Second)
	assert.Equal(t, s.lines(), 11)
	assert.Contains(t, s.log.String(), "not_logged_before=50")
	assert.True(t, len(s.Stalls()) <= 50, "all stalls are kept")
	assert.Equal(t, s.Stalls()[0].Path, "/60")
}

// Profiles of very many goroutines are slow; what waits for one is not lost.
func TestDearProfilesAreFew(t *testing.T) {
	t.Parallel()
	s := newStalls(obs.StallOptions{Trace: obs.TraceNever})
	s.SetProfileTime(400 * time.Millisecond)
	s.add(obs.RunningRequest{Start: s.now, Worker: "dear"})
	for after := time.Second; after < 21*time.Second; after += time.Second {
		s.look(t, after) // the first finds no goroutine
	}
	assert.Equal(t, s.lines(), 0)
	s.look(t, 21*time.Second)
	assert.Equal(t, s.lines(), 1)
}

func TestStallWatchRunsUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStalls(obs.StallOptions{Budget: 4 * time.Second, Trace: obs.TraceNever})
		s.add(obs.RunningRequest{Start: s.now, Worker: "w-run"})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()
		time.Sleep(4 * time.Second)
		assert.Equal(t, s.Count(), 0)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, s.Count(), 1)
		cancel()
		<-done
	})
}

func TestNewStallWatchWithoutRunningPanics(t *testing.T) {
	t.Parallel()
	assert.Contains(t, assert.Panics(t, func() { obs.NewStallWatch(obs.StallOptions{}) }).(string), "without Running")
}
