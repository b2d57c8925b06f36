package ws_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/wsframe"
	"github.com/galeweb/gale/ws"
)

var key = [4]byte{1, 2, 3, 4}

func masked(op wsframe.Opcode, payload string) []byte {
	return wsframe.AppendMasked(nil, wsframe.Frame{Op: op, Last: true, Payload: []byte(payload)}, key)
}

// assertPingTime allows for the tenth by which pings are spread. It is exact in
// a synctest bubble.
func assertPingTime(t *testing.T, got, every time.Duration) {
	t.Helper()
	assert.True(t, got <= every && got >= every-every/10, "ping at "+got.String())
}

func TestPingAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		causes, onClose := closed()
		s := servePipes(t, &ws.Handler{Message: echo, Close: onClose})
		r := s.raw(t)
		for range 3 {
			start := time.Now()
			op, _ := r.frame(t)
			assert.Equal(t, op, byte(wsframe.Ping))
			assertPingTime(t, time.Since(start), 25*time.Second)
			r.write(t, masked(wsframe.Pong, ""))
		}
		assert.Equal(t, len(causes), 0)
		r.Close()
		assert.ErrorIs(t, <-causes, io.ErrUnexpectedEOF)
	})
}

func TestPingUnanswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		causes, onClose := closed()
		s := servePipes(t, &ws.Handler{Message: echo, Close: onClose, PingEvery: time.Minute, PongTimeout: 3 * time.Second})
		r := s.raw(t)
		start := time.Now()
		op, _ := r.frame(t)
		assert.Equal(t, op, byte(wsframe.Ping))
		assertPingTime(t, time.Since(start), time.Minute)
		pinged := time.Now()
		assert.ErrorIs(t, <-causes, ws.ErrPongTimeout)
		assert.Equal(t, time.Since(pinged), 3*time.Second)
	})
}

// TestTrafficSparesPings: a peer that talks is alive.
func TestTrafficSparesPings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := servePipes(t, &ws.Handler{Message: echo})
		r := s.raw(t)
		for range 10 {
			time.Sleep(20 * time.Second)
			r.write(t, masked(wsframe.Text, "hi"))
			op, _ := r.frame(t)
			assert.Equal(t, op, byte(wsframe.Text))
		}
	})
}

func TestPingsOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := servePipes(t, &ws.Handler{Message: echo, PingEvery: -1})
		r := s.raw(t)
		time.Sleep(24 * time.Hour)
		r.write(t, masked(wsframe.Text, "still here"))
		_, payload := r.frame(t)
		assert.Equal(t, string(payload), "still here")
	})
}

// TestSlowCallbackIsNotADeadPeer: while a callback runs nobody reads pongs.
func TestSlowCallbackIsNotADeadPeer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := servePipes(t, &ws.Handler{Message: func(c *ws.Conn, m ws.Message) error {
			time.Sleep(10 * time.Minute)
			return c.Send(m)
		}})
		c := s.client(t, ws.DialOptions{Handler: &ws.Handler{PingEvery: -1}})
		assert.NoError(t, c.SendText("slow"))
		assert.Equal(t, string(next(t, c).Data), "slow")
	})
}

// TestCloseHandshakeDeadline: a peer that never answers our close frame.
func TestCloseHandshakeDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		causes, onClose := closed()
		s := servePipes(t, &ws.Handler{
			Open:  func(c *ws.Conn, _ *http.Request) error { c.Close(4000, "go"); c.Close(4001, "too late"); return nil },
			Close: onClose, Message: echo,
		})
		r := s.raw(t)
		start := time.Now()
		assert.Equal(t, r.closeCode(t), 4000)
		assert.Equal(t, closeError(t, <-causes), ws.CloseError{Code: 4000, Reason: "go"})
		assert.Equal(t, time.Since(start), 5*time.Second)
	})
}

// TestNeverReading: a client that stops reading is told off by ErrQueueFull,
// then cut off; its neighbour notices nothing.
func TestNeverReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		causes, onClose := closed()
		conns := make(chan *ws.Conn, 2)
		s := servePipes(t, &ws.Handler{
			Open:  func(c *ws.Conn, _ *http.Request) error { conns <- c; return nil },
			Close: onClose, Message: echo, QueueMessages: 10,
		})
		s.raw(t)
		stuck := <-conns
		neighbour := s.client(t, ws.DialOptions{})
		<-conns
		start, sent := time.Now(), 0
		var err error
		for ; err == nil && sent < 100; sent++ {
			err = stuck.SendText("x")
		}
		assert.ErrorIs(t, err, ws.ErrQueueFull)
		assert.Equal(t, sent, 11)
		assert.NoError(t, neighbour.SendText("hello"))
		assert.Equal(t, string(next(t, neighbour).Data), "hello")
		assert.ErrorIs(t, <-causes, ws.ErrWriteTimeout)
		assert.Equal(t, time.Since(start), 10*time.Second)
		assert.NoError(t, neighbour.SendText("still"))
		assert.Equal(t, string(next(t, neighbour).Data), "still")
		assert.Equal(t, len(causes), 0)
	})
}

func TestQueueBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan *ws.Conn, 1)
		s := servePipes(t, &ws.Handler{Open: func(c *ws.Conn, _ *http.Request) error { conns <- c; return nil }, Message: echo, QueueBytes: 1000})
		s.raw(t)
		c := <-conns
		assert.NoError(t, c.SendText("x"))
		synctest.Wait()                                     // it is on its way now
		assert.NoError(t, c.SendBinary(make([]byte, 5000))) // any size fits an empty queue
		assert.ErrorIs(t, c.SendBinary(make([]byte, 1)), ws.ErrQueueFull)
	})
}

// TestWritable: after ErrQueueFull the handler hears when there is room.
func TestWritable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conns, room := make(chan *ws.Conn, 1), make(chan struct{}, 100)
		s := servePipes(t, &ws.Handler{
			Open:     func(c *ws.Conn, _ *http.Request) error { conns <- c; return nil },
			Message:  echo,
			Writable: func(*ws.Conn) { room <- struct{}{} }, QueueMessages: 4,
		})
		r := s.raw(t)
		c := <-conns
		var err error
		for err == nil {
			err = c.SendText("x")
		}
		assert.ErrorIs(t, err, ws.ErrQueueFull)
		synctest.Wait()
		assert.Equal(t, len(room), 0)
		for range 4 {
			r.frame(t)
		}
		<-room
		assert.NoError(t, c.SendText("again"))
		synctest.Wait()
		assert.Equal(t, len(room), 0)
		_, payload := r.frame(t)
		assert.Equal(t, string(payload), "again")
	})
}

// TestQueuedBeforeClose: what was queued still arrives.
func TestQueuedBeforeClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := servePipes(t, &ws.Handler{Message: echo, Open: func(c *ws.Conn, _ *http.Request) error {
			err := errors.Join(c.SendText("a"), c.SendText("b"))
			c.Close(4000, "")
			return errors.Join(err, nil)
		}})
		r := s.raw(t)
		_, a := r.frame(t)
		_, b := r.frame(t)
		assert.Equal(t, string(a)+string(b), "ab")
		assert.Equal(t, r.closeCode(t), 4000)
	})
}
