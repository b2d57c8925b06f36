package engine_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/upgrade"
)

func TestUpgradedEcho(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		var states sync.Map
		srv := &engine.Server{Mode: mode, MaxConns: 1, ConnState: func(_ net.Conn, s http.ConnState) { states.Store(s, true) }}
		p.hold(t, srv)
		g := p.enter()
		for _, size := range []int{1, 100, 1 << 14, 1 << 17} {
			s := strings.Repeat("x", size)
			go func() { _, _ = io.WriteString(g, s) }()
			g.gets(s)
		}
		assert.Equal(t, g.k.RemoteAddr().String(), g.LocalAddr().String())
		assert.Equal(t, g.k.LocalAddr().String(), g.RemoteAddr().String())
		st := srv.Stats()
		assert.Equal(t, st.Hijacked, int64(1))
		assert.Equal(t, st.Active+st.Idle+st.Reading+st.Closing+st.Handshaking, int64(0))
		assert.Equal(t, st.Requests, uint64(1))
		assert.NoError(t, g.Close())
		assert.ErrorIs(t, g.k.cause(t), io.EOF)
		until(t, "it is counted out", func() bool { return srv.Stats().Hijacked == 0 })
		assert.Equal(t, g.k.RemoteAddr().String(), g.LocalAddr().String())
		_, told := states.Load(http.StateHijacked)
		assert.True(t, told, "the hook was not told of the upgrade")
		_, told = states.Load(http.StateClosed)
		assert.True(t, !told, "the hook was told that a hijacked connection is closed")
		g = p.enter() // into the place that is free
		g.send("again")
		g.gets("again")
	})
}

// What came right behind the request is heard, but not before the handler is
// done.
func TestUpgradedEarlyBytes(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		gate := make(chan struct{})
		var returned atomic.Bool
		p.prepare = func(k *talker, _ *http.Request) {
			k.hears = func(b []byte) {
				if !returned.Load() {
					t.Error("heard before the handler was done")
				}
				k.say(string(b))
			}
		}
		p.after = func(_ *talker, _ http.ResponseWriter, _ *http.Request) {
			<-gate
			returned.Store(true)
		}
		g := p.hold(t, &engine.Server{Mode: mode}).knock("early")
		g.greeted() // it has left before
		g.send(" and late")
		close(gate)
		g.gets("early and late")
	})
}

// A peer that does not read holds up nothing but its own output, of which no
// more is asked for until it has taken what there was.
func TestUpgradedBigOutput(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		heard := make(chan string, 8)
		p.prepare = func(k *talker, _ *http.Request) { k.hears = func(b []byte) { heard <- string(b) } }
		g := p.hold(t, &engine.Server{Mode: mode, WriteStallTimeout: 1, MinRate: 1 << 30}).enter()
		const size = 8 << 20
		fill(t, g.k, size)
		last, _ := g.k.counted()
		g.send("still heard")
		assert.Equal(t, <-heard, "still heard")
		for range 100 {
			g.k.Wake()
		}
		g.send("and after it was woken")
		assert.Equal(t, <-heard, "and after it was woken")
		if outputs, _ := g.k.counted(); outputs > last+10 { // its peer's system may have taken a little more
			t.Errorf("asked for output %d times while the socket was full", outputs-last)
		}
		g.k.say("the end")
		g.gets(strings.Repeat("y", size) + "the end")
	})
}

// Many goroutines wake a connection, whatever it does.
func TestUpgradedWake(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		g := p.hold(t, &engine.Server{Mode: mode}).enter()
		const speakers, words = 4, 500
		var speaking sync.WaitGroup
		for i := range speakers {
			speaking.Go(func() {
				for range words {
					g.k.say(strings.Repeat(string(rune('a'+i)), 50))
				}
			})
		}
		speaking.Go(func() { // keeps it busy
			for range words {
				_, _ = io.WriteString(g, strings.Repeat("z", 50))
			}
		})
		got := make([]byte, (speakers+1)*words*50)
		_, err := io.ReadFull(g.r, got)
		assert.NoError(t, err)
		speaking.Wait()
		for _, c := range "abcdz" {
			assert.Equal(t, strings.Count(string(got), string(c)), words*50)
		}
	})
}

// One goroutine wakes a thousand connections, which takes hardly any other.
func TestUpgradedWakeMany(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		p.hold(t, &engine.Server{Mode: mode})
		guests := make([]*guest, 1000)
		if p.secure {
			guests = guests[:100] // handshakes are dear
		}
		for i := range guests {
			guests[i] = p.enter()
		}
		for i := range 10 {
			for _, g := range guests {
				g.k.say(fmt.Sprint(i))
			}
		}
		for _, g := range guests {
			g.gets("0123456789")
		}
	})
}

var errOurs = errors.New("for a reason of ours")

func TestUpgradedAbort(t *testing.T) {
	for name, abort := range map[string]func(p *party) *guest{
		"while it is idle": func(p *party) *guest {
			g := p.enter()
			g.k.Abort(errOurs)
			return g
		},
		"while it is blocked": func(p *party) *guest {
			g := p.enter()
			g.k.say(strings.Repeat("y", 8<<20))
			until(p.t, "it has begun", func() bool { outputs, _ := g.k.counted(); return outputs > 0 })
			g.k.Abort(errOurs)
			return g
		},
		"while it hears": func(p *party) *guest {
			p.prepare = func(k *talker, _ *http.Request) {
				k.hears = func([]byte) {
					k.Abort(errOurs)
					k.Abort(io.ErrUnexpectedEOF) // the first cause counts
				}
			}
			g := p.enter()
			g.send("x")
			return g
		},
		"before the handler is done": func(p *party) *guest {
			p.after = func(k *talker, _ http.ResponseWriter, _ *http.Request) { k.Abort(errOurs) }
			g := p.knock("")
			g.k = <-p.of(g.LocalAddr().String())
			return g
		},
		"when it is due": func(p *party) *guest {
			var due atomic.Bool
			p.prepare = func(k *talker, _ *http.Request) {
				k.onDue = func(int64) int64 {
					if due.Load() {
						k.Abort(errOurs)
					}
					return 0
				}
			}
			g := p.enter()
			due.Store(true)
			g.k.Wake()
			return g
		},
	} {
		t.Run(name, func(t *testing.T) {
			parties(t, func(t *testing.T, p *party, mode engine.Mode) {
				g := abort(p.hold(t, &engine.Server{Mode: mode}))
				_, _ = io.Copy(io.Discard, g)
				assert.ErrorIs(t, g.k.cause(t), errOurs)
				until(t, "it is counted out", func() bool { return p.srv.Stats().Hijacked == 0 })
				g.k.Abort(io.ErrUnexpectedEOF)
				g.k.Wake()
			})
		})
	}
}

func TestUpgradedEndClose(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		g := p.hold(t, &engine.Server{Mode: mode}).enter()
		const size = 4 << 20 // more than the socket takes
		g.k.say(strings.Repeat("y", size))
		g.k.end(upgrade.EndClose)
		g.gets(strings.Repeat("y", size))
		g.atEnd() // with TLS, in good order
		assert.NoError(t, g.k.cause(t))
	})
}

func TestUpgradedEndLinger(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		heard := make(chan string, 1)
		p.prepare = func(k *talker, r *http.Request) {
			k.hears = func(b []byte) {
				heard <- string(b)
				if string(b) == "enough" {
					k.end(upgrade.EndClose)
				}
			}
		}
		p.hold(t, &engine.Server{Mode: mode})
		for _, last := range []string{"goes", "enough"} {
			g := p.enter()
			g.k.say("no more")
			g.k.end(upgrade.EndLinger)
			g.gets("no more")
			g.atEnd()
			g.send("listening?")
			assert.Equal(t, <-heard, "listening?")
			if last == "goes" {
				assert.NoError(t, g.Close())
				assert.ErrorIs(t, g.k.cause(t), io.EOF)
				continue
			}
			g.send("enough")
			assert.Equal(t, <-heard, "enough")
			assert.NoError(t, g.k.cause(t))
		}
	})
}

// What is said and ended between the server's last look at the output and its
// question for the end goes out.
func TestUpgradedSaidBeforeTheEnd(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		for _, how := range []upgrade.Ending{upgrade.EndLinger, upgrade.EndClose} {
			var once sync.Once
			p.prepare = func(k *talker, _ *http.Request) {
				k.onEnding = func() {
					once.Do(func() {
						k.say("last words")
						k.end(how)
					})
				}
			}
			g := p.hold(t, &engine.Server{Mode: mode}).enter()
			g.gets("last words")
			g.atEnd()
		}
	})
}

// The time that Due asks for comes, again and again, and without news.
func TestUpgradedDue(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		const every = int64(10e6)
		calls := make(chan [2]int64, 100) // when, and when it was to be
		p.prepare = func(k *talker, _ *http.Request) {
			var next int64
			k.onDue = func(now int64) int64 {
				if now >= next {
					if next != 0 {
						calls <- [2]int64{now, next}
						k.say("tick")
					}
					next = now + every
				}
				return next
			}
		}
		g := p.hold(t, &engine.Server{Mode: mode}).enter()
		for range 3 {
			call := <-calls
			assert.True(t, call[0] >= call[1] && call[1] > 0, "called too early")
			g.gets("tick")
		}
		assert.True(t, g.k.Now() > 0, "the clock")
	})
}

// A method that does not come back holds up nobody else, and can be seen.
func TestUpgradedSlowReceive(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		if mode == engine.AlwaysInline {
			t.Skip("which is what this mode does not promise")
		}
		gate := make(chan struct{})
		steps := make(chan bool, 8)
		p.prepare = func(k *talker, _ *http.Request) {
			k.hears = func(b []byte) {
				switch string(b) {
				case "block":
					<-gate
					steps <- k.Step()
				case "give up":
					k.GiveUp()
					<-gate
					steps <- k.Step()
				default:
					k.say(string(b))
				}
			}
		}
		p.hold(t, &engine.Server{Mode: mode, Route: func(*http.Request) string { return "GET /talk" }})
		slow, slow2 := p.enter(), p.enter()
		slow.send("block")
		slow2.send("give up")
		var running []engine.Running
		until(t, "both are seen to run", func() bool { running = p.srv.Running(); return len(running) == 2 })
		for _, r := range running {
			assert.Equal(t, r.Method+" "+r.Path+" "+r.Route, "GET /talk GET /talk")
			assert.True(t, r.Worker != "" && !r.Start.IsZero(), "it does not say where it runs")
		}
		for range 8 { // on each loop
			g := p.enter()
			g.send("quick")
			g.gets("quick")
			assert.NoError(t, g.Close())
		}
		close(gate)
		for range 2 {
			assert.True(t, !<-steps, "Step says that it leads a loop")
		}
		for _, g := range []*guest{slow, slow2} {
			g.send("quick")
			g.gets("quick")
		}
		until(t, "nothing is seen to run", func() bool { return len(p.srv.Running()) == 0 })
	})
}
