package engine_test

import (
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// TestFaultNoFiles has a server run out of files: it serves the connections that
// it has, says so once, and accepts again when there are files.
func TestFaultNoFiles(t *testing.T) {
	t.Parallel()
	for _, mode := range attackedModes() {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			v := startChild(t, childConfig{Mode: mode, Files: 64})
			old := v.dial()
			defer old.Close()
			ask := func(a *attacker) int {
				a.send("GET /alive HTTP/1.1\r\nHost: a\r\n\r\n")
				return a.status()
			}
			assert.Equal(t, ask(old), 200)
			var more []*attacker
			for range 200 { // most of them wait in the listen queue
				more = append(more, v.dial())
			}
			for !strings.Contains(v.log.String(), "accepting pauses") {
				assert.Equal(t, ask(old), 200)
			}
			for range 1000 {
				assert.Equal(t, ask(old), 200)
			}
			waiting := more[len(more)-1]
			for _, a := range more[:len(more)-1] {
				assert.NoError(t, a.Close())
			}
			assert.Equal(t, ask(waiting), 200)
			assert.NoError(t, waiting.Close())
			assert.Equal(t, strings.Count(v.log.String(), "accepting pauses"), 1)
			assert.True(t, v.state().Stats.Refused["files"] > 0, "not counted")
			assert.NoError(t, old.Close())
			v.stop()
		})
	}
}

// masses are attacks of many clients. Each begins and goes on until stop; perConn
// is how many bytes of memory one may cost the server.
var masses = []struct {
	name           string
	conns, perConn int
	begin          func(a *attacker)
	goOn           func(a *attacker) // what a connection does now and then
}{
	{
		"10,000 slow headers", 10_000, 4 << 10,
		func(a *attacker) { a.send("GET /alive HTTP/1.1\r\nHost: a\r\nX: ") },
		func(a *attacker) { a.send("x") },
	},
	{
		"10,000 slow bodies", 10_000, 64 << 10,
		func(a *attacker) { a.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx") },
		func(a *attacker) { a.send("x") },
	},
	{
		"500 that read nothing of 10 MB", 500, 128 << 10,
		func(a *attacker) { a.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n") },
		func(*attacker) {},
	},
	{
		"50 endless pipelines", 50, 1 << 20,
		func(a *attacker) {
			go a.send(strings.Repeat("GET /alive HTTP/1.1\r\nHost: a\r\n\r\n", 100_000))
		},
		func(*attacker) {},
	},
	{
		"garbage", 50, 1 << 20, // next to nothing, measured over what 50 cost anyway
		func(*attacker) {},
		func(a *attacker) {
			c, err := net.Dial("tcp", a.RemoteAddr().String())
			if err != nil {
				return
			}
			const begun = "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
			p := make([]byte, rand.IntN(2000))
			for i := range p {
				p[i] = byte(rand.Int())
			}
			_, _ = c.Write(append([]byte(begun[:rand.IntN(len(begun)+1)]), p...))
			_ = c.Close()
		},
	},
}

// TestFaultMasses asks for something quick before and during each attack. With
// SOAKTIME set, which is when the machine has nothing else to do, it attacks in
// full, and what it costs in time and memory counts.
func TestFaultMasses(t *testing.T) {
	soak := os.Getenv("SOAKTIME") != ""
	for _, c := range masses {
		for _, mode := range []engine.Mode{engine.Loop, engine.Pool} {
			t.Run(string(mode)+"/"+c.name, func(t *testing.T) {
				v := startChild(t, childConfig{Mode: mode, MaxQueueing: -1, ReadHeaderTimeout: guard, BodyTimeout: guard, WriteStallTimeout: guard})
				quiet, before := probe(v), v.state()
				conns := c.conns
				if !soak {
					conns = max(conns/20, 10)
				}
				all := make([]*attacker, conns)
				for i := range all {
					all[i] = v.dial()
					c.begin(all[i])
				}
				var going sync.WaitGroup
				stop := make(chan struct{})
				going.Go(func() {
					tick := time.NewTicker(time.Millisecond)
					defer tick.Stop()
					for {
						select {
						case <-stop:
							return
						case <-tick.C:
							c.goOn(all[rand.IntN(len(all))])
						}
					}
				})
				loaded, during := probe(v), v.state()
				close(stop)
				going.Wait()
				for _, a := range all {
					_ = a.Conn.(*net.TCPConn).SetLinger(0)
					_ = a.Close()
				}
				each := (during.RSS - before.RSS) / conns
				t.Logf("p99 of a probe %v, unloaded %v; %d bytes of RSS a connection; refused %v", loaded, quiet, each, during.Stats.Refused)
				if soak {
					// The race detector multiplies what memory there is.
					assert.True(t, raceDetector || each <= c.perConn, "the attack takes too much memory")
					// Pipelines keep the processors busy until their sockets are full.
					assert.True(t, loaded <= max(2*quiet, 100*time.Millisecond), "others have to wait")
				}
				v.alive()
				v.stop()
			})
		}
	}
}

// probe returns the 99th percentile of the time that a quick request takes.
func probe(v *child) time.Duration {
	a := v.dial()
	defer a.Close()
	var took []time.Duration
	for range 1000 {
		begin := time.Now()
		a.send("GET /alive HTTP/1.1\r\nHost: a\r\n\r\n")
		assert.Equal(v.t, a.status(), 200)
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}
