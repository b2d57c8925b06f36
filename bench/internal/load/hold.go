package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/galeweb/gale/bench/internal/loopback"
	"golang.org/x/sys/unix"
)

// Hold is connections that are opened, used once, and kept.
type Hold struct {
	Addr          string
	Connections   int
	Request, Body string
	TLS           bool // without checking the certificate
}

// Open makes the connections, one after the other. They stay open until the
// process ends or release is called.
func (h Hold) Open() (release func(), err error) {
	var open []func()
	release = func() {
		for _, f := range open {
			f()
		}
	}
	for i := range h.Connections {
		closeOne, err := h.one(i)
		if err != nil {
			release()
			return nil, fmt.Errorf("load: connection %d: %w", i, err)
		}
		open = append(open, closeOne)
	}
	return release, nil
}

func (h Hold) one(i int) (release func(), err error) {
	fd, err := loopback.Dial(h.Addr, i)
	if err != nil {
		return nil, err
	}
	if !h.TLS {
		return func() { _ = unix.Close(fd) }, h.use(fdConn(fd))
	}
	f := os.NewFile(uintptr(fd), "tcp")
	c, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(stalled))
	// What is measured is the server; the client need not know whom it meets.
	t := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	return func() { _ = c.Close() }, h.use(t)
}

// use sends the request and reads its answer.
func (h Hold) use(c interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
},
) error {
	if _, err := c.Write([]byte(h.Request)); err != nil {
		return err
	}
	var got []byte
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if _, bad := next(got, h.Body); bad == nil || !errors.Is(bad, errPart) {
			return bad
		}
		if err != nil {
			return err
		}
	}
}

// fdConn is a blocking socket. It holds no more than its number, since there are
// thousands.
type fdConn int

func (c fdConn) Read(p []byte) (int, error) {
	n, err := unix.Read(int(c), p)
	if n == 0 && err == nil {
		err = errClosed
	}
	return max(n, 0), err
}

func (c fdConn) Write(p []byte) (int, error) { return unix.Write(int(c), p) }
