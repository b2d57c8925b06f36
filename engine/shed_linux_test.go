package engine_test

import (
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// spin keeps a processor busy.
func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// TestOverload has far more clients ask for what takes a processor's time than
// there are processors: then some are refused, health is answered, and when they
// have gone everybody is served.
func TestOverload(t *testing.T) {
	modes := []engine.Mode{engine.Loop}
	if os.Getenv("SOAKTIME") != "" { // it keeps all processors busy
		modes = attackedModes()
	}
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) {
			v := startChild(t, childConfig{Mode: mode, MaxQueueing: 50 * time.Millisecond})
			stop := make(chan struct{})
			refused := make(chan *http.Response, 1)
			var load sync.WaitGroup
			for range 512 {
				a := v.dial()
				load.Go(func() { a.insist(stop, refused) })
			}
			resp := <-refused
			assert.Equal(t, resp.Header.Get("Retry-After"), "1")
			assert.Equal(t, resp.Close, false)
			health := v.dial()
			for range 10 {
				health.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
				assert.Equal(t, health.status(), 200)
			}
			before := v.state().Stats
			for range 10 {
				health.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
				assert.Equal(t, health.status(), 200)
			}
			after := v.state().Stats
			assert.True(t, after.Requests > before.Requests+20, "nothing but health was served")
			assert.True(t, after.Refused["overload"] > before.Refused["overload"], "nothing was refused any more")
			close(stop)
			load.Wait()
			a := v.dial()
			for served := 0; served < 10 && !t.Failed(); { // in a row, once the queue is seen to be gone
				a.send("GET /spin HTTP/1.1\r\nHost: a\r\n\r\n")
				switch a.status() {
				case 200:
					served++
				case 503:
					served = 0
				default:
					t.Error("the connection was closed")
				}
			}
			v.stop()
		})
	}
}

// insist asks for what takes a processor's time, again and again.
func (a *attacker) insist(stop <-chan struct{}, refused chan<- *http.Response) {
	defer a.Close()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		a.send("GET /spin HTTP/1.1\r\nHost: a\r\n\r\n")
		resp := a.response()
		if resp == nil {
			a.t.Error("a connection was closed")
			return
		}
		if resp.StatusCode == http.StatusServiceUnavailable {
			select {
			case refused <- resp:
			default:
			}
		}
	}
}
