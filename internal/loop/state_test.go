//go:build linux

package loop

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/galeweb/gale/internal/assert"
)

// counting is a source that counts what it is told.
type counting struct {
	Conn
	hangUps       int
	served, woken atomic.Int32
}

func (s *counting) Serve(*Worker) { s.served.Add(1) }
func (s *counting) Woken(*Worker) { s.woken.Add(1) }
func (s *counting) HungUp()       { s.hangUps++ }
func (s *counting) TakenOver()    {}

// model is what a connection must do, one call at a time.
type model struct {
	open, owned      bool
	unread, unwrote  bool // news since the owner was last told
	kicked           bool
	owes             bool
	batched          bool
	hungUp, broken   bool
	hangUps          int
	served, woken    int32 // after kicks
	pokedIn, pokedOu bool
}

// TestState checks the state word, one call at a time, against the model: the
// connection has one owner or none, each piece of news makes an owner or is found
// by the owner there is, and a closed one stays closed.
func TestState(t *testing.T) {
	t.Parallel()
	s := newSet(t, Options{Loops: 1, Watch: -1})
	rapid.Check(t, func(t *rapid.T) {
		src := &counting{}
		c := &src.Conn
		if c.post(readable | kicked) {
			t.Fatal("a connection that is in no set has an owner")
		}
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		// Not registered: the test is what brings the news.
		c.src, c.loop, c.fd = src, s.loops[0], int32(fds[0])
		s.table.put(c)
		s.loops[0].wheel.add(c, s.Now())
		s.open.Add(1)
		c.state.Store(isOpen | busy)
		m := model{open: true, owned: true}
		defer func() {
			c.Close()
			_ = unix.Close(fds[1])
		}()
		t.Repeat(map[string]func(*rapid.T){
			"news": func(t *rapid.T) {
				news := rapid.SampledFrom([]uint32{
					readable, writable, readable | writable, kicked, readable | hungUp,
					readable | writable | hungUp, readable | writable | hungUp | broken,
				}).Draw(t, "news")
				own := c.post(news)
				if !m.open {
					if own {
						t.Fatal("news made an owner of a closed connection")
					}
					return
				}
				in, out, kick := news&readable != 0, news&writable != 0, news&kicked != 0
				if want := !m.owned && (in || kick || out && m.owes); own != want {
					t.Fatalf("news %b: owner %v, want %v of %+v", news, own, want, m)
				}
				if own {
					m.owned, m.owes = true, false
					m.unread, m.kicked = false, false // it reads first
				} else {
					m.unread, m.kicked = m.unread || in, m.kicked || kick
					if news&hungUp != 0 && (!m.hungUp || news&broken != 0 && !m.broken) {
						m.hangUps++
					}
				}
				m.unwrote = m.unwrote || out
				m.hungUp, m.broken = m.hungUp || news&hungUp != 0, m.broken || news&broken != 0
				m.pokedIn, m.pokedOu = m.pokedIn || kick, m.pokedOu || kick
			},
			"kick": func(t *rapid.T) {
				c.Kick()
				switch {
				case !m.open, m.batched && m.kicked:
					return
				case m.owned:
					m.kicked = true
				default:
					m.owned, m.owes = true, false
					if m.batched {
						m.woken++
					} else {
						m.served++
					}
				}
				m.pokedIn, m.pokedOu = true, true
			},
			"batch": func(t *rapid.T) {
				if !m.owned {
					t.Skip("no owner")
				}
				c.Batch()
				m.batched = true
			},
			"heed": func(t *rapid.T) {
				if !m.owned {
					t.Skip("no owner")
				}
				c.Heed()
				m.kicked = false
			},
			"release": func(t *rapid.T) {
				if !m.owned {
					t.Skip("no owner")
				}
				owes := rapid.Bool().Draw(t, "owes")
				released, input := c.GiveBack(owes)
				if want := !m.unread && !m.kicked && !(owes && m.unwrote); released != want {
					t.Fatalf("released: %v, want %v of %+v", released, want, m)
				}
				if want := !released && m.unread; input != want {
					t.Fatalf("input: %v, want %v of %+v", input, want, m)
				}
				if released {
					m.owned, m.owes = false, owes
				} else {
					m.unread, m.kicked = false, false
				}
			},
			"write": func(t *rapid.T) {
				if m.owned {
					_, _ = c.Write([]byte{1})
					m.unwrote = false
				}
			},
			"wait": func(t *rapid.T) {
				if !m.owned {
					t.Skip("no owner")
				}
				in := rapid.Bool().Draw(t, "in")
				wait, news, poked := c.WaitOut, &m.unwrote, &m.pokedOu
				if in {
					wait, news, poked = c.WaitIn, &m.unread, &m.pokedIn
				}
				if woken := wait(time.Unix(1, 0)) == nil; woken != (*news || *poked) {
					t.Fatalf("woken: %v, by %+v", woken, m)
				}
				*news, *poked = false, false
			},
			"poke": func(*rapid.T) {
				c.Poke()
				m.pokedIn, m.pokedOu = true, true
			},
			"close": func(t *rapid.T) {
				if m.owned && rapid.IntRange(0, 9).Draw(t, "really") == 0 {
					c.Close()
					m = model{served: m.served, woken: m.woken}
					src.hangUps = 0
				}
			},
			"": func(t *rapid.T) {
				if m.open && (c.Owned() != m.owned || c.HasHungUp() != m.hungUp || c.Broken() != m.broken) {
					t.Fatalf("state %b, want %+v", c.state.Load(), m)
				}
				if m.open && c.HasRoom() != m.unwrote {
					t.Fatalf("room: %v, want %v", c.HasRoom(), m.unwrote)
				}
				for src.served.Load() < m.served || src.woken.Load() < m.woken { // by workers
					runtime.Gosched()
				}
				if src.served.Load() != m.served || src.woken.Load() != m.woken {
					t.Fatalf("served %d times, woken %d, want %d and %d", src.served.Load(), src.woken.Load(), m.served, m.woken)
				}
				if src.hangUps != m.hangUps {
					t.Fatalf("told of %d hang-ups, want %d", src.hangUps, m.hangUps)
				}
				if s.table.get(c.fd, c.gen) == c != m.open {
					t.Fatal("the table does not agree")
				}
			},
		})
	})
	assert.Equal(t, s.Open(), 0)
}

// counter takes numbers through a pipe of news: what is sent before a post must
// be seen by some owner after it.
type counter struct {
	Conn
	owners atomic.Int32 // at once
	sent   atomic.Int64 // what news speaks of
	seen   atomic.Int64 // what owners have seen
}

func (s *counter) HungUp()         {}
func (s *counter) TakenOver()      {}
func (s *counter) Woken(w *Worker) { s.Heed(); s.Serve(w) }

func (s *counter) Serve(*Worker) {
	for {
		if s.owners.Add(1) != 1 {
			panic("two owners")
		}
		seen := s.sent.Load()
		runtime.Gosched()
		s.seen.Store(seen)
		s.owners.Add(-1)
		owes := seen%3 == 0
		if owes {
			_, _ = s.Write([]byte{1})
		}
		if s.Release(owes) {
			return
		}
	}
}

// News from several goroutines, with owners that come and go: never two at once,
// and the last news has been seen when all is quiet.
func TestNewsIsNeverLost(t *testing.T) {
	t.Parallel()
	for name, batched := range map[string]bool{"served": false, "woken": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := &counter{}
			neverLost(t, src, batched)
		})
	}
}

func neverLost(t *testing.T, src *counter, batched bool) {
	t.Helper()
	s := newSet(t, Options{Loops: 1, Watch: -1})
	peer := pair(t, s, &src.Conn, src)
	defer func() { _ = unix.Close(peer) }()
	if batched {
		src.Batch()
	}
	s.Serve(src)
	late := time.Now().Add(20 * time.Second)
	for range 200 {
		var posters sync.WaitGroup
		for i := range 4 {
			posters.Go(func() {
				for range 5 {
					src.sent.Add(1)
					switch i {
					case 0:
						src.Kick()
					case 1:
						src.Poke()
						src.Kick()
					default:
						if src.post(readable | writable) {
							s.Serve(src)
						}
					}
				}
			})
		}
		posters.Wait()
		for src.Owned() || src.seen.Load() != src.sent.Load() {
			if time.Now().After(late) {
				t.Fatal("news was lost")
			}
			runtime.Gosched()
		}
	}
	s.Serve(closing{src})
	for s.Open() > 0 {
		runtime.Gosched()
	}
}

// closing takes a connection that nobody owns and closes it.
type closing struct{ *counter }

func (c closing) Serve(w *Worker) {
	if !c.post(kicked) {
		panic("somebody owns it")
	}
	c.Close()
}

// One goroutine sleeps for input and one for room, while others wake them: each
// wake-up is for one sleep, and none is left over when both have ended.
func TestSleepersUnderStress(t *testing.T) {
	t.Parallel()
	s := newSet(t, Options{Loops: 1, Watch: -1})
	src := &counting{}
	c := &src.Conn
	peer := pair(t, s, c, src)
	defer func() { _ = unix.Close(peer) }()
	defer c.Close()
	var over atomic.Bool
	var sleepers, wakers sync.WaitGroup
	for i, wait := range []func(time.Time) error{c.WaitIn, c.WaitOut} {
		sleepers.Go(func() {
			for n := range 2000 {
				switch {
				case n%3 == 0:
					_ = wait(time.Now().Add(time.Duration(n%7) * time.Microsecond))
				default:
					if err := wait(time.Time{}); err != nil {
						t.Errorf("sleeper %d: %v", i, err)
					}
				}
			}
		})
	}
	for i := range 3 {
		wakers.Go(func() {
			for !over.Load() {
				switch i {
				case 0:
					c.Poke()
				case 1:
					c.Kick()
				default:
					c.post(readable | writable)
				}
				runtime.Gosched()
			}
		})
	}
	sleepers.Wait()
	over.Store(true)
	wakers.Wait()
	assert.Equal(t, len(c.sleepers.in)+len(c.sleepers.out), 0)
	assert.Equal(t, c.state.Load()&(waitsIn|waitsOut), uint32(0))
}
