package engine_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"weak"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/upgrade"
)

// Each method may panic or end its goroutine, when there is input and when the
// connection is woken: that ends the connection, once, and nothing else.
func TestUpgradedMethodFails(t *testing.T) {
	failures := map[string]func(){
		"panics":             func() { panic("ours") },
		"ends its goroutine": runtime.Goexit,
	}
	methods := map[string]func(k *talker, fail func()){
		"Receive": func(k *talker, fail func()) { k.hears = func([]byte) { fail() } },
		"Output":  func(k *talker, fail func()) { k.onOutput = fail },
		"Due":     func(k *talker, fail func()) { k.onDue = func(int64) int64 { fail(); return 0 } },
		"Ending":  func(k *talker, fail func()) { k.onEnding = fail },
		"Ended":   func(k *talker, fail func()) { k.onEnded = fail },
	}
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		var log logged
		p.prepare = func(k *talker, r *http.Request) {
			method, failure, _ := strings.Cut(r.Header.Get("X-Fail"), " ")
			if method == "" {
				return
			}
			var armed atomic.Bool
			methods[method](k, func() {
				if armed.Load() {
					failures[failure]()
				}
			})
			k.arm = func() { armed.Store(true) }
		}
		p.hold(t, &engine.Server{Mode: mode, ErrorLog: slog.New(slog.NewTextHandler(&log, nil))})
		other := p.enter()
		for method := range methods {
			for failure := range failures {
				for _, woken := range []bool{false, true} {
					if woken && method == "Receive" {
						continue
					}
					p.fields = "X-Fail: " + method + " " + failure + "\r\n"
					g := p.enter()
					g.k.arm()
					before := strings.Count(log.String(), "level=ERROR")
					switch {
					case method == "Ended":
						assert.NoError(t, g.Close())
						assert.ErrorIs(t, g.k.cause(t), io.EOF)
					case woken:
						g.k.Wake()
					default:
						g.send("x")
					}
					if method != "Ended" {
						_, _ = io.Copy(io.Discard, g) // until it is closed
						err := g.k.cause(t)
						assert.True(t, err != nil && !errors.Is(err, io.EOF), "a failure that is none")
					}
					until(t, "it is counted out", func() bool { return p.srv.Stats().Hijacked == 1 })
					if method != "Ended" || failure == "panics" {
						until(t, "it is logged", func() bool { return strings.Count(log.String(), "level=ERROR") == before+1 })
					}
					other.send("well")
					other.gets("well")
				}
			}
		}
		p.fields = ""
		for range 4 { // the loops, too, are well
			g := p.enter()
			g.send("well")
			g.gets("well")
		}
		assert.Equal(t, len(p.srv.Running()), 0)
	})
}

// A handler that fails after it has upgraded ends the connection.
func TestUpgradedHandlerFails(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		for name, fail := range map[string]func(){"panics": func() { panic("ours") }, "ends its goroutine": runtime.Goexit} {
			p := &party{secure: p.secure, after: func(*talker, http.ResponseWriter, *http.Request) { fail() }}
			p.prepare = func(k *talker, _ *http.Request) { k.hears = func([]byte) { t.Error(name + ": but was given input") } }
			p.hold(t, &engine.Server{Mode: mode})
			g := p.knock("early")
			g.greeted()
			_, _ = io.Copy(io.Discard, g)
			assert.ErrorIs(t, (<-p.of(g.LocalAddr().String())).cause(t), http.ErrAbortHandler)
			until(t, "it is counted out", func() bool { return p.srv.Stats().Hijacked == 0 })
		}
	})
}

// The response ends with the upgrade.
func TestUpgradedResponseIsOver(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		done := make(chan bool)
		p.after = func(_ *talker, w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, "lost")
			assert.ErrorIs(t, err, http.ErrHijacked)
			_, _, err = w.(http.Hijacker).Hijack()
			assert.ErrorIs(t, err, http.ErrHijacked)
			_, err = w.(upgrade.Upgrader).Upgrade(&talker{})
			assert.ErrorIs(t, err, http.ErrHijacked)
			close(done)
		}
		g := p.hold(t, &engine.Server{Mode: mode}).enter()
		<-done
		g.k.say("next")
		g.gets("next")
	})
}

// Shutdown does not wait for upgraded connections, which go on until they end, or
// Close ends them.
func TestUpgradedShutdown(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		p.hold(t, &engine.Server{Mode: mode})
		g, leaves := p.enter(), p.enter()
		busy, gate := make(chan struct{}), make(chan struct{})
		slow := p.enter()
		slow.k.hears = func([]byte) { close(busy); <-gate }
		if mode != engine.AlwaysInline {
			slow.send("x")
			<-busy
		}
		assert.NoError(t, p.srv.Shutdown(t.Context()))
		assert.NoError(t, leaves.Close())
		assert.ErrorIs(t, leaves.k.cause(t), io.EOF)
		for range 3 {
			g.send("hello")
			g.gets("hello")
			g.k.say("woken")
			g.gets("woken")
		}
		assert.NoError(t, p.srv.Close())
		_, _ = io.Copy(io.Discard, g)
		assert.ErrorIs(t, g.k.cause(t), http.ErrServerClosed)
		close(gate)
		assert.ErrorIs(t, slow.k.cause(t), http.ErrServerClosed)
		until(t, "they are counted out", func() bool { return p.srv.Stats().Hijacked == 0 })
		assert.NoError(t, p.srv.Shutdown(context.Background()))
	})
}

// Close does not wait for callbacks of upgraded connections, Shutdown after it does
// so until its context ends.
func TestUpgradedCallbacksAreWaitedFor(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		var hooks atomic.Int32
		p.hold(t, &engine.Server{Mode: mode})
		p.srv.RegisterOnShutdown(func() { hooks.Add(1) })
		g, slow := p.enter(), p.enter()
		gate, busy := make(chan struct{}), make(chan struct{})
		var told atomic.Int32
		g.k.onEnded = func() { told.Add(1) }
		slow.k.onEnded = func() { close(busy); <-gate; told.Add(1) }
		assert.NoError(t, p.srv.Close())
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		assert.ErrorIs(t, p.srv.Shutdown(ended), context.Canceled)
		<-busy
		waits := make(chan error, 1)
		go func() { waits <- p.srv.Shutdown(context.Background()) }()
		assert.Equal(t, len(waits), 0)
		close(gate)
		assert.NoError(t, <-waits)
		assert.Equal(t, told.Load(), 2)
		assert.NoError(t, p.srv.Close())
		assert.Equal(t, hooks.Load(), 0)
	})
}

// Once a connection is upgraded, nothing of its request is kept.
func TestUpgradedRequestIsLetGo(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		requests := make(chan weak.Pointer[http.Request], 1)
		p.prepare = func(_ *talker, r *http.Request) { requests <- weak.Make(r) }
		g := p.hold(t, &engine.Server{Mode: mode}).enter()
		g.send("x")
		g.gets("x")
		request := <-requests
		until(t, "the request is collected", func() bool {
			runtime.GC()
			return request.Value() == nil
		})
	})
}

// Whatever happens at once, each protocol is told of its end, once.
func TestUpgradedEndsOnce(t *testing.T) {
	parties(t, func(t *testing.T, p *party, mode engine.Mode) {
		const rounds = 150
		var mu sync.Mutex
		var all []*talker
		p.prepare = func(k *talker, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, k)
			switch rand.IntN(12) {
			case 0:
				k.hears = func([]byte) { panic("ours") }
			case 1:
				k.hears = func([]byte) { runtime.Goexit() }
			case 2:
				k.hears = func([]byte) { k.GiveUp(); runtime.Gosched(); k.Step(); k.say("given up") }
			case 3:
				k.onDue = func(now int64) int64 {
					if rand.IntN(10) == 0 {
						k.Abort(errOurs)
					}
					return now + 1
				}
			}
		}
		p.after = func(*talker, http.ResponseWriter, *http.Request) {
			if rand.IntN(20) == 0 {
				panic("ours")
			}
		}
		p.hold(t, &engine.Server{Mode: mode})
		var guests sync.WaitGroup
		room := make(chan struct{}, 8)
		for range rounds {
			guests.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				g := p.knock("early")
				k := <-p.of(g.LocalAddr().String())
				var doers sync.WaitGroup
				for _, do := range []func(){
					func() { _, _ = io.WriteString(g, strings.Repeat("x", rand.IntN(1<<15))) },
					func() { k.say(strings.Repeat("y", rand.IntN(1<<17))) },
					func() { k.end([]upgrade.Ending{upgrade.EndClose, upgrade.EndLinger}[rand.IntN(2)]) },
					func() { k.Abort(errOurs) },
					func() { _ = g.Close() },
					k.Wake,
				} {
					if rand.IntN(2) == 0 {
						doers.Go(do)
					}
				}
				var reader sync.WaitGroup
				if rand.IntN(2) == 0 {
					reader.Go(func() { _, _ = io.Copy(io.Discard, g) })
				}
				doers.Wait()
				_ = g.Close()
				reader.Wait()
			})
		}
		guests.Wait()
		assert.NoError(t, p.srv.Close())
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, len(all), rounds)
		for _, k := range all {
			_ = k.cause(t)
		}
		until(t, "they are counted out", func() bool { return p.srv.Stats().Hijacked == 0 })
		for _, k := range all {
			k.Wake()
			k.mu.Lock()
			assert.Equal(t, k.ends, 1)
			k.mu.Unlock()
		}
	})
}
