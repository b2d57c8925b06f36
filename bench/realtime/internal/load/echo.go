package load

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Echo has every connection send a message as soon as it has the last one back.
type Echo struct {
	PID              int
	Size             int // bytes of a message
	WarmUp, Measured time.Duration
}

// Echo compares each answer with what was sent.
func (s *Session) Echo(o Echo) (Result, error) {
	return onThread(func() (Result, error) { return s.echo(o) })
}

func (s *Session) echo(o Echo) (Result, error) {
	if o.Size < 1 || len(s.conns) == 0 {
		return Result{}, errors.New("load: an echo needs connections and a size")
	}
	want := bytes.Repeat([]byte("gust 12 "), o.Size/8+1)[:o.Size]
	request := masked(opText, want)
	s.tally = tally{latencies: new(histogram)}
	send := func(c *conn) error {
		c.at = time.Since(s.begin)
		return c.write(request)
	}
	var from *mark
	s.taken = func(c *conn, payload []byte) error {
		if !bytes.Equal(payload, want) {
			return fmt.Errorf("load: not an echo: %d bytes, %.100q", len(payload), payload)
		}
		s.deliveries++
		if from != nil {
			s.latencies.add(time.Since(s.begin) - c.at)
		}
		return send(c)
	}
	defer func() { s.taken = nil }()
	for _, c := range s.conns {
		if err := send(c); err != nil {
			return Result{}, err
		}
	}
	begin := time.Since(s.begin)
	for last := begin; ; {
		n, err := s.round(1)
		if err != nil {
			return Result{}, err
		}
		now := time.Since(s.begin)
		if n > 0 {
			last = now
		}
		switch {
		case now-last > stalled:
			return Result{}, fmt.Errorf("load: nothing came for %v", stalled)
		case from == nil && now-begin >= o.WarmUp:
			m, err := s.mark(o.PID)
			if err != nil {
				return Result{}, err
			}
			from = &m
		case from != nil && now-from.at >= o.Measured && s.latencies.total > 0:
			return s.since(*from, o.PID)
		}
	}
}
