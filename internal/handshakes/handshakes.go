// Package handshakes limits how many TLS handshakes run at once. When there are
// too many, the one that has kept us waiting the longest makes room: else a few
// clients that begin handshakes and never end them would keep everybody out.
package handshakes

import (
	"sync"
	"time"
)

// Limit is the handshakes that run, by their connections. It is safe for
// concurrent use.
type Limit[Conn comparable] struct {
	most int // <= 0: no limit
	cut  func(Conn)

	mu  sync.Mutex
	all map[Conn]*handshake
}

type handshake struct{ since time.Time } // when the wait for the client began; zero: it does not wait

// patience is how long a handshake may wait for its client when others want its
// place: a few round trips around the world.
const patience = time.Second

// New returns a limit of most handshakes; <= 0 is none. cut ends the one that
// makes room.
func New[Conn comparable](most int, cut func(Conn)) *Limit[Conn] {
	return &Limit[Conn]{most: most, cut: cut, all: map[Conn]*handshake{}}
}

// Enter counts the handshake of c, unless there are too many.
func (l *Limit[Conn]) Enter(c Conn) bool {
	if l.most <= 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) >= l.most {
		slow, ok := l.slowest(time.Now())
		if !ok {
			return false
		}
		delete(l.all, slow)
		l.cut(slow)
	}
	l.all[c] = &handshake{}
	return true
}

// slowest returns the connection that has kept us waiting the longest, if that
// was long. The lock is held.
func (l *Limit[Conn]) slowest(now time.Time) (slow Conn, ok bool) {
	first := now.Add(-patience)
	for c, s := range l.all {
		if !s.since.IsZero() && s.since.Before(first) {
			slow, first, ok = c, s.since, true
		}
	}
	return slow, ok
}

// Waits notes that the handshake of c begins or ends to wait for the client.
func (l *Limit[Conn]) Waits(c Conn, begins bool) {
	if l.most <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.all[c]
	switch {
	case s == nil: // it has made room
	case begins:
		s.since = time.Now()
	default:
		s.since = time.Time{}
	}
}

// Leave counts the handshake of c out.
func (l *Limit[Conn]) Leave(c Conn) {
	if l.most <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, c)
}
