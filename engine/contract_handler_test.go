package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// panicCases are about handlers that do not return.
func panicCases() []contractCase {
	after := func(value any, fields []string, parts ...string) func(*run, http.ResponseWriter, *http.Request) {
		return func(k *run, w http.ResponseWriter, r *http.Request) {
			flushing(fields, parts...)(k, w, r)
			panic(value)
		}
	}
	logged := func(name string, value any, lines ...string) contractCase {
		return contractCase{
			name: name, send: ask("GET /") + last, want: closedMark,
			own: func(k *run, s *settings) {
				var log syncBuffer
				s.ErrorLog = slog.New(slog.NewTextHandler(&log, nil))
				k.atEnd(func() {
					k.settle()
					for _, line := range lines {
						k.note("%s %v", line, strings.Contains(log.String(), line))
					}
					k.note("errors: %d", strings.Count(log.String(), "level=ERROR"))
				})
			},
			do: func(*run, http.ResponseWriter, *http.Request) { panic(value) },
		}
	}
	return []contractCase{
		{name: "before anything", do: after(http.ErrAbortHandler, nil), send: ask("GET /") + last, want: closedMark},
		{
			name: "with something written but not sent", send: ask("GET /") + last, want: closedMark,
			do: func(_ *run, w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "never seen")
				panic(http.ErrAbortHandler)
			},
		},
		{
			name: "in a chunked body", do: after(http.ErrAbortHandler, nil, "part"), send: ask("GET /") + last,
			want: reply("200 OK", []string{"Date: now", "Content-Type: text/plain; charset=utf-8", "Transfer-Encoding: chunked"}, "4\r\npart\r\n"),
		},
		{name: "in a body of known length", do: after(http.ErrAbortHandler, []string{"Content-Length", "9"}, "part"), send: ask("GET /") + last},
		{name: "with a body that is not read", do: after(http.ErrAbortHandler, nil), send: posted(10) + last, want: closedMark},
		{name: "with a large body that is not read", do: after(http.ErrAbortHandler, nil), send: posted(1<<20) + last, want: closedMark},
		{name: "in the third of a pipeline", send: ask("GET /1") + ask("GET /2") + ask("GET /3") + last, do: func(_ *run, w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/3" {
				panic(http.ErrAbortHandler)
			}
			_, _ = io.WriteString(w, r.URL.Path)
		}, want: text("/1") + text("/2")},
		{name: "Goexit", send: ask("GET /") + last, do: func(*run, http.ResponseWriter, *http.Request) { runtime.Goexit() }, want: closedMark},
		{name: "Goexit after a flush", send: ask("GET /") + last, do: func(k *run, w http.ResponseWriter, r *http.Request) {
			flushing(nil, "part")(k, w, r)
			runtime.Goexit()
		}},
		{name: "deferred calls run", send: ask("GET /") + last, do: func(k *run, _ http.ResponseWriter, _ *http.Request) {
			defer k.note("deferred")
			panic(http.ErrAbortHandler)
		}, notes: []string{"deferred"}},
		{
			name: "the context ends", send: ask("GET /"), do: func(k *run, _ http.ResponseWriter, r *http.Request) {
				k.atEnd(func() { k.wait(r.Context().Done(), "the end of the context") })
				panic(http.ErrAbortHandler)
			},
		},
		{
			name: "other connections go on", blocks: true,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/panic" {
					panic(http.ErrAbortHandler)
				}
				_, _ = io.WriteString(w, "fine")
			},
			script: func(k *run) {
				other := k.another()
				other.send(ask("GET /panic"))
				other.end()
				k.exchange(ask("GET /") + last)
			},
			want: text("fine") + lastReply,
		},
		logged("is logged as an error", errors.New("boom"), "boom", "level=ERROR", "contract_handler_test.go"),
		logged("a string is logged", "boom", "boom", "level=ERROR"),
		logged("ErrAbortHandler is not logged", http.ErrAbortHandler, "abort"),
		logged("wrong use of the writer is a panic as others", fmt.Sprint("x", 1), "x1"),
	}
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// untilDone waits for the end of the request's context and notes it. The cause
// is left out: that of net/http is no better than the error, the engine's says
// whether the client has gone or the server was closed.
func untilDone(k *run, w http.ResponseWriter, r *http.Request) {
	k.tell("running")
	k.wait(r.Context().Done(), "the end of the context")
	k.note("%v", r.Context().Err())
}

func contextCases() []contractCase {
	type key struct{}
	leaves := func(name, send string, do func(*run, http.ResponseWriter, *http.Request), leave func(k *run)) contractCase {
		return contractCase{name: name, blocks: true, do: do, notes: []string{"context canceled"}, script: func(k *run) {
			k.send(send)
			k.await("running")
			leave(k)
			k.settle()
		}}
	}
	closes, resets := func(k *run) { k.close() }, func(k *run) { k.reset() }
	withBody := func(k *run, w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		untilDone(k, w, r)
	}
	return []contractCase{
		leaves("the client closes", ask("GET /"), untilDone, closes),
		leaves("the client resets", ask("GET /"), untilDone, resets),
		withoutTLS(leaves("the client half-closes", ask("GET /"), untilDone, func(k *run) { k.halfClose() }),
			"the goodbye of TLS without that of TCP is not seen while a handler runs: the engine does not read ahead then"),
		leaves("the client closes after its body was read", ask("POST /", "Content-Length: 4")+"body", withBody, closes),
		leaves("the client resets after its body was read", chunks("body"), withBody, resets),
		leaves("the client closes after a flush", ask("GET /"), func(k *run, w http.ResponseWriter, r *http.Request) {
			flushing(nil, "part")(k, w, r)
			untilDone(k, w, r)
		}, closes),
		leaves("AfterFunc and derived contexts", ask("GET /"), func(k *run, w http.ResponseWriter, r *http.Request) {
			called := make(chan struct{})
			stop := context.AfterFunc(r.Context(), func() { close(called) })
			ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), key{}, 1), time.Hour)
			defer cancel()
			untilDone(k, w, r.WithContext(ctx))
			k.wait(called, "AfterFunc")
			if stop() {
				k.note("stopped after it ran")
			}
		}, closes),
		{
			name: "a stopped AfterFunc does not run", send: ask("GET /") + last,
			do: func(k *run, _ http.ResponseWriter, r *http.Request) {
				stop := context.AfterFunc(r.Context(), func() { k.fault("ran") })
				k.note("%v %v", stop(), stop())
			},
			notes: []string{"true false"},
		},
		{
			name: "not ended by a pipelined request", blocks: true,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/2" {
					k.note("second")
					return
				}
				k.tell("running")
				k.await("sent")
				k.note("%v", r.Context().Err())
			},
			script: func(k *run) {
				k.send(ask("GET /1"))
				k.await("running")
				k.send(ask("GET /2"))
				k.tell("sent")
				k.send(last)
				k.end()
			},
			notes: []string{"<nil>", "second"},
		},
		{
			name: "ended when the handler has returned", send: ask("GET /") + last,
			do: func(k *run, _ http.ResponseWriter, r *http.Request) {
				k.note("%v", r.Context().Err())
				k.atEnd(func() {
					k.wait(r.Context().Done(), "the end of the context")
					k.note("%v %v", r.Context().Err(), context.Cause(r.Context()))
				})
			},
			notes: []string{"<nil>", "context canceled context canceled"},
		},
		{
			name: "AfterFunc runs when the handler has returned", send: ask("GET /") + last,
			do: func(k *run, _ http.ResponseWriter, r *http.Request) {
				context.AfterFunc(r.Context(), func() { k.tell("after") })
				k.atEnd(func() { k.await("after") })
			},
		},
		{
			name: "one for each request", send: ask("GET /1") + ask("GET /2") + last,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				_, ok := r.Context().Deadline()
				k.note("%v %v %v", ok, r.Context().Err(), r.Context().Value(key{}))
			},
			notes: []string{"false <nil> <nil>", "false <nil> <nil>"},
		},
		{
			name: "a child is ended with it", send: ask("GET /") + last,
			do: func(k *run, _ http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancelCause(r.Context())
				defer cancel(nil)
				leave := k.enter()
				go func() {
					defer leave()
					k.wait(ctx.Done(), "the end of the child")
				}()
			},
		},
		{
			name: "context.WithoutCancel outlives it", send: ask("GET /") + last,
			do: func(k *run, _ http.ResponseWriter, r *http.Request) {
				ctx := context.WithoutCancel(r.Context())
				k.atEnd(func() {
					_, ok := ctx.Value(http.ServerContextKey).(*http.Server)
					k.note("%v %v", ctx.Err(), ok)
				})
			},
			notes: []string{"<nil> true"},
		},
		{
			name: "CloseNotify", blocks: true,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				//lint:ignore SA1019 libraries still use it
				gone := w.(http.CloseNotifier).CloseNotify()
				k.tell("running")
				select {
				case <-gone:
					k.note("gone")
				case <-k.ctx.Done():
					k.fault("not told")
				}
			},
			script: func(k *run) {
				k.send(ask("GET /"))
				k.await("running")
				k.close()
				k.settle()
			},
			notes: []string{"gone"},
		},
	}
}

func withoutTLS(c contractCase, reason string) contractCase {
	c.plain = reason
	return c
}

// deadlineCases set deadlines by http.ResponseController.
func deadlineCases() []contractCase {
	past := time.Unix(1, 0)
	return []contractCase{
		{
			name: "a read deadline in the past", blocks: true,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				k.note("%v", http.NewResponseController(w).SetReadDeadline(past))
				_, err := io.ReadAll(r.Body)
				k.note("%v", errors.Is(err, os.ErrDeadlineExceeded))
				http.Error(w, "too slow", http.StatusRequestTimeout)
			},
			script: func(k *run) {
				k.send(ask("POST /", "Content-Length: 10"))
				k.end()
			},
			notes: []string{"<nil>", "true"},
		},
		{
			name: "a read deadline that passes", blocks: true,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				buf := make([]byte, 100)
				n, err := r.Body.Read(buf)
				k.note("%q %v", buf[:n], err)
				k.note("%v", http.NewResponseController(w).SetReadDeadline(time.Now().Add(5*time.Millisecond)))
				_, err = r.Body.Read(buf)
				k.note("%v", errors.Is(err, os.ErrDeadlineExceeded))
				http.Error(w, "too slow", http.StatusRequestTimeout)
			},
			script: func(k *run) {
				k.send(ask("POST /", "Content-Length: 10") + "part")
				k.end()
			},
			notes: []string{`"part" <nil>`, "<nil>", "true"},
		},
		{
			name: "a read deadline that is taken back", blocks: true, plain: "a timeout is final on a TLS connection",
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				c := http.NewResponseController(w)
				k.note("%v %v", c.SetReadDeadline(time.Now().Add(time.Hour)), c.SetReadDeadline(time.Time{}))
				k.tell("set")
				echoes(k, w, r)
			},
			script: func(k *run) {
				k.send(ask("POST /", "Content-Length: 4"))
				k.await("set")
				k.send("body" + last)
				k.end()
			},
		},
		{
			name: "a read deadline does not outlive the request",
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				k.note("%v", http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Hour)))
				echoes(k, w, r)
			},
			script: func(k *run) {
				for range 2 {
					k.send(posted(3))
					k.until("<nil>\n")
				}
				k.send(last)
				k.end()
			},
		},
		{
			name: "a write deadline in the past", send: ask("GET /") + last, want: closedMark,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				c := http.NewResponseController(w)
				k.note("%v", c.SetWriteDeadline(past))
				_, _ = io.WriteString(w, "never sent")
				k.note("%v", errors.Is(c.Flush(), os.ErrDeadlineExceeded))
			},
			notes: []string{"<nil>", "true"},
		},
		{
			name: "a write deadline that passes", blocks: true, plain: "how much TLS buffers is its own affair",
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				k.note("%v", http.NewResponseController(w).SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
				_, err := w.Write(make([]byte, 16<<20)) // the client does not read
				k.note("%v", errors.Is(err, os.ErrDeadlineExceeded))
				k.tell("timed out")
			},
			script: func(k *run) {
				k.send(ask("GET /"))
				k.await("timed out")
			},
			notes: []string{"<nil>", "true"},
		},
		{
			name: "a write deadline far away", send: ask("GET /") + last,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				k.note("%v", http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour)))
				_, _ = io.WriteString(w, "in time")
			},
			want: text("in time") + lastReply,
		},
		{
			name: "a write deadline does not outlive the request", blocks: true,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				k.note("%v", http.NewResponseController(w).SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
				_, _ = io.WriteString(w, "first")
			},
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("first")
				k.send(last)
				k.end()
			},
			want: text("first") + lastReply,
		},
		{
			name: "full duplex", blocks: true, allow: []allowance{anyChunks},
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				c := http.NewResponseController(w)
				k.note("%v", c.EnableFullDuplex())
				buf := make([]byte, 100)
				for {
					n, err := r.Body.Read(buf)
					if _, werr := w.Write(buf[:n]); werr != nil {
						k.note("write: %v", werr)
					}
					if err != nil {
						k.note("%v", err)
						return
					}
					_ = c.Flush()
				}
			},
			script: func(k *run) {
				k.send(chunkedPost)
				for i := range 5 {
					k.send(fmt.Sprintf("6\r\nping %d\r\n", i))
					k.until(fmt.Sprint("ping ", i))
				}
				k.send("0\r\n\r\n" + last)
				k.end()
			},
		},
		{
			name: "without full duplex the rest of the body is taken first",
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadFull(r.Body, make([]byte, 3))
				_, _ = io.WriteString(w, "answer")
				w.(http.Flusher).Flush()
				n, err := r.Body.Read(make([]byte, 10))
				k.note("%d %v", n, err)
			},
			send: posted(1000) + last,
		},
		{
			name: "full duplex leaves the rest",
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				k.note("%v", http.NewResponseController(w).EnableFullDuplex())
				_, _ = io.ReadFull(r.Body, make([]byte, 3))
				_, _ = io.WriteString(w, "answer")
				w.(http.Flusher).Flush()
				rest, err := io.ReadAll(r.Body)
				k.note("%d %v", len(rest), err)
			},
			send: posted(1000) + last,
		},
		{
			name: "full duplex and a large body not read", send: posted(1<<20) + last,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				k.note("%v", http.NewResponseController(w).EnableFullDuplex())
				_, _ = io.WriteString(w, "answer")
			},
		},
	}
}

// concurrentCases are about more goroutines and connections than one.
func concurrentCases() []contractCase {
	held := func(k *run, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			k.tell("held")
			k.await("release")
		}
		_, _ = io.WriteString(w, r.URL.Path)
	}
	return []contractCase{
		{
			name: "a blocked handler does not hold others up", blocks: true, do: held,
			script: func(k *run) {
				other := k.another()
				other.send(ask("GET /held"))
				k.await("held")
				for i := range 10 {
					k.send(ask(fmt.Sprint("GET /free", i)))
					k.until(fmt.Sprint("\r\n\r\n/free", i))
				}
				k.tell("release")
				other.until("\r\n\r\n/held")
				k.send(last)
				k.end()
			},
		},
		{
			name: "many blocked handlers do not hold others up", blocks: true,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/held" {
					k.note("held")
					k.await("release")
				}
				_, _ = io.WriteString(w, r.URL.Path)
			},
			script: func(k *run) {
				var others []*peer
				for range 50 {
					other := k.another()
					other.send(ask("GET /held"))
					others = append(others, other)
				}
				k.send(ask("GET /free"))
				k.until("\r\n\r\n/free")
				k.tell("release")
				for _, other := range others {
					other.until("\r\n\r\n/held")
				}
				k.send(last)
				k.end()
			},
		},
		{
			name: "a handler may take long", blocks: true, do: held,
			script: func(k *run) {
				k.send(ask("GET /held") + ask("GET /next") + last)
				k.await("held")
				k.tell("release")
				k.end()
			},
			want: text("/held") + text("/next") + lastReply,
		},
		{
			name: "a handler that waits for another connection's", blocks: true,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/giver" {
					k.tell("given")
				} else {
					k.tell("waiting")
					k.await("given")
				}
				_, _ = io.WriteString(w, r.URL.Path)
			},
			script: func(k *run) {
				k.send(ask("GET /taker") + last)
				k.await("waiting")
				k.another().exchange(ask("GET /giver", "Connection: close"))
				k.end()
			},
			want: text("/taker") + lastReply,
		},
		{
			name: "written by another goroutine", blocks: true, send: ask("GET /") + last, allow: []allowance{anyChunks},
			do: func(_ *run, w http.ResponseWriter, _ *http.Request) {
				done := make(chan struct{})
				go func() {
					defer close(done)
					for i := range 1000 {
						fmt.Fprintf(w, "line %d\n", i)
					}
				}()
				<-done
			},
		},
		{
			name: "written by many goroutines in turn", blocks: true, send: ask("GET /") + last, allow: []allowance{anyChunks},
			do: func(_ *run, w http.ResponseWriter, _ *http.Request) {
				var mu sync.Mutex
				var wg sync.WaitGroup
				for range 20 {
					wg.Go(func() {
						mu.Lock()
						defer mu.Unlock()
						_, _ = io.WriteString(w, "x")
						w.(http.Flusher).Flush()
					})
				}
				wg.Wait()
			},
		},
		{
			name: "the body read by another goroutine", blocks: true, send: posted(100_000) + last,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				done := make(chan struct{})
				go func() {
					defer close(done)
					n, err := io.Copy(io.Discard, r.Body)
					fmt.Fprint(w, n, err)
				}()
				<-done
			},
			want: text("100000 <nil>") + lastReply,
		},
		{
			name: "many connections at once", blocks: true, do: echoes,
			script: func(k *run) {
				var wg sync.WaitGroup
				for i := range 20 {
					other := k.another()
					wg.Go(func() {
						want := ""
						for j := range 10 {
							other.send(ask(fmt.Sprintf("POST /%d.%d", i, j), "Content-Length: 2") + "ab")
							want += text(fmt.Sprintf("/%d.%d \"ab\" <nil>\n", i, j))
							other.until("<nil>\n")
						}
						if got := other.raw(); got != want {
							k.fault("another connection got %q", got)
						}
					})
				}
				wg.Wait()
				k.exchange(last)
			},
			want: lastReply,
		},
		{
			name: "a client that does not read holds nobody up", blocks: true,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/big" {
					k.tell("writing")
					_, _ = io.WriteString(w, strings.Repeat("big", 6<<20))
					return
				}
				_, _ = io.WriteString(w, "free")
			},
			script: func(k *run) {
				other := k.another()
				other.send(ask("GET /big"))
				k.await("writing")
				k.exchange(ask("GET /") + last)
				other.reset()
			},
			want: text("free") + lastReply,
		},
		{
			name: "a client that sends slowly holds nobody up", blocks: true, do: echoes,
			script: func(k *run) {
				other := k.another()
				other.send(ask("POST /slow", "Content-Length: 10") + "beg")
				k.exchange(ask("GET /") + last)
				other.send("un-then")
				other.until("/slow \"begun-then\" <nil>\n")
			},
			want: text("/ \"\" <nil>\n") + lastReply,
		},
	}
}
