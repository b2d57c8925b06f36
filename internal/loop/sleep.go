//go:build linux

package loop

import (
	"os"
	"time"
)

// sleepers are where the goroutines of one connection that wait for input and
// for room are woken. Each channel holds one wake-up: who clears waitsIn or
// waitsOut sends it, and who set it receives it.
type sleepers struct{ in, out chan struct{} }

// WaitIn sleeps until there may be something to read, until t (zero: no limit),
// or until a kick or poke. It returns os.ErrDeadlineExceeded at t. A nil error
// promises nothing: try again. The caller owns the connection and must have
// given its loop away.
func (c *Conn) WaitIn(t time.Time) error { return c.wait(readable, waitsIn, t) }

// WaitOut is WaitIn for room to write. A goroutine other than the owner may call
// it while the owner waits for it.
func (c *Conn) WaitOut(t time.Time) error { return c.wait(writable, waitsOut, t) }

func (c *Conn) wait(news, flag uint32, t time.Time) error {
	woken := c.sleeper(flag)
	if flag == waitsIn {
		news |= pokedIn
	} else {
		news |= pokedOut
	}
	for {
		old := c.state.Load()
		if old&news != 0 {
			c.state.And(^news)
			return nil
		}
		if c.state.CompareAndSwap(old, old|flag) {
			break
		}
	}
	if t.IsZero() {
		<-woken
		c.state.And(^news)
		return nil
	}
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-woken:
	case <-timer.C:
		if c.state.And(^flag)&flag != 0 {
			return os.ErrDeadlineExceeded
		}
		<-woken // the wake-up came at the same moment
	}
	c.state.And(^news)
	return nil
}

func (c *Conn) sleeper(flag uint32) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sleepers == nil {
		c.sleepers = &sleepers{make(chan struct{}, 1), make(chan struct{}, 1)}
	}
	if flag == waitsIn {
		return c.sleepers.in
	}
	return c.sleepers.out
}

// dropSleepers frees what those who slept have left behind: nobody sleeps while
// the connection changes its owner.
func (c *Conn) dropSleepers() {
	if c.sleepers == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sleepers = nil
}

// Poke wakes whoever sleeps in WaitIn or WaitOut, or is about to, to look at its
// deadline again. It may be called by any goroutine.
func (c *Conn) Poke() {
	c.state.Or(pokedIn | pokedOut)
	woke := c.state.And(^(waitsIn | waitsOut))
	if woke&waitsIn != 0 {
		c.sleepers.in <- struct{}{}
	}
	if woke&waitsOut != 0 {
		c.sleepers.out <- struct{}{}
	}
}
