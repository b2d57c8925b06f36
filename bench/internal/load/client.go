package load

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/galeweb/gale/bench/internal/loopback"
	"github.com/galeweb/gale/bench/internal/machine"
	"golang.org/x/sys/unix"
)

// inputSize holds a pipeline's answers; a read that fills less has drained the socket.
const inputSize = 64 << 10

// stalled is how long nothing may come from a server under closed load.
const stalled = 10 * time.Second

var errClosed = errors.New("load: the server closed a connection")

type client struct {
	spec    Spec
	epoll   int
	conns   map[int32]*conn
	streams []*stream
	input   []byte

	start, end time.Duration // of the measured time, since begin
	begin      time.Time
	all        int
}

type stream struct {
	Stream
	batch     []byte // the requests of one write
	pipeline  int
	idle      []*conn // of a paced stream
	due       time.Duration
	waiting   []time.Duration // when requests were due that found no idle connection
	latencies []time.Duration
}

type conn struct {
	fd     int
	stream *stream
	owed   int // answers
	sent   time.Duration
	part   []byte // of an answer that has not all come
}

// Run puts the load on the server and returns when its time is over.
func Run(spec Spec) (Result, error) {
	if err := spec.check(); err != nil {
		return Result{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return Result{}, fmt.Errorf("load: epoll: %w", err)
	}
	defer unix.Close(epoll)
	c := &client{spec: spec, epoll: epoll, conns: map[int32]*conn{}, input: make([]byte, inputSize)}
	defer func() {
		for _, cn := range c.conns {
			_ = unix.Close(cn.fd)
		}
	}()
	if err := c.connect(); err != nil {
		return Result{}, err
	}
	return c.run()
}

func (c *client) connect() error {
	opened := 0
	for _, s := range c.spec.Streams {
		st := &stream{Stream: s, pipeline: max(s.Pipeline, 1), latencies: make([]time.Duration, 0, 1<<20)}
		for range st.pipeline {
			st.batch = append(st.batch, s.Request...)
		}
		c.streams = append(c.streams, st)
		for range s.Connections {
			fd, err := loopback.Dial(c.spec.Addr, opened)
			if err != nil {
				return err
			}
			opened++
			cn := &conn{fd: fd, stream: st}
			c.conns[int32(fd)] = cn
			if s.Rate > 0 {
				st.idle = append(st.idle, cn)
			}
			if err := c.watch(cn); err != nil {
				return err
			}
		}
	}
	return nil
}

// watch begins to wait for the connection in the epoll.
func (c *client) watch(cn *conn) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(cn.fd)}
	if err := errors.Join(unix.SetNonblock(cn.fd, true), unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, cn.fd, &event)); err != nil {
		return fmt.Errorf("load: register a connection: %w", err)
	}
	return nil
}

// run begins every connection and serves what comes. The measured time begins
// and ends between two rounds of the loop, where the CPU clocks are read.
func (c *client) run() (Result, error) {
	c.begin, c.start, c.end = time.Now(), c.spec.WarmUp, 1<<62
	if err := c.first(); err != nil {
		return Result{}, err
	}
	var before machine.Clocks
	measuring := false
	last := time.Duration(0)
	for {
		now := time.Since(c.begin)
		switch {
		case !measuring && now >= c.start:
			var err error
			if before, err = machine.ReadClocks(c.spec.PID); err != nil {
				return Result{}, err
			}
			measuring, c.start, c.end = true, time.Since(c.begin), time.Since(c.begin)+c.spec.Measured
		case measuring && now >= c.end:
			after, err := machine.ReadClocks(c.spec.PID)
			if err != nil {
				return Result{}, err
			}
			return c.result(before, after, time.Since(c.begin)-c.start), nil
		}
		n, err := c.round(measuring)
		if err != nil {
			return Result{}, err
		}
		if n > 0 {
			last = now
		} else if now-last > stalled {
			return Result{}, fmt.Errorf("load: nothing came for %v", stalled)
		}
	}
}

func (c *client) first() error {
	for _, st := range c.streams {
		st.due = time.Since(c.begin)
	}
	for _, cn := range c.conns {
		if cn.stream.Rate > 0 {
			continue
		}
		if err := c.send(cn, time.Since(c.begin)); err != nil {
			return err
		}
	}
	return nil
}

// round sends what is due and takes what has come. It spins while requests are
// paced, since a wait in the kernel ends some 50 µs late; the core is its own.
func (c *client) round(measuring bool) (int, error) {
	wait := 1 // ms
	for _, st := range c.streams {
		if st.Rate > 0 {
			wait = 0
			if err := c.pace(st); err != nil {
				return 0, err
			}
		}
	}
	var events [512]unix.EpollEvent
	n, err := unix.EpollWait(c.epoll, events[:], wait)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, fmt.Errorf("load: epoll_wait: %w", err)
	}
	for _, e := range events[:max(n, 0)] {
		if err := c.receive(c.conns[e.Fd], e.Events, measuring); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// pace begins the requests that are due, or has them wait for a connection.
func (c *client) pace(st *stream) error {
	gap := time.Duration(float64(time.Second) / st.Rate)
	for now := time.Since(c.begin); st.due <= now; st.due += gap {
		st.waiting = append(st.waiting, st.due)
	}
	for len(st.waiting) > 0 && len(st.idle) > 0 {
		cn := st.idle[0]
		st.idle = st.idle[1:]
		due := st.waiting[0]
		st.waiting = st.waiting[1:]
		if err := c.send(cn, due); err != nil {
			return err
		}
	}
	return nil
}

// send writes a batch, which fits into an empty socket buffer.
func (c *client) send(cn *conn, at time.Duration) error {
	n, err := unix.Write(cn.fd, cn.stream.batch)
	if err != nil {
		return fmt.Errorf("load: write: %w", err)
	}
	if n < len(cn.stream.batch) {
		return errors.New("load: the server does not read")
	}
	cn.owed, cn.sent = cn.stream.pipeline, at
	return nil
}

// receive reads until the socket is drained. Only one event tells of the end
// that comes with the last bytes, so then it reads on.
func (c *client) receive(cn *conn, events uint32, measuring bool) error {
	ended := events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	for {
		n, err := unix.Read(cn.fd, c.input)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("load: read: %w", err)
		}
		if n == 0 {
			return errClosed
		}
		if err := c.take(cn, c.input[:n], measuring); err != nil {
			return err
		}
		if n < len(c.input) && !ended {
			return nil
		}
	}
}

// take counts the answers in data and sends again when all have come.
func (c *client) take(cn *conn, data []byte, measuring bool) error {
	if len(cn.part) > 0 {
		data = append(cn.part, data...)
		cn.part = nil
	}
	now := time.Since(c.begin)
	for len(data) > 0 {
		n, err := next(data, cn.stream.Body)
		if errors.Is(err, errPart) {
			cn.part = append([]byte(nil), data...)
			return nil
		}
		if err == nil && cn.owed == 0 {
			err = errors.New("load: an answer too many")
		}
		if err != nil {
			return err
		}
		data = data[n:]
		cn.owed--
		c.all++
		if measuring {
			cn.stream.latencies = append(cn.stream.latencies, now-cn.sent)
		}
	}
	switch {
	case cn.owed > 0:
		return nil
	case cn.stream.Rate > 0:
		cn.stream.idle = append(cn.stream.idle, cn)
		return nil
	}
	return c.send(cn, now)
}
