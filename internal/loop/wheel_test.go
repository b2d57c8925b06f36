//go:build linux

package loop

import (
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const second = int64(1e9)

// wheeled is a connection that is in a wheel only.
func wheeled(l *Loop, now int64) *Conn {
	c := &Conn{loop: l}
	l.wheel.add(c, now)
	return c
}

// checkWheel checks the lists: each connection is in the slot that it says, once,
// and its neighbours are each other's.
func checkWheel(t *rapid.T, w *wheel, in map[*Conn]int64) {
	seen := 0
	for i, head := range w.slots {
		var prev *Conn
		for c := head; c != nil; prev, c = c, c.next {
			if _, ok := in[c]; !ok || c.prev != prev {
				t.Fatalf("slot %d: a stray connection, or a broken list", i)
			}
			due := c.due.Load()
			if due%int64(tick) != 0 || due/int64(tick)%slots != int64(i) {
				t.Fatalf("slot %d holds what is due at %d", i, due)
			}
			if n := due / int64(tick); n <= w.last || n >= w.last+slots {
				t.Fatalf("due in tick %d, the wheel is at %d", n, w.last)
			}
			seen++
		}
	}
	if seen != len(in) {
		t.Fatalf("%d connections in the wheel, want %d", seen, len(in))
	}
}

// The wheel against a map of deadlines.
func TestWheel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := &Loop{}
		now := 3600 * second
		l.wheel.last = now / int64(tick)
		in := map[*Conn]int64{} // deadlines
		var all []*Conn
		pick := func() *Conn { return all[rapid.IntRange(0, len(all)-1).Draw(t, "conn")] }
		at := rapid.Custom(func(t *rapid.T) int64 {
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				return 0
			case 1: // passed
				return now - rapid.Int64Range(0, 3*second).Draw(t, "ago")
			case 2: // beyond the wheel
				return now + rapid.Int64Range(0, 1000*second).Draw(t, "far")
			default:
				return now + rapid.Int64Range(0, 3*second).Draw(t, "soon")
			}
		})
		skip := func() {
			if len(all) == 0 {
				t.Skip("no connections")
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				c := &Conn{loop: l}
				in[c] = at.Draw(t, "deadline")
				c.SetDeadline(in[c]) // before it is in the wheel
				l.wheel.add(c, now)
				all = append(all, c)
			},
			"move": func(t *rapid.T) {
				skip()
				c := pick()
				d := at.Draw(t, "deadline")
				if _, ok := in[c]; ok {
					in[c] = d
				}
				c.SetDeadline(d) // of one that was removed, too
			},
			"remove": func(t *rapid.T) {
				skip()
				c := pick()
				l.wheel.remove(c)
				delete(in, c)
			},
			"advance": func(t *rapid.T) {
				now += rapid.OneOf(rapid.Int64Range(0, second), rapid.Int64Range(0, 300*second)).Draw(t, "by")
				expired := l.wheel.advance(now)
				for _, c := range expired {
					if d, ok := in[c]; !ok || d == 0 || d > now {
						t.Fatalf("kicked without a deadline that has passed: %d, %v at %d", d, ok, now)
					}
				}
				for c, d := range in {
					// Looked at a tick after it, or, when it was kicked before,
					// a second later.
					if d != 0 && d <= now-int64(tick) && !slices.Contains(expired, c) && c.due.Load() > now+second+int64(tick) {
						t.Fatalf("deadline %d has passed at %d, and is looked at only at %d", d, now, c.due.Load())
					}
				}
			},
			"": func(t *rapid.T) {
				checkWheel(t, &l.wheel, in)
				for c, d := range in {
					if d > now && c.due.Load() > max(tickOf(d), l.wheel.last+1)*int64(tick) {
						t.Fatalf("deadline %d is looked at only at %d", d, c.due.Load())
					}
				}
			},
		})
	})
}

// A deadline that its owner brings forward while the wheel looks at the
// connection must not be looked at only when the old one passes.
func TestWheelWhileDeadlinesMove(t *testing.T) {
	t.Parallel()
	l := &Loop{}
	now := 3600 * second
	l.wheel.last = now / int64(tick)
	conns := make([]*Conn, 2000)
	for i := range conns {
		conns[i] = wheeled(l, now)
	}
	for range 30 {
		for _, c := range conns {
			c.SetDeadline(now + int64(tick)) // into the next slot,
			c.SetDeadline(now + 100*second)  // from where it will be put off
		}
		now += int64(tick)
		soon := now + 2*second
		begin, moved := make(chan struct{}), make(chan struct{})
		go func() {
			<-begin
			for _, c := range slices.Backward(conns) { // as they are in their list
				c.SetDeadline(soon)
			}
			close(moved)
		}()
		close(begin)
		runtime.Gosched()
		l.wheel.advance(now)
		<-moved
		for _, c := range conns {
			if due := c.due.Load(); due > soon+int64(tick) {
				t.Fatalf("the deadline is %d, and looked at only at %d", soon, due)
			}
		}
	}
}
