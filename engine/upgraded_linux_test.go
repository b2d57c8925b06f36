package engine_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

func TestUpgradedEcho(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		var states sync.Map
		srv := &engine.Server{Mode: mode, MaxConns: 1, ConnState: func(_ net.Conn, s http.ConnState) { states.Store(s, true) }}
		p.hold(t, srv)
		g := p.enter()
		for _, size := range []int{1, 100, 1 << 14, 1 << 17} {
			s := strings.Repeat("x", size)
			go func() { _, _ = io.WriteString(g, s) }()
			g.gets(s)
		}
		assert.Equal(t, g.k.RemoteAddr().String(), g.LocalAddr().String())
		assert.Equal(t, g.k.LocalAddr().String(), g.RemoteAddr().String())
		st := srv.Stats()
		assert.Equal(t, st.Hijacked, int64(1))
		assert.Equal(t, st.Active+st.Idle+st.Reading+st.Closing+st.Handshaking, int64(0))
		assert.Equal(t, st.Requests, uint64(1))
		assert.NoError(t, g.Close())
		assert.ErrorIs(t, g.k.cause(t), io.EOF)
		until(t, "it is counted out", func() bool { return srv.Stats().Hijacked == 0 })
		assert.Equal(t, g.k.RemoteAddr().String(), g.LocalAddr().String())
		_, told := states.Load(http.StateHijacked)
		assert.True(t, told, "the hook was not told of the upgrade")
		_, told = states.Load(http.StateClosed)
		assert.True(t, !told, "the hook was told that a hijacked connection is closed")
		g = p.enter() // into the place that is free
		g.send("again")
		g.gets("again")
	})
}

// What came right behind the request is heard, but not before the handler is
// done.
func TestUpgradedEarlyBytes(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		gate := make(chan struct{})
		var returned atomic.Bool
		p.prepare = func(k *talker, _ *http.Request) {
			k.hears = func(b []byte) {
				if !returned.Load() {
					t.Error("heard before the handler was done")
				}
				k.say(string(b))
			}
		}
		p.after = func(_ *talker, _ http.ResponseWriter, _ *http.Request) {
			<-gate
			returned.Store(true)
		}
		g := p.hold(t, &engine.Server{Mode: mode}).knock("early")
		g.greeted() // it has left before
		g.send(" and late")
		close(gate)
		g.gets("early and late")
	})
}
