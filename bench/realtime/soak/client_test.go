package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"
)

// patience is how long the server may take for anything.
const patience = 60 * time.Second

// client is one connection that speaks docs/hub-protocol.md.
type client struct {
	ws  *websocket.Conn
	tcp *net.TCPConn
}

// reply is any message of the server.
type reply struct {
	Type, Topic, Epoch, Code string
	Offset, Missed           uint64
	Recovered                bool
	Items                    []struct {
		Offset uint64
		Data   packet
	}
}

// smallBuffer, in bytes, makes the kernel hold little for who does not read.
const smallBuffer = 16 << 10

// dialTCP connects from one of many addresses, so that there are ports enough. A
// narrow connection has a small buffer and the segments of Ethernet: the 64 KiB
// of the loopback would not fit, and then TCP comes to a stand for seconds.
func dialTCP(ctx context.Context, addr string, narrow bool) (*net.TCPConn, error) {
	d := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+rand.IntN(32)))},
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			return errors.Join(raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
				if narrow {
					err = errors.Join(err,
						unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, smallBuffer),
						unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1460))
				}
			}), err)
		},
	}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// dial opens a WebSocket.
func (s *soak) dial(narrow bool) (*client, error) {
	select {
	case s.dialing <- struct{}{}:
		defer func() { <-s.dialing }()
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
	var tcp *net.TCPConn
	d := websocket.Dialer{
		ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10, HandshakeTimeout: patience,
		NetDialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			c, err := dialTCP(ctx, addr, narrow)
			tcp = c
			return c, err
		},
	}
	// Not the soak's context: who connects at the end does so in full.
	ws, _, err := d.DialContext(context.Background(), "ws://"+s.child.addr+"/live", nil)
	if err != nil {
		return nil, err
	}
	return &client{ws, tcp}, nil
}

func (c *client) send(v map[string]any) error {
	_ = c.ws.SetWriteDeadline(time.Now().Add(patience))
	return c.ws.WriteJSON(v)
}

// next reads a message.
func (c *client) next() (reply, error) {
	_ = c.ws.SetReadDeadline(time.Now().Add(patience))
	_, text, err := c.ws.ReadMessage()
	if err != nil {
		return reply{}, err
	}
	var r reply
	err = json.Unmarshal(text, &r)
	return r, err
}

// want reads a message of a type.
func (c *client) want(kind string) (reply, error) {
	r, err := c.next()
	if err == nil && r.Type != kind {
		err = fmt.Errorf("got %+v, want %s", r, kind)
	}
	return r, err
}

// bye closes as browsers do: it says so and waits for the answer.
func (c *client) bye() error {
	defer c.ws.Close()
	if err := c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience)); err != nil {
		return err
	}
	for {
		if _, err := c.next(); err != nil {
			if websocket.IsCloseError(err, websocket.CloseNormalClosure) {
				return nil
			}
			return fmt.Errorf("bye: %w", err)
		}
	}
}

// vanish resets the connection.
func (c *client) vanish() {
	_ = c.tcp.SetLinger(0)
	_ = c.tcp.Close()
}

// cut ends the connection without a word, in one of two ways.
func (c *client) cut() {
	if rand.IntN(2) == 0 {
		_ = c.tcp.SetLinger(0)
	}
	_ = c.tcp.Close()
}
