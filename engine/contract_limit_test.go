package engine_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/galeweb/gale/engine"
)

// connStateCases are about ConnState and SetKeepAlivesEnabled.
func connStateCases() []contractCase {
	states := func(last http.ConnState) func(k *run, s *settings) {
		return func(k *run, s *settings) {
			s.ConnState = func(_ net.Conn, state http.ConnState) {
				k.note("%v", state)
				if state == last {
					k.tell("over")
				}
			}
			k.atEnd(func() { k.await("over") })
		}
	}
	return []contractCase{
		{
			name: "two requests", own: states(http.StateClosed), do: says("x"),
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("\r\n\r\nx")
				k.send(last)
				k.end()
			},
			notes: []string{"new", "active", "idle", "active", "closed"},
		},
		{
			name: "hijacked", own: states(http.StateHijacked), blocks: true, send: ask("GET /"),
			do:    hijacking(func(_ *run, c net.Conn, _ *bufio.ReadWriter) { _ = c.Close() }),
			notes: []string{"new", "active", "hijacked"},
		},
		{
			name: "a panic", own: states(http.StateClosed), send: ask("GET /"),
			do:    func(*run, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			notes: []string{"new", "active", "closed"},
		},
		{
			name: "the client leaves", own: states(http.StateClosed), do: says("x"),
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("\r\n\r\nx")
				k.close()
			},
			notes: []string{"new", "active", "idle", "closed"},
		},
		{
			name: "keep-alives off", send: ask("GET /") + last, do: says("x"),
			own: func(k *run, _ *settings) {},
			script: func(k *run) {
				k.server.SetKeepAlivesEnabled(false)
				k.exchange(ask("GET /") + last)
			},
			want: reply("200 OK", []string{"Date: now", "Content-Length: 1", "Content-Type: text/plain; charset=utf-8", "Connection: close"}, "x"),
		},
		{
			name: "keep-alives off closes idle connections", do: says("x"),
			own: func(k *run, _ *settings) {},
			script: func(k *run) {
				k.send(ask("GET /"))
				k.until("\r\n\r\nx")
				k.server.SetKeepAlivesEnabled(false)
				k.end()
			},
			want: text("x"),
		},
		{
			name: "keep-alives off and on", do: says("x"),
			own: func(k *run, _ *settings) {},
			script: func(k *run) {
				k.server.SetKeepAlivesEnabled(false)
				k.server.SetKeepAlivesEnabled(true)
				k.exchange(ask("GET /") + last)
			},
			want: text("x") + lastReply,
		},
		{
			name: "keep-alives off while a handler runs", blocks: true,
			own: func(k *run, _ *settings) {},
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				k.server.SetKeepAlivesEnabled(false)
				_, _ = io.WriteString(w, "x")
			},
			send: ask("GET /") + last,
		},
	}
}

// limitCases are about limits that net/http does not have.
func limitCases() []contractCase {
	set := func(f func(*engine.Server)) func(*run, *settings) {
		return func(_ *run, s *settings) { s.Engine = f }
	}
	tooLarge := func(k *run, w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			k.note("limit %d, got %d", tooLarge.Limit, len(got))
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		fmt.Fprint(w, len(got), err)
	}
	const refusal = "HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"X-Content-Type-Options: nosniff\r\nDate: now\r\nContent-Length: 10\r\n\r\ntoo large\n"
	limit := set(func(s *engine.Server) { s.MaxBodyBytes = 100 })
	return []contractCase{
		{name: "a body of the limit", engine: true, own: limit, do: tooLarge, send: posted(100) + last, want: text("100 <nil>") + lastReply},
		{
			name: "a body beyond the limit", engine: true, own: limit, do: tooLarge, send: posted(101) + last,
			want: refusal, notes: []string{"limit 100, got 0"},
		},
		{
			name: "a chunked body beyond the limit", engine: true, own: limit, do: tooLarge,
			send: chunks(strings.Repeat("c", 60), strings.Repeat("c", 60)) + last,
			want: refusal, notes: []string{"limit 100, got 100"},
		},
		{
			name: "a body far beyond the limit", engine: true, own: limit, do: tooLarge, send: posted(1<<20) + last,
			want: refusal, notes: []string{"limit 100, got 0"},
		},
		{
			name: "the limit by default", engine: true, own: set(func(*engine.Server) {}), do: func(k *run, w http.ResponseWriter, r *http.Request) {
				n, err := io.Copy(io.Discard, r.Body)
				k.note("%d %v", n, err)
			},
			send: posted(10<<20+1) + last, notes: []string{"0 http: request body too large"},
		},
		{
			name: "no limit", engine: true, own: set(func(s *engine.Server) { s.MaxBodyBytes = -1 }), do: tooLarge,
			send: posted(10<<20+1) + last, want: text("10485761 <nil>") + lastReply,
		},
		{
			name: "a route raises the limit", engine: true, own: limit, send: posted(1000) + last,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				k.note("%v", engine.LimitBody(w, r, 2000))
				tooLarge(k, w, r)
			},
			want: text("1000 <nil>") + lastReply, notes: []string{"true"},
		},
		{
			name: "a route lowers the limit", engine: true, own: limit, send: posted(60) + last,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				k.note("%v", engine.LimitBody(w, r, 50))
				tooLarge(k, w, r)
			},
			want: refusal, notes: []string{"true", "limit 50, got 0"},
		},
		{
			name: "MaxRequestLine", own: set(func(s *engine.Server) { s.MaxRequestLine = 100 }), do: says("x"),
			send: ask("GET /"+strings.Repeat("a", 100)) + last, refused: []int{http.StatusRequestURITooLong},
		},
		{
			name: "MaxHeaderFields", own: set(func(s *engine.Server) { s.MaxHeaderFields = 10 }), do: says("x"),
			send: ask("GET /", manyFields(10)...) + last, refused: []int{http.StatusRequestHeaderFieldsTooLarge},
		},
		{
			name: "as many fields as MaxHeaderFields", own: set(func(s *engine.Server) { s.MaxHeaderFields = 10 }), do: says("x"),
			send: ask("GET /", append(manyFields(8), "Connection: close")...), engine: true,
			want: reply("200 OK", []string{"Date: now", "Content-Length: 1", "Content-Type: text/plain; charset=utf-8", "Connection: close"}, "x"),
		},
		{
			name: "BodyTimeout", blocks: true, engine: true, own: set(func(s *engine.Server) { s.BodyTimeout = 50 * time.Millisecond }),
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				k.note("%v", timedOut(err))
			},
			script: func(k *run) {
				k.send(ask("POST /", "Content-Length: 10") + "part")
				k.end()
			},
			notes: []string{"true"},
		},
		{
			name: "WriteStallTimeout", blocks: true, engine: true, own: set(func(s *engine.Server) { s.WriteStallTimeout = 50 * time.Millisecond }),
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				_, err := w.Write(make([]byte, 16<<20)) // the client does not read
				k.note("%v", timedOut(err))
				k.tell("written")
			},
			script: func(k *run) {
				k.send(ask("GET /"))
				k.await("written")
			},
			notes: []string{"true"},
		},
	}
}
