package ws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/brief"
	"github.com/galeweb/gale/internal/upgrade"
	"github.com/galeweb/gale/internal/wsframe"
)

// hand drives a Conn as the engine does, step by step and by a clock of its own.
type hand struct {
	t      *testing.T
	c      *Conn
	p      *protocol
	now    int64
	next   int64 // what Due has said last
	wakes  int
	aborts []error
	leads  bool
	steps  int
	gaveUp int
	parser wsframe.Parser // of what came out
}

var _ upgrade.Socket = (*hand)(nil)

func (h *hand) Wake()                { h.wakes++ }
func (h *hand) Abort(cause error)    { h.aborts = append(h.aborts, cause) }
func (h *hand) Now() int64           { return h.now }
func (h *hand) Step() bool           { h.steps++; return h.leads }
func (h *hand) GiveUp()              { h.gaveUp++; h.leads = false }
func (h *hand) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (h *hand) RemoteAddr() net.Addr { return &net.TCPAddr{} }

func byHand(t *testing.T, handler *Handler) *hand {
	t.Helper()
	h := &hand{t: t, now: 1, parser: wsframe.Parser{Limit: 10 << 20, Deflate: true}}
	h.c = newConn(handler, t.Context(), 0)
	h.p = (*protocol)(h.c)
	h.c.sock = h
	h.c.jitter = 0
	handler.add(h.c)
	h.c.open(nil)
	h.tend()
	return h
}

func (h *hand) tend() { h.next = h.p.Due(h.now) }

// pass lets time pass.
func (h *hand) pass(d time.Duration) {
	h.now += int64(d)
	h.tend()
}

func (h *hand) receive(frames ...[]byte) {
	h.p.Receive(bytes.Join(frames, nil))
	h.tend()
}

// output takes all that is to be sent, in pieces of size, and tells the frames.
func (h *hand) output(size int) (frames []string) {
	h.t.Helper()
	for {
		out := h.p.Output(make([]byte, 0, size))
		h.tend()
		if len(out) == 0 {
			return frames
		}
		frames = append(frames, h.parse(out)...)
	}
}

func (h *hand) parse(out []byte) (frames []string) {
	h.t.Helper()
	for {
		f, n, ok, err := h.parser.Next(out)
		assert.NoError(h.t, err)
		out = out[n:]
		if !ok {
			return frames
		}
		frames = append(frames, fmt.Sprintf("%x %.20s", byte(f.Op), f.Payload))
	}
}

func masked(f wsframe.Frame) []byte { return wsframe.AppendMasked(nil, f, [4]byte{1, 2, 3, 4}) }

func maskedText(s string) []byte {
	return masked(wsframe.Frame{Op: wsframe.Text, Last: true, Payload: []byte(s)})
}

func maskedControl(op wsframe.Opcode, s string) []byte {
	return masked(wsframe.Frame{Op: op, Payload: []byte(s)})
}

func echoing() *Handler {
	return &Handler{Message: func(c *Conn, m Message) error { return c.Send(m) }}
}

// TestOutputCut: a frame may be cut anywhere, and no other gets into it.
func TestOutputCut(t *testing.T) {
	t.Parallel()
	for size := 1; size < 40; size++ {
		h := byHand(t, echoing())
		for i := range 5 {
			h.receive(maskedText(fmt.Sprint("message ", i)))
		}
		first := h.p.Output(make([]byte, 0, size))
		frames := h.parse(first)
		h.receive(maskedControl(wsframe.Ping, "a"), maskedControl(wsframe.Ping, "b"))
		h.c.Close(4000, "")
		frames = append(frames, h.output(size)...)
		pongs := 0
		for i, f := range frames {
			if f == "a b" {
				pongs++
				continue
			}
			if i == len(frames)-1 {
				assert.Equal(t, f, "8 \x0f\xa0")
				continue
			}
			assert.Equal(t, f, fmt.Sprint("1 message ", i-pongs))
		}
		assert.Equal(t, len(frames)-pongs, 6)
		assert.Equal(t, pongs, 0) // who closes answers no pings
	}
}

// TestControlsGoFirst: but not into a frame that is under way.
func TestControlsGoFirst(t *testing.T) {
	t.Parallel()
	h := byHand(t, echoing())
	long := strings.Repeat("x", 100)
	h.receive(maskedText(long), maskedText("second"))
	frames := h.parse(h.p.Output(make([]byte, 0, 50)))
	h.receive(maskedControl(wsframe.Ping, "p"))
	frames = append(frames, h.output(64)...)
	assert.Equal(t, frames, []string{"1 " + long[:20], "a p", "1 second"})
}

// TestOneWakeForMany: a publisher's burst wakes the socket once, and goes out in
// one piece.
func TestOneWakeForMany(t *testing.T) {
	t.Parallel()
	h := byHand(t, echoing())
	h.wakes = 0
	for i := range 100 {
		assert.NoError(t, h.c.SendText(fmt.Sprint(i)))
	}
	assert.Equal(t, h.wakes, 1)
	out := h.p.Output(make([]byte, 0, 16<<10))
	assert.Equal(t, len(h.parse(out)), 100)
	assert.Equal(t, len(h.p.Output(make([]byte, 0, 16<<10))), 0)
	assert.NoError(t, h.c.SendText("again"))
	assert.Equal(t, h.wakes, 2)
}

// TestManyAnswersInOneTurn: what comes in one read may be answered, however many
// messages it is; not once the client has left too much unread.
func TestManyAnswersInOneTurn(t *testing.T) {
	t.Parallel()
	var refusals int
	handler := &Handler{QueueMessages: 10, Message: func(c *Conn, m Message) error {
		if errors.Is(c.Send(m), ErrQueueFull) {
			refusals++
		}
		return nil
	}}
	h := byHand(t, handler)
	h.receive(bytes.Repeat(maskedText("x"), 1000))
	assert.Equal(t, refusals, 0)
	assert.ErrorIs(t, h.c.SendText("from elsewhere"), ErrQueueFull)
	h.receive(bytes.Repeat(maskedText("x"), 1000))
	assert.Equal(t, refusals, 1000)
	assert.Equal(t, len(h.output(1<<10)), 1000)
	handler.QueueBytes = 100
	h.receive(bytes.Repeat(maskedText("0123456789"), 100))
	assert.True(t, refusals > 1080, "the bytes are not bounded")
}

// TestIdleHoldsNothing: between messages a connection is its struct.
func TestIdleHoldsNothing(t *testing.T) {
	t.Parallel()
	h := byHand(t, echoing())
	part := maskedText("a message")
	h.receive(part[:5])
	assert.True(t, h.c.parser != nil, "the message is under way")
	h.receive(part[5:], maskedText("b"), maskedControl(wsframe.Ping, "p"))
	h.output(1 << 10)
	c := h.c
	assert.True(t, c.parser == nil && c.more == nil && c.first == "" && c.life == nil && c.history == nil, "something is left")
	_ = c.Context().Err()
	_ = c.Context().Value("key")
	assert.True(t, c.life == nil, "to ask a context for its values makes one")
}

// TestIdleKeepsNoMessage is not parallel: it looks at the heap. An empty rest of
// a string can keep the whole.
func TestIdleKeepsNoMessage(t *testing.T) {
	const size = 8 << 20
	h := byHand(t, echoing())
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	assert.NoError(t, h.c.SendBinary(make([]byte, size)))
	assert.True(t, heap() > before+size/2, "it waits")
	h.output(size + 16)
	assert.Equal(t, h.c.first, "")
	assert.True(t, heap() < before+size/2, "it is gone")
	runtime.KeepAlive(h)
}

// TestBriefContext: contexts for a short time leave nothing behind, unless
// somebody else waits for the end too.
func TestBriefContext(t *testing.T) {
	t.Parallel()
	c := byHand(t, echoing()).c
	one, endOne := brief.WithTimeout(c.Context(), time.Hour)
	two, endTwo := brief.WithTimeout(c.Context(), time.Hour)
	endOne()
	endOne()
	assert.ErrorIs(t, one.Err(), context.Canceled)
	assert.NoError(t, two.Err())
	assert.True(t, c.life != nil, "the second one goes on")
	endTwo()
	assert.True(t, c.life == nil, "something is left")

	done := c.Context().Done()
	three, endThree := brief.WithTimeout(c.Context(), time.Hour)
	defer endThree()
	_, endFour := brief.WithTimeout(c.Context(), time.Hour)
	endFour()
	c.Close(CodeNormal, "")
	<-done
	<-three.Done()
	var closed *CloseError
	assert.True(t, errors.As(context.Cause(three), &closed), "the cause is that of the end")
}

func TestStall(t *testing.T) {
	t.Parallel()
	handler := echoing()
	handler.PingEvery = -1
	h := byHand(t, handler)
	assert.NoError(t, h.c.SendBinary(make([]byte, 100)))
	for range 4 { // 9 s for each 25 bytes are slow, but no stall
		assert.Equal(t, len(h.p.Output(make([]byte, 0, 25))), 25)
		h.tend()
		assert.Equal(t, h.next, h.now+int64(10*time.Second))
		h.pass(9 * time.Second)
	}
	assert.Equal(t, len(h.aborts), 0)
	h.pass(999 * time.Millisecond)
	assert.Equal(t, len(h.aborts), 0)
	h.pass(time.Millisecond)
	assert.ErrorIs(t, h.aborts[0], ErrWriteTimeout)
	assert.ErrorIs(t, h.c.SendText("x"), ErrClosed)
	h.p.Ended(h.aborts[0])
	assert.ErrorIs(t, context.Cause(h.c.Context()), ErrWriteTimeout)
}

func TestPing(t *testing.T) {
	t.Parallel()
	h := byHand(t, echoing())
	every := 25 * time.Second
	assert.Equal(t, h.next, h.now+int64(every))
	h.pass(every)
	assert.Equal(t, h.output(100), []string{"9 "})
	assert.Equal(t, h.next, h.now+int64(10*time.Second))
	h.pass(9 * time.Second)
	h.receive(maskedControl(wsframe.Pong, ""))
	assert.Equal(t, h.next, h.now+int64(every))

	// The pong may have come before Due was asked again.
	h.pass(every)
	h.p.Output(make([]byte, 0, 100))
	h.receive(maskedControl(wsframe.Pong, ""))
	h.output(100)
	assert.Equal(t, h.next, h.now+int64(every))

	h.pass(every)
	assert.Equal(t, h.output(100), []string{"9 "})
	h.pass(10 * time.Second)
	assert.ErrorIs(t, h.aborts[0], ErrPongTimeout)
}

// TestPingBehindMessage: the time for the pong begins when the ping went out.
func TestPingBehindMessage(t *testing.T) {
	t.Parallel()
	h := byHand(t, echoing())
	assert.NoError(t, h.c.SendBinary(make([]byte, 1000)))
	for range 10 { // 90 s
		out := h.p.Output(make([]byte, 0, 90))
		assert.Equal(t, len(out), 90)
		h.parse(out)
		h.pass(9 * time.Second)
	}
	assert.Equal(t, len(h.aborts), 0)
	frames := h.output(200)
	assert.Equal(t, frames[len(frames)-1], "9 ")
	h.pass(9 * time.Second)
	assert.Equal(t, len(h.aborts), 0)
	h.pass(time.Second)
	assert.ErrorIs(t, h.aborts[0], ErrPongTimeout)
}

// TestJitter: pings of many connections are spread over a tenth of the time.
func TestJitter(t *testing.T) {
	t.Parallel()
	seen := map[int64]bool{}
	for range 1000 {
		c := newConn(echoing(), t.Context(), 0)
		c.sock = &hand{t: t}
		next := c.due(1) - 1
		assert.True(t, next <= int64(25*time.Second) && next >= int64(22500*time.Millisecond), "out of the tenth")
		seen[next] = true
	}
	assert.True(t, len(seen) > 200, "not spread")
}

// TestSlowMessageLeavesTheLoop: after a Message from which the loop was taken,
// others leave it before they run, until a thousand were quick.
func TestSlowMessageLeavesTheLoop(t *testing.T) {
	t.Parallel()
	var h *hand
	slow := false
	handler := &Handler{Message: func(*Conn, Message) error {
		if slow {
			h.leads = false // the loop was taken
		}
		return nil
	}}
	h = byHand(t, handler)
	receive := func() (gaveUp bool) {
		before := h.gaveUp
		h.leads = true
		h.receive(maskedText("x"))
		return h.gaveUp > before
	}
	assert.True(t, !receive(), "a quick one gave the loop up")
	slow = true
	assert.True(t, !receive(), "the first slow one was not known to be slow")
	slow = false
	for handler.slow.Load() > 0 {
		assert.True(t, receive(), "one after it stayed on the loop")
	}
	assert.True(t, !receive(), "slow for ever")

	// One piece of input with several messages asks once more after each.
	h.leads, h.steps = true, 0
	h.receive(maskedText("a"), maskedText("b"), maskedText("c"))
	assert.Equal(t, h.steps, 4)
}

func TestEndings(t *testing.T) {
	t.Parallel()
	h := byHand(t, echoing())
	assert.Equal(t, h.p.Ending(), upgrade.Open)
	h.c.Close(4000, "")
	assert.Equal(t, h.p.Ending(), upgrade.Open) // it waits for the peer's
	h.receive(maskedControl(wsframe.Close, "\x0f\xa0"), maskedText("late"))
	assert.Equal(t, h.p.Ending(), upgrade.EndLinger)
	assert.Equal(t, h.output(100), []string{"8 \x0f\xa0"})
	h.pass(4 * time.Second)
	assert.Equal(t, len(h.aborts), 0)
	h.pass(time.Second) // it does not close
	assert.Equal(t, len(h.aborts), 1)

	h = byHand(t, echoing())
	h.receive([]byte{0xff}, maskedText("late"))
	assert.Equal(t, h.p.Ending(), upgrade.EndLinger)
	assert.Equal(t, h.output(100)[0][:2], "8 ")

	client := newConn(echoing(), t.Context(), client)
	client.sock = h
	(*protocol)(client).Receive(wsframe.AppendFrame(nil, wsframe.Close, nil))
	assert.Equal(t, (*protocol)(client).Ending(), upgrade.EndClose)
}

// TestEndBeforeOpenReturns: Close comes after Open all the same, and once.
func TestEndBeforeOpenReturns(t *testing.T) {
	t.Parallel()
	var calls []string
	var c *Conn
	handler := &Handler{
		Open: func(c *Conn, _ *http.Request) error {
			(*protocol)(c).Ended(io.EOF)
			calls = append(calls, "open")
			return nil
		},
		Message: func(*Conn, Message) error { return nil },
		Close:   func(_ *Conn, cause error) { calls = append(calls, cause.Error()) },
	}
	c = newConn(handler, t.Context(), 0)
	c.sock = &hand{t: t}
	handler.add(c)
	c.open(nil)
	assert.Equal(t, calls, []string{"open", "ws: connection lost: unexpected EOF"})
	<-c.Done()
	assert.Equal(t, handler.count, 0)
}

func TestEndedCauses(t *testing.T) {
	t.Parallel()
	for cause, want := range map[error]error{io.EOF: io.ErrUnexpectedEOF, http.ErrServerClosed: http.ErrServerClosed, io.ErrClosedPipe: io.ErrClosedPipe} {
		h := byHand(t, echoing())
		h.p.Ended(cause)
		assert.ErrorIs(t, context.Cause(h.c.Context()), want)
		assert.ErrorIs(t, h.c.Context().Err(), context.Canceled)
		<-h.c.Done()
	}
}

// TestWritableWhenHalfIsFree counts messages and bytes.
func TestWritableWhenHalfIsFree(t *testing.T) {
	t.Parallel()
	var h *hand
	told := 0
	handler := echoing()
	handler.QueueBytes = 1000
	handler.Writable = func(c *Conn) {
		told++
		count, n := c.queued()
		assert.True(t, count <= 128 && n <= 500, "there is no room")
	}
	h = byHand(t, handler)
	for h.c.SendBinary(make([]byte, 400)) == nil {
	}
	for range 20 {
		h.parse(h.p.Output(make([]byte, 0, 50)))
		assert.Equal(t, told, 0)
		if _, n := h.c.queued(); n <= 500 {
			break
		}
	}
	h.parse(h.p.Output(make([]byte, 0, 50)))
	assert.Equal(t, told, 1)
	h.output(50)
	assert.Equal(t, told, 1)
}

// TestOutputRandom: whatever is sent and however it is taken, it comes out in
// order.
func TestOutputRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 7))
		handler := echoing()
		handler.QueueMessages = 10
		h := byHand(t, handler)
		sent, got := 0, 0
		count := func(frames []string) {
			for _, f := range frames {
				if f[0] == '1' {
					assert.Equal(t, f, fmt.Sprint("1 ", got))
					got++
				}
			}
		}
		for range 300 {
			switch r.IntN(4) {
			case 0:
				err := h.c.SendText(fmt.Sprint(sent))
				if err == nil {
					sent++
				} else {
					assert.ErrorIs(t, err, ErrQueueFull)
				}
			case 1:
				h.receive(maskedControl(wsframe.Ping, "p"))
			default:
				count(h.parse(h.p.Output(make([]byte, 0, 1+r.IntN(8)))))
			}
			assert.True(t, sent-got <= 10, "more wait than may")
		}
		count(h.output(100))
		assert.Equal(t, got, sent)
		assert.True(t, h.c.more == nil, "an outbox is left")
	}
}

// TestNothingAfterTheEnd: whatever is still called does nothing.
func TestNothingAfterTheEnd(t *testing.T) {
	t.Parallel()
	h := byHand(t, echoing())
	h.p.Ended(errors.New("gone"))
	h.receive(maskedText("late"))
	assert.Equal(t, len(h.p.Output(make([]byte, 0, 100))), 0)
	assert.Equal(t, h.next, int64(0))
	h.c.Close(1000, "")
	assert.ErrorIs(t, h.c.SendText("x"), ErrClosed)
}

// TestLargeFrames: the first large frame waits in a buffer, which others get
// after it; what is behind it has its own memory, and nothing gets into it.
func TestLargeFrames(t *testing.T) {
	t.Parallel()
	for _, size := range []int{100, 16 << 10, 32 << 10} {
		h := byHand(t, echoing())
		var want []string
		var all []byte
		for i := range 4 {
			text := strings.Repeat(string(rune('a'+i)), minLarge<<(i%3)-i)
			h.receive(maskedText(text))
			if i == 1 {
				all = h.p.Output(make([]byte, 0, size)) // cuts the first
				h.receive(maskedControl(wsframe.Ping, "p"))
			}
			want = append(want, text)
		}
		h.c.Close(4000, "")
		for out := h.p.Output(make([]byte, 0, size)); len(out) > 0; out = h.p.Output(make([]byte, 0, size)) {
			all = append(all, out...)
		}
		var got []string
		for len(all) > 0 {
			f, n, ok, err := h.parser.Next(all)
			assert.NoError(t, err)
			all = all[n:]
			if ok && f.Op == wsframe.Text {
				got = append(got, string(f.Payload))
			}
		}
		assert.Equal(t, got, want)
		assert.True(t, h.c.more == nil && h.c.first == "", "something is left")
	}
}
