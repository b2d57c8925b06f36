// Package load is a client for benchmarks: one thread and one epoll, so that it
// costs less than what it measures, and it keeps every latency, so that a
// percentile is exact. It knows just enough HTTP to check each answer. It needs
// Linux.
package load

import (
	"errors"
	"time"
)

// Spec is one load on one server.
type Spec struct {
	Addr     string // host:port
	PID      int    // the server's process, whose CPU time is read
	Streams  []Stream
	WarmUp   time.Duration // not measured
	Measured time.Duration
}

// Stream is some connections that send one request again and again.
type Stream struct {
	Request     string // with its headers and body
	Body        string // what the answer's body must be
	Connections int
	// Pipeline is how many requests are sent before their answers are awaited. 0
	// means 1.
	Pipeline int
	// Rate is how many requests a second begin, whether or not earlier ones were
	// answered; their latencies count from when they should have begun. 0 means
	// that each connection sends as soon as it has its answers.
	Rate float64
}

// Result is what came of a load in its measured time.
type Result struct {
	Streams []StreamResult // in the order of the Spec
	Time    time.Duration
	CPU     time.Duration // user and system time of the server's process
	User    time.Duration // user time alone, to 10 ms
	LoadCPU time.Duration // of the client itself
	Machine time.Duration // of all processes, to 10 ms for each core
	All     int           // requests answered with the warm-up's
}

// StreamResult is one stream's part.
type StreamResult struct {
	Requests      int
	P50, P99, Max time.Duration
}

// Requests returns the answered requests of all streams.
func (r Result) Requests() int {
	n := 0
	for _, s := range r.Streams {
		n += s.Requests
	}
	return n
}

func (s Spec) check() error {
	if len(s.Streams) == 0 || s.Measured <= 0 {
		return errors.New("load: a spec needs streams and a time")
	}
	for _, st := range s.Streams {
		if st.Connections < 1 || st.Request == "" || st.Rate > 0 && st.Pipeline > 1 {
			return errors.New("load: a stream needs connections and a request, and a paced one has no pipeline")
		}
	}
	return nil
}
