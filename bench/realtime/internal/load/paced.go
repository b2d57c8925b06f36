package load

import (
	"errors"
	"time"
)

// Paced has the server send to all connections so many times a second, whether
// or not it keeps up. It may lose messages and close connections.
type Paced struct {
	Control          string
	PID              int
	Rate             float64 // messages a second
	WarmUp, Measured time.Duration
	Drain            time.Duration // for what was asked for and has not come
}

// Paced measures how long messages that were due in the measured time take from
// then to each connection; what has not come when the drain is over is lost.
func (s *Session) Paced(o Paced) (Result, error) {
	return onThread(func() (Result, error) { return s.paced(o) })
}

func (s *Session) paced(o Paced) (Result, error) {
	if o.Rate <= 0 || o.Rate*(o.WarmUp+o.Measured).Seconds() > remember || len(s.conns) == 0 {
		return Result{}, errors.New("load: a paced load needs connections, and a rate and a time that are not too much")
	}
	control, err := s.start(o.Control)
	if err != nil {
		return Result{}, err
	}
	defer control.Close()
	s.lossy = true
	defer func() { s.lossy = false }()
	var from *mark
	gap := time.Duration(float64(time.Second) / o.Rate)
	begin := time.Since(s.begin)
	end, counted := begin+o.WarmUp+o.Measured, 0
	for due := begin; ; {
		now := time.Since(s.begin)
		if from == nil && now >= begin+o.WarmUp {
			m, err := s.mark(o.PID)
			if err != nil {
				return Result{}, err
			}
			from = &m
		}
		for ; due <= now && due < end; due += gap {
			counts := due >= begin+o.WarmUp
			receivers := len(s.conns) - s.closed
			if counts {
				counted++
				s.pending += receivers
			}
			if _, err := control.Write(s.sent.add(due, receivers, counts).bytes); err != nil {
				return Result{}, err
			}
		}
		if due >= end && (s.pending <= 0 || now >= end+o.Drain) {
			r, err := s.since(*from, o.PID)
			r.Deliveries, r.Expected = s.latencies.total, counted*len(s.conns)
			return r, err
		}
		// A wait in the kernel may end a millisecond late.
		wait := 0
		if due-now > 2*time.Millisecond || due >= end {
			wait = 1
		}
		if _, err := s.round(wait); err != nil {
			return Result{}, err
		}
	}
}
