package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// actors are the kinds of clients: how many of 1000 do what, again and again.
var actors = map[string]struct {
	share int
	do    func(*soak) error
}{
	"watcher":  {600, (*soak).watch},
	"resumer":  {200, (*soak).resume},
	"idler":    {80, (*soak).idle},
	"vanisher": {40, (*soak).vanish},
	"stranger": {30, (*soak).stray},
	"slow":     {25, (*soak).readSlowly},
	"deaf":     {15, (*soak).neverRead},
	"strict":   {10, (*soak).lagBehind},
}

// numberOfChannels is that of the names below packets/.
const numberOfChannels = 100

func channel() string { return fmt.Sprintf("packets/%d", rand.IntN(numberOfChannels)) }

// acknowledged is the last position of each channel that a publisher was told.
type acknowledged struct {
	offset atomic.Uint64
	epoch  atomic.Pointer[string]
}

// publish publishes again and again, and remembers what was acknowledged.
func (s *soak) publish(path func() string, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-s.published:
			return nil
		case <-tick.C:
		}
		name := path()
		body, err := json.Marshal(packet{N: s.numbers.Add(1)})
		if err != nil {
			return err
		}
		res, err := http.Post("http://"+s.child.addr+"/"+name, "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		var at struct {
			Epoch  string
			Offset uint64
		}
		err = json.NewDecoder(res.Body).Decode(&at)
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			return fmt.Errorf("publish to %s: %s, %w", name, res.Status, err)
		}
		a := s.acknowledged[name]
		a.epoch.CompareAndSwap(nil, &at.Epoch)
		if e := *a.epoch.Load(); e != at.Epoch {
			return fmt.Errorf("%s: epoch %s after %s", name, at.Epoch, e)
		}
		for was := a.offset.Load(); at.Offset > was && !a.offset.CompareAndSwap(was, at.Offset); was = a.offset.Load() {
		}
		s.count("publishes", 1)
	}
}

// life is a random time, or less when the soak ends.
func (s *soak) life(from, to time.Duration) <-chan struct{} {
	ctx, cancel := context.WithTimeout(s.ctx, from+rand.N(to-from))
	context.AfterFunc(ctx, cancel)
	return ctx.Done()
}

// wait waits for a random time, or less when the soak ends.
func (s *soak) wait(from, to time.Duration) { <-s.life(from, to) }

// stream is a well-behaved subscription: all that it must get, it gets in order.
type stream struct {
	s     *soak
	name  string
	epoch string
	last  uint64
}

// subscribe subscribes, after the last message if there was one.
func (st *stream) subscribe(c *client) error {
	ask := map[string]any{"type": "subscribe", "topic": st.name}
	if st.epoch != "" {
		ask["epoch"], ask["offset"] = st.epoch, st.last
	}
	if err := c.send(ask); err != nil {
		return err
	}
	r, err := c.want("subscribed")
	if err != nil {
		return err
	}
	if st.epoch != "" && (!r.Recovered || r.Epoch != st.epoch || r.Offset != st.last) {
		return fmt.Errorf("%s after %s %d: not recovered: %+v", st.name, st.epoch, st.last, r)
	}
	st.epoch, st.last = r.Epoch, r.Offset
	return nil
}

// take counts the messages of r, which must be those that come next.
func (st *stream) take(r reply) error {
	if r.Topic != st.name || r.Epoch != st.epoch || r.Missed != 0 {
		return fmt.Errorf("%s %s after %d: %+v", st.name, st.epoch, st.last, r)
	}
	for _, it := range r.Items {
		if it.Offset != st.last+1 {
			return fmt.Errorf("%s: %d after %d", st.name, it.Offset, st.last)
		}
		st.last = it.Offset
	}
	st.s.count("deliveries", len(r.Items))
	return nil
}

// due is the offset that the stream must reach: all that was acknowledged.
func (st *stream) due() uint64 { return st.s.acknowledged[st.name].offset.Load() }

// follow takes what comes until leave is closed and all that was acknowledged
// by then has come.
func (st *stream) follow(c *client, leave <-chan struct{}) error {
	asked := make(chan error, 1)
	go func() {
		<-leave
		asked <- c.send(map[string]any{"type": "ping"})
	}()
	due, ponged := uint64(0), false
	for !ponged || st.last < due {
		r, err := c.next()
		if err != nil {
			return err
		}
		switch r.Type {
		case "messages":
			err = st.take(r)
		case "pong":
			ponged, due = true, st.due()
			err = <-asked
		default:
			err = fmt.Errorf("%s: %+v", st.name, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// watch subscribes, gets everything, unsubscribes and says goodbye.
func (s *soak) watch() error {
	c, err := s.dial(false)
	if err != nil {
		return err
	}
	defer c.ws.Close()
	st := &stream{s: s, name: channel()}
	if err := st.subscribe(c); err != nil {
		return err
	}
	if err := st.follow(c, s.life(10*time.Second, time.Minute)); err != nil {
		return err
	}
	if err := c.send(map[string]any{"type": "unsubscribe", "topic": st.name}); err != nil {
		return err
	}
	for {
		r, err := c.next()
		if err != nil {
			return err
		}
		if r.Type == "unsubscribed" {
			break
		}
		if err := st.take(r); err != nil {
			return err
		}
	}
	if err := c.send(map[string]any{"type": "ping"}); err != nil {
		return err
	}
	if _, err := c.want("pong"); err != nil {
		return fmt.Errorf("after unsubscribed: %w", err)
	}
	return c.bye()
}

// resume loses its connection some times and misses nothing.
func (s *soak) resume() error {
	st := &stream{s: s, name: channel()}
	for range 3 {
		c, err := s.dial(false)
		if err != nil {
			return err
		}
		if err := st.subscribe(c); err != nil {
			return errors.Join(err, c.ws.Close())
		}
		leave := s.life(5*time.Second, 20*time.Second)
		cut := make(chan struct{})
		go func() {
			defer close(cut)
			<-leave
			c.cut()
		}()
		for {
			r, err := c.next()
			if err != nil {
				break // it was cut, or else the next subscription fails
			}
			if err := st.take(r); err != nil {
				c.cut()
				return err
			}
		}
		select {
		case <-leave:
		default:
			return fmt.Errorf("%s was closed by the server", st.name)
		}
		<-cut
		s.wait(0, 2*time.Second)
	}
	c, err := s.dial(false)
	if err != nil {
		return err
	}
	defer c.ws.Close()
	if err := st.subscribe(c); err != nil {
		return err
	}
	if err := st.follow(c, s.life(0, time.Second)); err != nil {
		return err
	}
	return c.bye()
}

// idle holds a connection without a subscription; only pings go to and fro.
func (s *soak) idle() error {
	c, err := s.dial(false)
	if err != nil {
		return err
	}
	defer c.ws.Close()
	left := make(chan error, 1)
	leave := s.life(20*time.Second, 50*time.Second)
	go func() {
		<-leave
		left <- c.send(map[string]any{"type": "ping"})
	}()
	if _, err := c.want("pong"); err != nil {
		return err
	}
	return errors.Join(<-left, c.bye())
}

// vanish goes without a word, at some point.
func (s *soak) vanish() error {
	defer s.wait(time.Second, 5*time.Second)
	const handshake = "GET /live HTTP/1.1\r\nHost: soak.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	switch rand.IntN(4) {
	case 0: // within the handshake
		tcp, err := dialTCP(context.Background(), s.child.addr, false)
		if err != nil {
			return err
		}
		c := &client{tcp: tcp}
		_, err = tcp.Write([]byte(handshake[:rand.IntN(len(handshake))]))
		s.wait(0, time.Second)
		c.cut()
		return err
	case 1: // at once after it, with a frame cut off
		tcp, err := dialTCP(context.Background(), s.child.addr, false)
		if err != nil {
			return err
		}
		c := &client{tcp: tcp}
		_, err = tcp.Write([]byte(handshake + "\x81\xfe"))
		c.cut()
		return err
	case 2: // with a subscription asked for
		c, err := s.dial(false)
		if err != nil {
			return err
		}
		err = c.send(map[string]any{"type": "subscribe", "topic": channel()})
		c.vanish()
		return err
	default: // with many subscriptions
		c, err := s.dial(false)
		if err != nil {
			return err
		}
		for range 20 {
			if err := c.send(map[string]any{"type": "subscribe", "topic": channel()}); err != nil {
				break
			}
		}
		s.wait(0, time.Second)
		c.cut()
		return nil
	}
}

// stray asks for what cannot be had, and is told so.
func (s *soak) stray() error {
	defer s.wait(time.Second, 5*time.Second)
	c, err := s.dial(false)
	if err != nil {
		return err
	}
	defer c.ws.Close()
	for _, q := range []struct{ ask, code string }{
		{`{"type":"subscribe","topic":"secret"}`, "forbidden"},
		{`{"type":"subscribe","topic":"nothing/here"}`, "unknown_topic"},
		{`{"type":"unsubscribe","topic":"flood"}`, "not_subscribed"},
		{`{"type":"shout"}`, "bad_message"},
		{`{`, "bad_message"},
	} {
		if err := c.ws.WriteMessage(websocket.TextMessage, []byte(q.ask)); err != nil {
			return err
		}
		if r, err := c.want("error"); err != nil || r.Code != q.code {
			return fmt.Errorf("%s: %+v, %w", q.ask, r, err)
		}
	}
	if err := c.ws.WriteMessage(websocket.BinaryMessage, []byte{1}); err != nil {
		return err
	}
	if _, err := c.next(); !websocket.IsCloseError(err, websocket.CloseUnsupportedData) {
		return fmt.Errorf("a binary message: %w", err)
	}
	return nil
}

// readSlowly reads less than is sent; what it misses it is told.
func (s *soak) readSlowly() error {
	c, err := s.dial(true)
	if err != nil {
		return err
	}
	defer c.vanish()
	if err := c.send(map[string]any{"type": "subscribe", "topic": flood}); err != nil {
		return err
	}
	r, err := c.want("subscribed")
	if err != nil {
		return err
	}
	last, epoch := r.Offset, r.Epoch
	for leave := s.life(time.Minute, 2*time.Minute); ; {
		select {
		case <-leave:
			return nil
		default:
		}
		r, err := c.want("messages")
		if err != nil {
			return err
		}
		last += r.Missed
		for _, it := range r.Items {
			if last++; it.Offset != last || r.Epoch != epoch {
				return fmt.Errorf("slow: %d of %s, want %d of %s, %d missed", it.Offset, r.Epoch, last, epoch, r.Missed)
			}
		}
		s.count(missed, int(r.Missed))
		s.wait(500*time.Millisecond, 1500*time.Millisecond)
	}
}

// neverRead subscribes, reads nothing more and vanishes.
func (s *soak) neverRead() error {
	c, err := s.dial(true)
	if err != nil {
		return err
	}
	defer c.vanish()
	if err := c.send(map[string]any{"type": "subscribe", "topic": flood}); err != nil {
		return err
	}
	s.wait(10*time.Second, 40*time.Second)
	return nil
}

// lagBehind reads nothing for longer than a topic allows that closes the slow,
// and then finds the connection closed.
func (s *soak) lagBehind() error {
	c, err := s.dial(true)
	if err != nil {
		return err
	}
	defer c.vanish()
	if err := c.send(map[string]any{"type": "subscribe", "topic": strict}); err != nil {
		return err
	}
	s.wait(90*time.Second, 100*time.Second)
	if s.ctx.Err() != nil {
		return nil
	}
	for messages := -1; ; messages++ {
		if _, err := c.next(); errors.Is(err, os.ErrDeadlineExceeded) || messages > 400 {
			return fmt.Errorf("strict: still open after %d messages", messages)
		} else if err != nil {
			s.count(closedSlow, 1)
			return nil
		}
	}
}
