package galetest_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

func TestMain(m *testing.M) { galetest.Main(m) }

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, s) })
}

// ranOn returns the names of the servers on which Run has run its body.
func ranOn(t *testing.T) []string {
	t.Helper()
	var mu sync.Mutex
	var names []string
	t.Run("group", func(t *testing.T) {
		galetest.Run(t, text("hello"), func(t *testing.T, c *galetest.Client) {
			c.Get("/").Status(200).Contains("hello")
			mu.Lock()
			defer mu.Unlock()
			names = append(names, c.Server().Name)
		})
	})
	slices.Sort(names)
	return names
}

func TestRunOnEachServer(t *testing.T) {
	t.Setenv(galetest.ServersVar, "")
	assert.Equal(t, ranOn(t), []string{galetest.Engine, galetest.NetHTTP, galetest.Slow})
}

func TestRunOnTheServersThatTheEnvironmentNames(t *testing.T) {
	t.Setenv(galetest.ServersVar, "loop,pool")
	assert.Equal(t, ranOn(t), []string{galetest.Loop, galetest.Pool})
}

func TestRunWithMakesStateForEachServer(t *testing.T) {
	t.Parallel()
	handler := func(testing.TB) http.Handler {
		var mu sync.Mutex
		n := 0
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if n++; n > 1 {
				http.Error(w, "taken", http.StatusConflict)
			}
		})
	}
	galetest.RunWith(t, galetest.Options{}, handler, func(t *testing.T, c *galetest.Client) {
		c.Post("/", nil).Status(200)
		c.Post("/", nil).Status(409)
	})
}

func TestTLS(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto+" "+r.Host)
	})
	galetest.RunWith(t, galetest.Options{TLS: true}, func(testing.TB) http.Handler { return h }, func(t *testing.T, c *galetest.Client) {
		assert.Equal(t, c.Get("/").Text(), "HTTP/2.0 gale.test")
	})
}

func each(t *testing.T, f func(t *testing.T, o galetest.Options)) {
	t.Helper()
	for _, name := range []string{galetest.Engine, galetest.Slow, galetest.NetHTTP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, galetest.Options{Servers: []string{name}})
		})
	}
}

func TestUnexpectedErrorLogFails(t *testing.T) {
	t.Parallel()
	logging := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := obs.WithRequest(r.Context(), obs.NewRequest("req-1", ""))
		obs.Logger(ctx).With("a", 1).WithGroup("g").ErrorContext(ctx, "disk on fire", "b", 2)
		obs.Logger(ctx).WarnContext(ctx, "only smoke")
	})
	each(t, func(t *testing.T, o galetest.Options) {
		try(t, func(tb testing.TB) {
			galetest.Start(tb, logging, o).Client().Get("/").Status(200)
		}).failedWith(t, "disk on fire")
		try(t, func(tb testing.TB) {
			c := galetest.Start(tb, logging, o).Client()
			c.ExpectLog(`disk.*a=1 g\.b=2 g\.request_id=req-1`)
			c.Get("/").Status(200)
			assert.Contains(t, c.Server().Log().Text(), "only smoke")
		}).failedWith(t, "")
		try(t, func(tb testing.TB) {
			galetest.Start(tb, text(""), o).Client().ExpectLog("never happens")
		}).failedWith(t, `no error in the log matches "never happens"`)
	})
}

func TestPanicIsAnErrorOnEachServer(t *testing.T) {
	t.Parallel()
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(errors.New("boom")) })
	each(t, func(t *testing.T, o galetest.Options) {
		try(t, func(tb testing.TB) {
			c := galetest.Start(tb, boom, o).Client()
			_, err := c.HTTP().Get(c.URL("/"))
			assert.True(t, err != nil, "a panic was answered")
		}).failedWith(t, "boom")
	})
}

func TestOwnLog(t *testing.T) {
	t.Parallel()
	f := try(t, func(tb testing.TB) {
		log := galetest.NewLog(tb)
		service := log.Logger()
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { service.Error("in the service") })
		galetest.Start(tb, h, galetest.Options{Log: log}).Client().Get("/")
	})
	f.failedWith(t, "in the service")
	try(t, func(tb testing.TB) { galetest.NewLog(tb).Expect("(") }).failedWith(t, "error parsing regexp")
}

func TestLeakFails(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, o galetest.Options) {
		release := make(chan struct{})
		ended := make(chan struct{}, 2)
		leaking := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			go func() { <-release; ended <- struct{}{} }()
		})
		try(t, func(tb testing.TB) {
			galetest.Start(tb, leaking, o).Client().Get("/")
		}).failedWith(t, "TestLeakFails")

		o.IgnoreLeaks = []string{"TestLeakFails.func"}
		try(t, func(tb testing.TB) {
			galetest.Start(tb, leaking, o).Client().Get("/")
		}).failedWith(t, "")
		close(release)
		<-ended
		<-ended
	})
}

func TestLeakInBodyFails(t *testing.T) {
	t.Parallel()
	release, ended := make(chan struct{}), make(chan struct{})
	try(t, func(tb testing.TB) {
		galetest.Start(tb, text(""), galetest.Options{})
		go func() { <-release; close(ended) }()
	}).failedWith(t, "TestLeakInBodyFails")
	close(release)
	<-ended
}

func TestBusyHandlerFails(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	synctest.Test(t, func(t *testing.T) {
		// The client forgets the body, and so its transport's goroutines.
		o := galetest.Options{Servers: []string{galetest.NetHTTP}, IgnoreLeaks: []string{"net/http.(*persistConn)"}}
		var forgotten io.Closer
		try(t, func(tb testing.TB) {
			c := galetest.Start(tb, h, o).Client()
			resp, err := c.HTTP().Get(c.URL("/"))
			assert.NoError(t, err)
			forgotten = resp.Body
		}).failedWith(t, "a request was still running 5s after the test")
		assert.NoError(t, forgotten.Close())
	})
}

func TestStartMisuse(t *testing.T) {
	t.Parallel()
	try(t, func(tb testing.TB) {
		galetest.Start(tb, text(""), galetest.Options{Servers: []string{"apache"}})
	}).failedWith(t, `unknown server "apache"`)
	try(t, func(tb testing.TB) {
		_ = galetest.Start(tb, text(""), galetest.Options{Servers: []string{galetest.NetHTTP}}).URL()
	}).failedWith(t, "has no address")
}

func TestStream(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		obs.Logger(r.Context()).Info("left", slog.Any("err", r.Context().Err()))
	})
	galetest.Run(t, h, func(t *testing.T, c *galetest.Client) {
		resp := c.Stream(c.NewRequest("GET", "/", nil))
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		assert.NoError(t, err)
		assert.Equal(t, line, "data: 1\n")
	})
}
