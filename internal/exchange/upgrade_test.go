package exchange_test

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/upgrade"
)

// keeper is a wire that keeps upgraded connections.
type keeper struct {
	wire
	protocol upgrade.Protocol
}

type socket struct{ upgrade.Socket }

func (k *keeper) Upgrade(p upgrade.Protocol) upgrade.Socket {
	k.protocol = p
	return socket{}
}

type protocol struct{ upgrade.Protocol }

const (
	askUpgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: talk\r\n\r\n"
	upgraded   = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: talk\r\n" + date + "\r\n"
)

// switches upgrades, and returns what came of it.
func switches(w http.ResponseWriter) (upgrade.Socket, error) {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "talk")
	w.WriteHeader(http.StatusSwitchingProtocols)
	return w.(upgrade.Upgrader).Upgrade(protocol{})
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	w := &keeper{wire: wire{in: []byte(askUpgrade + "early")}}
	var context interface{ Err() error }
	x := begin(t, config(func(rw http.ResponseWriter, r *http.Request) {
		s, err := switches(rw)
		assert.NoError(t, err)
		assert.Equal(t, s, upgrade.Socket(socket{}))
		assert.Equal(t, w.written(), upgraded)
		assert.Equal(t, w.flushes, 1)
		// The response is over.
		_, err = io.WriteString(rw, "lost")
		assert.ErrorIs(t, err, http.ErrHijacked)
		rc := http.NewResponseController(rw)
		_, _, err = rc.Hijack()
		assert.ErrorIs(t, err, http.ErrHijacked)
		assert.ErrorIs(t, rc.Flush(), http.ErrHijacked)
		assert.ErrorIs(t, rc.SetReadDeadline(w.deadline), exchange.ErrFinished)
		_, err = rw.(upgrade.Upgrader).Upgrade(protocol{})
		assert.ErrorIs(t, err, http.ErrHijacked)
		context = r.Context()
		assert.NoError(t, context.Err())
	}, &logs{}), w)
	assert.Equal(t, x.Serve(), exchange.Outcome{Upgraded: true, Status: http.StatusSwitchingProtocols})
	assert.True(t, w.protocol == protocol{}, "the wire has not got the protocol")
	assert.Equal(t, string(w.in), "early")
	assert.Equal(t, w.written(), upgraded)
	assert.True(t, context.Err() != nil, "the context goes on")
}

// An upgrade that is refused has sent nothing, and leaves the response as it was.
func TestUpgradeRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wire   exchange.Wire
		status int
		want   error
	}{
		"the wire cannot":  {&wire{in: []byte(askUpgrade)}, http.StatusSwitchingProtocols, upgrade.ErrNoUpgrade},
		"no status":        {&keeper{wire: wire{in: []byte(askUpgrade)}}, 0, nil},
		"another status":   {&keeper{wire: wire{in: []byte(askUpgrade)}}, http.StatusAccepted, nil},
		"a body is left":   {&keeper{wire: wire{in: []byte(post(strings.Repeat("x", 300<<10)))}}, http.StatusSwitchingProtocols, nil},
		"the body is held": {&keeper{wire: wire{in: []byte("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")}}, http.StatusSwitchingProtocols, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := begin(t, config(func(rw http.ResponseWriter, _ *http.Request) {
				if c.status != 0 {
					rw.WriteHeader(c.status)
				}
				_, err := rw.(upgrade.Upgrader).Upgrade(protocol{})
				assert.True(t, err != nil, "upgraded")
				if c.want != nil {
					assert.ErrorIs(t, err, c.want)
				}
				assert.NoError(t, http.NewResponseController(rw).Flush())
			}, &logs{}), c.wire)
			out := x.Serve()
			assert.True(t, !out.Upgraded && !out.Hijacked, "the wire was given away")
		})
	}
}

// A body is read off, so that what follows it is the protocol's.
func TestUpgradeEndsBody(t *testing.T) {
	t.Parallel()
	w := &keeper{wire: wire{in: []byte(post("hello") + "early")}}
	x := begin(t, config(func(rw http.ResponseWriter, r *http.Request) {
		_, err := switches(rw)
		assert.NoError(t, err)
		_, err = r.Body.Read(make([]byte, 1))
		assert.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	}, &logs{}), w)
	assert.True(t, x.Serve().Upgraded, "not upgraded")
	assert.Equal(t, string(w.in), "early")
}

func TestUpgradeOverABrokenWire(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	w := &keeper{wire: wire{in: []byte(askUpgrade), writeErr: broken}}
	x := begin(t, config(func(rw http.ResponseWriter, _ *http.Request) {
		_, err := switches(rw)
		assert.ErrorIs(t, err, broken)
	}, &logs{}), w)
	assert.True(t, !x.Serve().Upgraded, "upgraded")
	assert.True(t, w.protocol == nil, "the wire has got the protocol")
}

// A handler that fails afterwards has upgraded all the same.
func TestUpgradeAndFail(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panics": func() { panic("ours") }, "ends its goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &keeper{wire: wire{in: []byte(askUpgrade)}}
			x := begin(t, config(func(rw http.ResponseWriter, _ *http.Request) {
				_, err := switches(rw)
				assert.NoError(t, err)
				fail()
			}, &logs{}), w)
			done := make(chan struct{})
			go func() {
				defer close(done)
				x.Serve()
			}()
			<-done
			assert.Equal(t, x.Outcome(), exchange.Outcome{Upgraded: true, Abort: true, Status: http.StatusSwitchingProtocols})
			assert.Equal(t, w.written(), upgraded)
		})
	}
}
