package load

import (
	"time"

	"github.com/galeweb/gale/bench/internal/machine"
)

// Result is what came of a load in its measured time.
type Result struct {
	Deliveries int // or answers of an echo
	Expected   int // of Paced: the messages times the connections
	Closed     int // connections that the server closed
	Bytes      int // of the frames
	Reads      int // that brought something; fewer than Deliveries where writes were joined
	Time       time.Duration
	CPU        time.Duration // user and system time of the server's process
	User       time.Duration // user time alone, to 10 ms
	LoadCPU    time.Duration // of the client itself
	Machine    time.Duration // of all processes, to 10 ms for each core

	P50, P99, Max time.Duration
}

// mark is where a measurement begins.
type mark struct {
	clocks machine.Clocks
	at     time.Duration
	tally  tally
}

func (s *Session) mark(pid int) (mark, error) {
	c, err := machine.ReadClocks(pid)
	return mark{c, time.Since(s.begin), s.tally}, err
}

// since returns what came after m.
func (s *Session) since(m mark, pid int) (Result, error) {
	now, err := s.mark(pid)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Deliveries: s.deliveries - m.tally.deliveries, Closed: s.closed - m.tally.closed,
		Bytes: s.bytes - m.tally.bytes, Reads: s.reads - m.tally.reads,
		Time: now.at - m.at, CPU: now.clocks.Server - m.clocks.Server, User: now.clocks.User - m.clocks.User,
		LoadCPU: now.clocks.Own - m.clocks.Own, Machine: now.clocks.Machine - m.clocks.Machine,
		P50: s.latencies.percentile(50), P99: s.latencies.percentile(99), Max: s.latencies.max,
	}, nil
}
