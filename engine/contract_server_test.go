package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// serverCases set up a server of their own.
func serverCases() []contractCase {
	type key struct{}
	none := func(*run, *settings) {}
	return []contractCase{
		{
			name: "BaseContext and ConnContext", send: ask("GET /") + last,
			own: func(k *run, s *settings) {
				s.BaseContext = func(l net.Listener) context.Context {
					k.note("base %v", l.Addr().Network())
					return context.WithValue(context.Background(), key{}, "base")
				}
				s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
					_, ok := ctx.Value(http.ServerContextKey).(*http.Server)
					k.note("conn %v %v", ctx.Value(key{}), ok)
					return context.WithValue(ctx, key{}, c)
				}
			},
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				c := r.Context().Value(key{}).(net.Conn)
				fmt.Fprint(w, c.RemoteAddr().String() == r.RemoteAddr, c.LocalAddr().String() == k.server.addr)
			},
			want: text("true true") + lastReply, notes: []string{"base tcp", "conn base true"},
		},
		{
			name: "the base context ends those of requests", blocks: true,
			own: func(k *run, s *settings) {
				ctx, cancel := context.WithCancelCause(context.Background())
				s.BaseContext = func(net.Listener) context.Context { return ctx }
				go func() {
					k.await("running")
					cancel(errors.New("enough"))
				}()
			},
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				untilDone(k, w, r)
				k.note("%v", context.Cause(r.Context()))
			},
			send:  ask("GET /") + last,
			notes: []string{"context canceled", "enough"},
		},
		{
			name: "IdleTimeout closes", own: func(_ *run, s *settings) { s.IdleTimeout = 20 * time.Millisecond },
			do: says("x"), send: ask("GET /"), want: text("x") + closedMark,
		},
		{
			name: "ReadHeaderTimeout closes", own: func(_ *run, s *settings) { s.ReadHeaderTimeout = 50 * time.Millisecond },
			do: says("x"), send: "GET / HTTP/1.1\r\nHost: gale.test\r\nX-Slow: ", allow: []allowance{anyGoodbye},
			plain: "over TLS the time is that for the handshake, too, and a busy machine needs more",
		},
		{
			name: "ReadHeaderTimeout closes in a later request", blocks: true,
			own: func(_ *run, s *settings) { s.ReadHeaderTimeout = 100 * time.Millisecond },
			do:  says("x"), plain: "over TLS the time is that for the handshake, too, and a busy machine needs more",
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("\r\n\r\nx")
				k.send("GET /2 HT")
				k.end()
			},
			want: text("x"), allow: []allowance{anyGoodbye},
		},
		{
			name: "ReadTimeout ends the body", blocks: true, own: func(_ *run, s *settings) { s.ReadTimeout = 100 * time.Millisecond },
			plain: "over TLS the time is that for the handshake, too, and a busy machine needs more",
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				k.note("%v", timedOut(err))
				http.Error(w, "slow", http.StatusRequestTimeout)
			},
			script: func(k *run) {
				k.send(ask("POST /", "Content-Length: 10") + "part")
				k.end()
			},
			notes: []string{"true"},
		},
		{
			name: "WriteTimeout ends a reply that nobody reads", blocks: true, own: func(_ *run, s *settings) { s.WriteTimeout = 100 * time.Millisecond },
			plain: "over TLS the time is that for the handshake, too, and a busy machine needs more",
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				_, err := w.Write(make([]byte, 16<<20))
				k.note("%v", timedOut(err))
				k.tell("written")
			},
			script: func(k *run) {
				k.send(ask("GET /"))
				k.await("written")
			},
			notes: []string{"true"},
		},
		{
			name: "a header of just the limit", own: func(_ *run, s *settings) { s.MaxHeaderBytes = 16 << 10 },
			do: says("x"), send: ask("GET /", "X-Big: "+strings.Repeat("x", 15<<10)) + last, want: text("x") + lastReply,
		},
		{
			name: "a header beyond the limit", own: func(_ *run, s *settings) { s.MaxHeaderBytes = 16 << 10 },
			do: says("x"), send: ask("GET /", "X-Big: "+strings.Repeat("x", 17<<10)) + last, refused: []int{431},
		},
		{
			name: "plain HTTP on a TLS port", own: none, do: says("x"),
			script: func(k *run) {
				if !k.tls {
					return
				}
				c, err := net.Dial("tcp", k.server.addr)
				if err != nil {
					k.fault("%v", err)
					return
				}
				deadline, _ := k.ctx.Deadline()
				_ = c.SetDeadline(deadline)
				_, _ = io.WriteString(c, ask("GET /"))
				line, err := bufio.NewReader(c).ReadString('\n')
				k.note("%q %v %v", line, err, c.Close())
			},
		},
	}
}

// shutdownCases are about the end of a server.
func shutdownCases() []contractCase {
	own := func(k *run, _ *settings) {}
	// onShutdown has the script told when Shutdown has begun.
	onShutdown := func(k *run) { k.server.RegisterOnShutdown(func() { k.tell("shutting down") }) }
	held := func(k *run, w http.ResponseWriter, r *http.Request) {
		k.tell("held")
		k.await("release")
		k.note("%s %v", r.URL.Path, r.Context().Err())
		_, _ = io.WriteString(w, "finished")
	}
	shutdown := func(k *run) <-chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.note("Shutdown: %v", k.server.Shutdown(k.ctx))
		}()
		return done
	}
	cases := []contractCase{
		{
			name: "closes idle connections", do: says("x"),
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("\r\n\r\nx")
				<-shutdown(k)
				k.end()
			},
			want: text("x") + closedMark, notes: []string{"Shutdown: <nil>"},
		},
		{
			name: "lets requests finish and says close", blocks: true, do: held,
			script: func(k *run) {
				onShutdown(k)
				k.send(ask("GET /"))
				k.await("held")
				done := shutdown(k)
				k.await("shutting down")
				k.tell("release")
				k.end()
				<-done
			},
			notes: []string{"/ <nil>", "Shutdown: <nil>"},
			want: reply("200 OK", []string{
				"Date: now", "Content-Length: 8", "Content-Type: text/plain; charset=utf-8", "Connection: close",
			}, "finished") + closedMark,
		},
		{
			name: "lets a stream finish", blocks: true,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				flushing(nil, "begun")(k, w, r)
				k.tell("held")
				k.await("release")
				_, _ = io.WriteString(w, "finished")
			},
			script: func(k *run) {
				onShutdown(k)
				k.send(ask("GET /"))
				k.await("held")
				done := shutdown(k)
				k.await("shutting down")
				k.tell("release")
				k.end()
				<-done
			},
		},
		{
			name: "does not serve what is pipelined behind", blocks: true, do: held,
			script: func(k *run) {
				onShutdown(k)
				k.send(ask("GET /") + last)
				k.await("held")
				done := shutdown(k)
				k.await("shutting down")
				k.tell("release")
				k.end()
				<-done
			},
		},
		{
			name: "refuses new connections", blocks: true, do: held,
			script: func(k *run) {
				onShutdown(k)
				k.send(ask("GET /"))
				k.await("held")
				done := shutdown(k)
				k.await("shutting down")
				_, err := net.Dial("tcp", k.server.addr)
				k.note("refused: %v", err != nil)
				k.tell("release")
				k.end()
				<-done
			},
		},
		{
			name: "gives up with its context", blocks: true, do: held,
			script: func(k *run) {
				k.send(ask("GET /"))
				k.await("held")
				ctx, cancel := context.WithCancel(k.ctx)
				cancel()
				k.note("%v", k.server.Shutdown(ctx))
				k.tell("release")
				k.end()
			},
		},
		{
			name: "twice, then Close", do: says("x"),
			script: func(k *run) {
				k.note("%v %v %v", k.server.Shutdown(k.ctx), k.server.Shutdown(k.ctx), k.server.Close())
			},
			plain: "a handshake under way is waited for",
		},
		{
			name: "runs what was registered, each time", do: says("x"),
			script: func(k *run) {
				called := make(chan int, 10)
				k.server.RegisterOnShutdown(func() { called <- 1 })
				k.server.RegisterOnShutdown(func() { called <- 2 })
				k.send(ask("GET /", "Connection: close"))
				k.end()
				k.note("%v", k.server.Shutdown(k.ctx))
				k.note("%v", k.server.Shutdown(k.ctx))
				k.note("%d", <-called+<-called+<-called+<-called)
			},
			notes: []string{"<nil>", "<nil>", "6"},
		},
		{
			name: "Serve after Shutdown", do: says("x"),
			script: func(k *run) {
				k.send(ask("GET /", "Connection: close"))
				k.end()
				k.note("%v", k.server.Shutdown(k.ctx))
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					k.fault("%v", err)
					return
				}
				defer l.Close()
				k.note("%v", errors.Is(k.server.Serve(l), http.ErrServerClosed))
			},
			notes: []string{"<nil>", "true"},
		},
		{
			name: "Serve returns at once", blocks: true, do: held,
			script: func(k *run) {
				k.send(ask("GET /"))
				k.await("held")
				done := shutdown(k)
				err := <-k.server.done
				k.note("%v", errors.Is(err, http.ErrServerClosed))
				k.server.done <- err
				k.tell("release")
				k.end()
				<-done
			},
			notes: []string{"true", "/ <nil>", "Shutdown: <nil>"},
		},
		{
			name: "does not wait for hijacked connections", blocks: true,
			do: hijacking(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				leave := k.enter()
				_, _ = io.WriteString(c, switching)
				go func() {
					defer leave()
					echo(k, c, rw)
				}()
			}),
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("\r\n\r\n")
				k.note("%v", k.server.Shutdown(k.ctx))
				k.send("bye\n")
				k.end()
			},
			want: switching + "echo bye\n", notes: []string{"<nil>"},
		},
		{
			name: "Close leaves hijacked connections", blocks: true,
			do: hijacking(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				leave := k.enter()
				_, _ = io.WriteString(c, switching)
				go func() {
					defer leave()
					echo(k, c, rw)
				}()
			}),
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("\r\n\r\n")
				k.note("%v", k.server.Close())
				k.send("bye\n")
				k.end()
			},
			want: switching + "echo bye\n", notes: []string{"<nil>"},
		},
		{
			name: "Close closes idle connections", do: says("x"),
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("\r\n\r\nx")
				k.note("%v %v", k.server.Close(), k.server.Close())
				k.end()
			},
			want: text("x") + closedMark,
		},
		{
			name: "Close closes connections without a request", do: says("x"),
			script: func(k *run) {
				k.send("GET / HT")
				k.note("%v", k.server.Close())
				k.end()
			},
			want: closedMark, plain: "Close may come within the handshake",
		},
		{
			name: "Close ends contexts and replies", blocks: true, want: closedMark,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				untilDone(k, w, r)
				_, _ = io.WriteString(w, "too late")
			},
			script: func(k *run) {
				k.send(ask("GET /"))
				k.await("running")
				err := k.server.Close()
				k.end()
				k.settle()
				k.note("%v", err)
			},
			notes: []string{"context canceled", "<nil>"},
		},
		{
			name: "Close ends the read of a body", blocks: true,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				k.tell("running")
				_, err := io.ReadAll(r.Body)
				k.await("closed")
				k.note("%v", err != nil)
			},
			script: func(k *run) {
				k.send(ask("POST /", "Content-Length: 10"))
				k.await("running")
				k.note("%v", k.server.Close())
				k.tell("closed")
				k.end()
				k.settle()
			},
			want: closedMark, notes: []string{"<nil>", "true"},
		},
		{
			name: "Close ends a write that waits", blocks: true,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				k.tell("running")
				_, err := w.Write(make([]byte, 16<<20)) // the client does not read
				k.await("closed")
				k.note("%v", err != nil)
			},
			script: func(k *run) {
				k.send(ask("GET /"))
				k.await("running")
				k.note("%v", k.server.Close())
				k.tell("closed")
				k.settle()
			},
			notes: []string{"<nil>", "true"},
		},
	}
	for i := range cases {
		cases[i].own = own
	}
	return cases
}
