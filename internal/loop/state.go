//go:build linux

package loop

import "runtime"

// The state of a connection is one word, so that news and ownership change
// together.
const (
	busy     uint32 = 1 << iota // somebody owns the connection
	readable                    // there may be something to read since the owner last tried
	writable                    // there may be room to write since the owner last tried
	hungUp                      // the peer sends nothing more, or is gone
	broken                      // the connection is reset
	kicked                      // a deadline passed, or somebody wants the owner's attention
	waitsIn                     // the owner sleeps until readable
	waitsOut                    // the owner, or another goroutine that writes for it, sleeps until writable
	pokedIn                     // who is about to sleep as waitsIn must not
	pokedOut                    // who is about to sleep as waitsOut must not
	owesOut                     // nobody owns the connection, and it has output that waits for room
	isOpen                      // the descriptor is the connection's: it is in a set and not closed
	batched                     // who is made the owner by a kick gives the connection to those of the loop
)

// post notes news. It reports whether the caller now owns the connection and
// has to see that it is served.
func (c *Conn) post(news uint32) (own bool) {
	for {
		old := c.state.Load()
		if old&isOpen == 0 {
			return false
		}
		if news&kicked != 0 {
			news |= pokedIn | pokedOut // each of the two is to see it
		}
		next := old | news
		own = old&busy == 0 && (news&(readable|kicked) != 0 || news&writable != 0 && old&owesOut != 0)
		var wake uint32
		if own {
			// A new owner reads first thing, so it need not be told to.
			next = next&^(readable|owesOut|kicked) | busy
		} else {
			if news&(readable|kicked) != 0 {
				wake |= old & waitsIn
			}
			if news&(writable|kicked) != 0 {
				wake |= old & waitsOut
			}
			next &^= wake
		}
		if !c.state.CompareAndSwap(old, next) {
			continue
		}
		if wake&waitsIn != 0 {
			c.sleepers.in <- struct{}{}
		}
		if wake&waitsOut != 0 {
			c.sleepers.out <- struct{}{}
		}
		if !own && news&hungUp != 0 && (old&hungUp == 0 || news&^old&broken != 0) {
			c.src.HungUp()
		}
		return own
	}
}

// Release gives the connection back to its loop, to be served when there is
// news. owes says that output waits for room. It returns false, and the caller
// still owns the connection, when there is news already: it must read, or
// write, again.
func (c *Conn) Release(owes bool) bool {
	given, _ := c.GiveBack(owes)
	return given
}

// GiveBack is Release that tells, when it has failed, whether there may be
// something to read.
func (c *Conn) GiveBack(owes bool) (given, input bool) {
	c.dropSleepers()
	for {
		old := c.state.Load()
		if old&(readable|kicked) != 0 || owes && old&writable != 0 {
			return false, c.state.And(^(readable|kicked))&readable != 0
		}
		next := old &^ busy
		if owes {
			next |= owesOut
		}
		if c.state.CompareAndSwap(old, next) {
			return true, false
		}
	}
}

// Heed says that the owner is about to look at whatever kicks speak of: Release
// will fail only for those that come from here on.
func (c *Conn) Heed() {
	if c.state.Load()&kicked != 0 {
		c.state.And(^kicked)
	}
}

// HasRoom reports whether there may be room to write since the last Write.
func (c *Conn) HasRoom() bool { return c.state.Load()&writable != 0 }

// HasHungUp reports whether the peer is known to send nothing more.
func (c *Conn) HasHungUp() bool { return c.state.Load()&hungUp != 0 }

// Broken reports whether the peer is known to have reset the connection.
func (c *Conn) Broken() bool { return c.state.Load()&broken != 0 }

// Kick has the connection served soon, or wakes its owner when that sleeps. It
// may be called by any goroutine, and does nothing before the connection is
// added to a set and once it is closed.
func (c *Conn) Kick() {
	const twice = batched | kicked
	if c.state.Load()&twice == twice {
		return // its owner has the last kick to see to still
	}
	switch {
	case !c.post(kicked):
	case c.state.Load()&batched != 0:
		c.loop.kicks.add(c)
	default:
		c.loop.set.Serve(c.src)
		// Who kicks ten thousand connections, because a deadline has passed or
		// the server ends, lets the same few workers serve them.
		runtime.Gosched()
	}
}
