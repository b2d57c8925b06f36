package load

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// Broadcast has the server send to all connections, with a number of messages on
// their way at any time: when all connections have one, the next is begun.
type Broadcast struct {
	Control          string // address that takes messages to broadcast, each of Size bytes
	PID              int    // the server's process, whose CPU time is read
	Window           int
	WarmUp, Measured time.Duration
}

// Broadcast measures from when a message was complete until another is, and
// fails when any delivery is missing, wrong, double or out of order. Its
// latencies are those from asking to the delivery.
func (s *Session) Broadcast(o Broadcast) (Result, error) {
	return onThread(func() (Result, error) { return s.broadcast(o) })
}

func (s *Session) broadcast(o Broadcast) (Result, error) {
	if o.Window < 1 || o.Window > remember/2 || len(s.conns) == 0 {
		return Result{}, errors.New("load: a broadcast needs connections and a window")
	}
	control, err := s.start(o.Control)
	if err != nil {
		return Result{}, err
	}
	defer control.Close()
	ask := func(n int, counts bool) error {
		var batch []byte
		for range n {
			batch = append(batch, s.sent.add(time.Since(s.begin), len(s.conns), counts).bytes...)
		}
		_, err := control.Write(batch)
		return err
	}
	if err := ask(o.Window, false); err != nil {
		return Result{}, err
	}
	var from *mark
	from0, last, done := time.Since(s.begin), time.Since(s.begin), 0
	for {
		n, err := s.round(1)
		if err != nil {
			return Result{}, err
		}
		now := time.Since(s.begin)
		if n > 0 {
			last = now
		} else if now-last > stalled {
			return Result{}, fmt.Errorf("load: nothing came for %v; %d messages are complete", stalled, s.complete)
		}
		if s.complete == done {
			continue
		}
		switch {
		case from == nil && now-from0 >= o.WarmUp:
			m, err := s.mark(o.PID)
			if err != nil {
				return Result{}, err
			}
			from = &m
		case from != nil && now-from.at >= o.Measured:
			r, err := s.since(*from, o.PID)
			if err != nil {
				return Result{}, err
			}
			// What is still on its way must not meet the next load.
			return r, s.settle()
		}
		if err := ask(s.complete-done, from != nil); err != nil {
			return Result{}, err
		}
		done = s.complete
	}
}

// start begins a load and connects to where it is asked for.
func (s *Session) start(control string) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", control, stalled)
	if err != nil {
		return nil, fmt.Errorf("load: control: %w", err)
	}
	s.conns = slices.DeleteFunc(s.conns, func(c *conn) bool { return c.closed })
	s.sent, s.tally = newSent(), tally{latencies: new(histogram)}
	for _, c := range s.conns {
		c.next, c.checked = 0, false
	}
	return c, nil
}

// settle waits until every message is complete.
func (s *Session) settle() error {
	for end := time.Now().Add(stalled); s.complete < s.sent.next; {
		if _, err := s.round(10); err != nil {
			return err
		}
		if time.Now().After(end) {
			return errors.New("load: messages are missing after the end")
		}
	}
	return nil
}
