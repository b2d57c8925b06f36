package engine_test

import (
	"cmp"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// attackedModes are those that have the limits of this package, not net/http's.
func attackedModes() []engine.Mode {
	return []engine.Mode{engine.Loop, engine.Pool, engine.AlwaysSlow}
}

// readsAll answers what the body was, or 400 where it did not all come.
func readsAll(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _ = w.Write(body)
}

func TestHeadLimits(t *testing.T) {
	t.Parallel()
	const start, end = "GET / HTTP/1.1\r\nHost: gale.test\r\n", "\r\n"
	target := func(n int) string { // a request whose first line is n bytes long
		return "GET /" + strings.Repeat("a", n-len("GET / HTTP/1.1")) + " HTTP/1.1\r\nHost: gale.test\r\n\r\n"
	}
	header := func(n int) string { // a request with n bytes of header
		return start + "X: " + strings.Repeat("b", n-len("Host: gale.test\r\nX: \r\n")) + "\r\n" + end
	}
	fields := func(n int) string { return start + strings.Repeat("X: y\r\n", n-1) + end }
	for _, c := range []struct {
		name, send string
		srv        *engine.Server
		status     int
		limit      string
	}{
		{"a request line as long as may be", target(16 << 10), &engine.Server{}, 200, ""},
		{"a request line too long", target(16<<10 + 1), &engine.Server{}, 414, "request_line_too_long"},
		{"a request line without end", "GET /" + strings.Repeat("a", 17<<10), &engine.Server{}, 414, "request_line_too_long"},
		{"a shorter limit", target(101), &engine.Server{MaxRequestLine: 100}, 414, "request_line_too_long"},
		{"a longer limit", target(20 << 10), &engine.Server{MaxRequestLine: 32 << 10}, 200, ""},
		{"no limit of the line", target(1 << 20), &engine.Server{MaxRequestLine: -1}, 200, ""},
		{"a header as large as may be", header(64 << 10), &engine.Server{}, 200, ""},
		{"a header too large", header(64<<10 + 1), &engine.Server{}, 431, "header_too_large"},
		{"a header without end", start + "X: " + strings.Repeat("b", 65<<10), &engine.Server{}, 431, "header_too_large"},
		{"a smaller limit", header(1001), &engine.Server{MaxHeaderBytes: 1000}, 431, "header_too_large"},
		{"no limit of the header", header(1 << 20), &engine.Server{MaxHeaderBytes: -1}, 200, ""},
		{"as many fields as may be", fields(256), &engine.Server{}, 200, ""},
		{"too many fields", fields(257), &engine.Server{}, 431, "too_many_fields"},
		{"fields without end", start + strings.Repeat("X:\r\n", 300), &engine.Server{}, 431, "too_many_fields"},
		{"fewer fields", fields(11), &engine.Server{MaxHeaderFields: 10}, 431, "too_many_fields"},
		{"no limit of fields", fields(5000), &engine.Server{MaxHeaderFields: -1}, 200, ""},
	} {
		for _, mode := range attackedModes() {
			t.Run(string(mode)+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				srv := &engine.Server{
					Handler: hello, Mode: mode,
					MaxRequestLine: c.srv.MaxRequestLine, MaxHeaderBytes: c.srv.MaxHeaderBytes, MaxHeaderFields: c.srv.MaxHeaderFields,
				}
				v := startVictim(t, srv)
				a := v.dial()
				a.send(c.send)
				assert.Equal(t, a.status(), c.status)
				want := map[string]uint64{}
				if c.limit != "" {
					assert.Equal(t, a.cut(), false)
					want[c.limit] = 1
				}
				assert.Equal(t, len(v.srv.Stats().BadRequests), 0)
				for limit, n := range v.srv.Stats().Refused {
					assert.Equal(t, n, want[limit])
				}
				assert.Equal(t, len(v.srv.Stats().Refused), len(want))
			})
		}
	}
}

// soon is a limit that a test waits for, and later one that it does not reach.
const (
	soon  = 400 * time.Millisecond
	later = time.Hour
)

// bigBody is more than the sockets of a connection hold.
const bigBody = 32 << 20

// timeLimits are attacks that the passing of time ends: begin makes the server
// wait, and finish does what a client would do that is only slow.
var timeLimits = []struct {
	name, limit string
	on, off     *engine.Server // off is the same without the limit
	begin       func(a *attacker)
	finish      func(a *attacker) (success bool)
}{
	{
		"nothing is sent", "header_timeout", &engine.Server{ReadHeaderTimeout: soon}, &engine.Server{ReadHeaderTimeout: -1},
		func(*attacker) {},
		func(a *attacker) bool { a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); return a.status() == 200 },
	},
	{
		"half a header", "header_timeout", &engine.Server{ReadHeaderTimeout: soon}, &engine.Server{ReadHeaderTimeout: -1},
		func(a *attacker) { a.send("GET / HTTP/1.1\r\nHost: a\r\nX: ") },
		func(a *attacker) bool { a.send("y\r\n\r\n"); return a.status() == 200 },
	},
	{
		"half a second header", "header_timeout",
		&engine.Server{ReadHeaderTimeout: soon, IdleTimeout: later},
		&engine.Server{ReadHeaderTimeout: -1},
		func(a *attacker) {
			a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT")
			assert.Equal(a.t, a.status(), 200)
		},
		func(a *attacker) bool { a.send("TP/1.1\r\nHost: a\r\n\r\n"); return a.status() == 200 },
	},
	{
		"no second request", "idle", &engine.Server{IdleTimeout: soon, ReadHeaderTimeout: later}, &engine.Server{IdleTimeout: -1},
		func(a *attacker) { a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); assert.Equal(a.t, a.status(), 200) },
		func(a *attacker) bool { a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); return a.status() == 200 },
	},
	{
		"half a body", "body_timeout", &engine.Server{BodyTimeout: soon, MinRate: -1}, &engine.Server{BodyTimeout: -1, MinRate: -1},
		func(a *attacker) { a.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello") },
		func(a *attacker) bool { a.send("world"); return a.status() == 200 },
	},
	{
		"half a chunk", "body_timeout", &engine.Server{BodyTimeout: soon}, &engine.Server{BodyTimeout: -1, MinRate: -1},
		func(a *attacker) {
			a.send("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello")
		},
		func(a *attacker) bool { a.send("world\r\n0\r\n\r\n"); return a.status() == 200 },
	},
	{
		"a byte of a body now and then", "body_rate",
		&engine.Server{BodyTimeout: 2 * soon, MinRate: 1 << 20},
		&engine.Server{BodyTimeout: later, MinRate: -1},
		func(a *attacker) {
			a.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 150\r\n\r\n")
			a.trickle(strings.Repeat("x", 149), 10*time.Millisecond)
		},
		func(a *attacker) bool { a.send("x"); return a.status() == 200 },
	},
	{
		"a response that nobody takes", "write_stalled",
		&engine.Server{WriteStallTimeout: soon, MinRate: -1}, &engine.Server{WriteStallTimeout: -1, MinRate: -1},
		func(a *attacker) { a.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n") },
		func(a *attacker) bool { return a.status() == 200 },
	},
	{
		"a response that is taken slowly", "write_rate",
		&engine.Server{WriteStallTimeout: 2 * soon, MinRate: 1 << 40}, &engine.Server{WriteStallTimeout: later, MinRate: -1},
		func(a *attacker) {
			a.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for range 150 {
				if n, err := a.r.Discard(32 << 10); n == 0 || err != nil {
					return
				}
				<-tick.C
			}
		},
		func(a *attacker) bool {
			n, err := io.CopyN(io.Discard, a.r, bigBody-(150*32<<10))
			return n > 0 && err == nil
		},
	},
}

func timedHandler(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/body":
		readsAll(w, r)
	case "/big":
		w.Header().Set("Content-Length", strconv.Itoa(bigBody))
		_, _ = w.Write(make([]byte, bigBody))
	default:
		_, _ = io.WriteString(w, "ok")
	}
}

func withTimes(mode engine.Mode, s *engine.Server) *engine.Server {
	return &engine.Server{
		Handler: http.HandlerFunc(timedHandler), Mode: mode, ReadHeaderTimeout: s.ReadHeaderTimeout, IdleTimeout: s.IdleTimeout,
		BodyTimeout: s.BodyTimeout, WriteStallTimeout: s.WriteStallTimeout, MinRate: s.MinRate,
	}
}

// TestTimeLimits attacks two servers alike: one has the limit and cuts the
// attacker off; the other has not, and when that has happened it still serves.
func TestTimeLimits(t *testing.T) {
	t.Parallel()
	for i := range timeLimits {
		c := &timeLimits[i]
		for _, mode := range attackedModes() {
			t.Run(string(mode)+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				on, off := startVictim(t, withTimes(mode, c.on)), startVictim(t, withTimes(mode, c.off))
				patient := off.dial()
				began := make(chan struct{})
				go func() { defer close(began); c.begin(patient) }()
				a := on.dial()
				c.begin(a)
				on.until(c.limit, func(st engine.Stats) bool { return st.Refused[c.limit] == 1 })
				assert.Equal(t, a.t.Failed(), false)
				_, _ = io.Copy(io.Discard, a.r)
				on.alive()
				<-began
				assert.True(t, c.finish(patient), "the client without a limit was cut off")
				assert.Equal(t, len(off.srv.Stats().Refused), 0)
			})
		}
	}
}

// A handler that sets its own deadlines is served by those, while others are
// cut off.
func TestOwnDeadlines(t *testing.T) {
	t.Parallel()
	for _, mode := range attackedModes() {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			v := startVictim(t, &engine.Server{Mode: mode, BodyTimeout: soon, WriteStallTimeout: soon, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/own" {
					rc := http.NewResponseController(w)
					assert.NoError(t, rc.SetReadDeadline(time.Time{}))
					assert.NoError(t, rc.SetWriteDeadline(time.Time{}))
				}
				if r.Method == "POST" {
					readsAll(w, r)
					return
				}
				w.Header().Set("Content-Length", strconv.Itoa(bigBody))
				_, _ = w.Write(make([]byte, bigBody))
			})})
			ask := func(line, rest string) *attacker {
				a := v.dial()
				a.send(line + " HTTP/1.1\r\nHost: a\r\n" + rest)
				return a
			}
			const body = "Content-Length: 10\r\n\r\nhalf "
			patient, silent := ask("POST /own", body), ask("POST /", body)
			slow, gone := ask("GET /own", "\r\n"), ask("GET /", "\r\n")
			v.until("body_timeout and write_stalled", func(st engine.Stats) bool {
				return st.Refused["body_timeout"] == 1 && st.Refused["write_stalled"] == 1
			})
			_, _ = io.Copy(io.Discard, silent.r)
			_, _ = io.Copy(io.Discard, gone.r)
			patient.send("done.")
			assert.Equal(t, patient.status(), 200)
			n, err := io.CopyN(io.Discard, slow.r, bigBody)
			assert.NoError(t, err)
			assert.Equal(t, n, int64(bigBody))
			assert.Equal(t, v.srv.Stats().Refused, map[string]uint64{"body_timeout": 1, "write_stalled": 1})
		})
	}
}

// A body that comes slowly, but at the rate that is asked for, is let through
// however long it takes.
func TestSlowEnoughIsNotCut(t *testing.T) {
	t.Parallel()
	for _, mode := range attackedModes() {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			v := startVictim(t, &engine.Server{Handler: http.HandlerFunc(readsAll), Mode: mode, BodyTimeout: 5 * time.Second, MinRate: 1, ReadHeaderTimeout: soon, IdleTimeout: soon})
			a := v.dial()
			a.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
			a.trickle(strings.Repeat("x", 100), 10*time.Millisecond)
			assert.Equal(t, a.status(), 200)
			assert.Equal(t, len(v.srv.Stats().Refused), 0)
		})
	}
}

// A client that takes nothing of what was left when the handlers had returned is
// cut off, too.
func TestOutputOwedIsNotKeptForEver(t *testing.T) {
	t.Parallel()
	for _, mode := range attackedModes() {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			page := make([]byte, 12<<10)
			v := startVictim(t, &engine.Server{Mode: mode, WriteStallTimeout: soon, MinRate: -1, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(page)
			})})
			a := v.dial()
			owing := false
			for i := uint64(1); !owing && v.srv.Stats().Refused["write_stalled"] == 0; i++ {
				a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				v.until("an answer, or none since there is no room", func(st engine.Stats) bool {
					owing = st.Closing == 1
					return owing || st.Requests >= i
				})
			}
			v.until("cut off", func(st engine.Stats) bool { return st.Refused["write_stalled"] == 1 })
			v.alive()
		})
	}
}

// Output that waits longer than the idle timeout does not make the connection
// idle.
func TestSlowReaderIsNotIdle(t *testing.T) {
	t.Parallel()
	page := make([]byte, 12<<10)
	v := startVictim(t, &engine.Server{IdleTimeout: later, WriteStallTimeout: later, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(page)
	})})
	a := v.dial()
	n := 0
	for owing := false; !owing; n++ {
		a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		v.until("an answer, or no room", func(st engine.Stats) bool {
			owing = st.Closing == 1
			return owing || st.Requests > uint64(n)
		})
	}
	for range n {
		assert.Equal(t, a.status(), 200)
	}
	a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	assert.Equal(t, a.status(), 200)
}

// A client that takes the response slowly, but at the rate that is asked for, is
// let through, although the kernel tells of room only now and then.
func TestSlowReaderIsNotCut(t *testing.T) {
	t.Parallel()
	for _, mode := range attackedModes() {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			v := startVictim(t, &engine.Server{Mode: mode, Handler: http.HandlerFunc(timedHandler), WriteStallTimeout: soon, MinRate: 1000})
			a := v.dial()
			a.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
			tick := time.NewTicker(40 * time.Millisecond)
			defer tick.Stop()
			const reads, size = 75, 128 << 10
			for range reads {
				_, err := a.r.Discard(size)
				assert.NoError(t, err)
				<-tick.C
			}
			_, err := io.CopyN(io.Discard, a.r, bigBody-reads*size)
			assert.NoError(t, err)
			assert.Equal(t, len(v.srv.Stats().Refused), 0)
		})
	}
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	for _, mode := range append(attackedModes(), engine.Std) {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			v := startVictim(t, &engine.Server{Handler: hello, Mode: mode, MaxConns: 2})
			first, second, third := v.dial(), v.dial(), v.dial()
			for _, a := range []*attacker{first, second} {
				a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				assert.Equal(t, a.status(), 200)
			}
			third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			assert.Equal(t, third.status(), 0)
			assert.Equal(t, v.srv.Stats().Refused, map[string]uint64{"conns": 1})
			assert.NoError(t, first.Close())
			for status := 0; status != 200; { // once the server has seen the end
				a := v.dial()
				a.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
				status = a.status()
			}
		})
	}
}

// A client that pipelines very much and takes no answer fills its own sockets; it
// costs the server no more than one that asks once, and nobody waits for it.
func TestEndlessPipelineStallsNobody(t *testing.T) {
	t.Parallel()
	const requests = 100_000
	for _, mode := range attackedModes() {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			v := startVictim(t, &engine.Server{Handler: hello, Mode: mode, WriteStallTimeout: later, MinRate: -1})
			a := v.dial()
			assert.NoError(t, a.Conn.(*net.TCPConn).SetReadBuffer(64<<10))
			const request = "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: one that is in a great hurry\r\n\r\n"
			sent := make(chan error, 1)
			go func() { _, err := io.WriteString(a, strings.Repeat(request, requests)); sent <- err }()
			v.until("no room for answers", func(st engine.Stats) bool { return st.Closing == 1 || st.Active == 1 && st.Requests > 1000 })
			for range 100 {
				v.alive()
			}
			// The kernel's buffers hold some; the server has read what it could answer,
			// and at most its own buffer more.
			st := v.srv.Stats()
			read, answered := st.BytesRead, st.Requests*uint64(len(request))
			assert.True(t, read < answered+64<<10, "the server has read "+strconv.FormatUint(read-answered, 10)+" bytes ahead")
			for range requests {
				if status := a.status(); status != 200 {
					t.Fatal("an answer is missing; status", status)
				}
			}
			assert.NoError(t, <-sent)
		})
	}
}

// Every request of a pipeline is answered, in order, however few have their turn
// at once.
func TestMaxPipelined(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 3, 0, -1} {
		for _, mode := range attackedModes() {
			v := startVictim(t, &engine.Server{Mode: mode, MaxPipelined: most, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, r.URL.Path)
			})})
			a := v.dial()
			const requests = 500
			var all strings.Builder
			for i := range requests {
				all.WriteString("GET /" + strconv.Itoa(i) + " HTTP/1.1\r\nHost: a\r\n\r\n")
			}
			go a.send(all.String())
			for i := range requests {
				resp := a.response()
				if resp == nil {
					t.Fatal("an answer is missing")
				}
				body, err := io.ReadAll(resp.Body)
				assert.NoError(t, err)
				assert.Equal(t, string(body), "/"+strconv.Itoa(i))
			}
		}
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		max, route int64 // of the server; of the route, 0 for none
		size       int
		status     int
	}{
		{"default, fits", 0, 0, 10 << 20, 200},
		{"default, too large", 0, 0, 10<<20 + 1, 413},
		{"set", 100, 0, 101, 413},
		{"off", -1, 0, 11 << 20, 200},
		{"raised by the route", 100, 1000, 1000, 200},
		{"raised, too large", 100, 1000, 1001, 413},
		{"lowered by the route", 1000, 100, 101, 413},
		{"lowered where the server has none", -1, 100, 101, 413},
		{"lifted by the route", 100, -1, 11 << 20, 200},
	} {
		for _, mode := range append(attackedModes(), engine.Std) {
			for _, coding := range []string{"length", "chunked"} {
				t.Run(string(mode)+"/"+c.name+"/"+coding, func(t *testing.T) {
					t.Parallel()
					v := startVictim(t, &engine.Server{Handler: limitedBy(c.route), Mode: mode, MaxBodyBytes: c.max})
					a := v.dial()
					body := strings.Repeat("x", c.size)
					if coding == "length" {
						go a.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + strconv.Itoa(c.size) + "\r\n\r\n" + body)
					} else {
						go a.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
							strconv.FormatInt(int64(c.size), 16) + "\r\n" + body + "\r\n0\r\n\r\n")
					}
					assert.Equal(t, a.status(), c.status)
					want := uint64(0)
					if c.status == 413 {
						assert.Equal(t, a.cut(), false)
						want = 1
					}
					v.until("counted", func(st engine.Stats) bool { return st.Refused["body_size"] == want })
				})
			}
		}
	}
}

// limitedBy reads the whole body, by a limit of its own unless that is 0.
func limitedBy(n int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n != 0 && !engine.LimitBody(w, r, n) {
			panic("LimitBody does not know its own")
		}
		got, err := io.Copy(io.Discard, r.Body)
		if _, ok := err.(*http.MaxBytesError); ok {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, cmp.Or(strconv.FormatInt(got, 10), "0"))
	}
}
