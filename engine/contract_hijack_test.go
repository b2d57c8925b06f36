package engine_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// hijacking takes the connection and gives it to f; a failure is a fault.
func hijacking(f func(k *run, c net.Conn, rw *bufio.ReadWriter)) func(*run, http.ResponseWriter, *http.Request) {
	return func(k *run, w http.ResponseWriter, _ *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			k.fault("hijack: %v", err)
			return
		}
		// The guard of the client is that of the connection, too.
		deadline, _ := k.ctx.Deadline()
		_ = c.SetDeadline(deadline)
		f(k, c, rw)
	}
}

// echo sends back line by line what comes until "bye".
func echo(k *run, c net.Conn, rw *bufio.ReadWriter) {
	defer c.Close()
	for {
		line, err := rw.ReadString('\n')
		if err != nil {
			k.note("read: %q %v", line, err)
			return
		}
		_, _ = rw.WriteString("echo " + line)
		_ = rw.Flush()
		if line == "bye\n" {
			return
		}
	}
}

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

func hijackCases() []contractCase {
	get := ask("GET /", "Connection: Upgrade", "Upgrade: echo")
	talk := func(k *run) {
		k.send(get)
		k.until("\r\n\r\n")
		for _, line := range []string{"one\n", "two\n", "bye\n"} {
			k.send(line)
			k.until("echo " + line)
		}
		k.end()
	}
	upgraded := func(f func(k *run, c net.Conn, rw *bufio.ReadWriter)) func(*run, http.ResponseWriter, *http.Request) {
		return hijacking(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
			_, _ = io.WriteString(c, switching)
			f(k, c, rw)
		})
	}
	return []contractCase{
		{name: "upgrade and talk", blocks: true, do: upgraded(echo), script: talk, want: switching + "echo one\necho two\necho bye\n"},
		{
			name: "upgrade by WriteHeader", blocks: true, script: talk,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "Upgrade")
				w.Header().Set("Upgrade", "echo")
				w.WriteHeader(http.StatusSwitchingProtocols)
				hijacking(echo)(k, w, r)
			},
		},
		{
			name: "talk after the handler has returned", blocks: true, script: talk,
			do: upgraded(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				leave := k.enter()
				go func() {
					defer leave()
					echo(k, c, rw)
				}()
			}),
			want: switching + "echo one\necho two\necho bye\n",
		},
		{
			name: "bytes that came with the request", do: upgraded(echo), send: get + "early\nbye\n", blocks: true,
			want: switching + "echo early\necho bye\n",
		},
		{
			name: "read by the connection after the buffer", blocks: true, send: get + "early\nbye\n",
			do: upgraded(func(_ *run, c net.Conn, rw *bufio.ReadWriter) {
				defer c.Close()
				var got []byte
				buf := make([]byte, rw.Reader.Buffered())
				_, _ = io.ReadFull(rw, buf)
				got = append(got, buf...)
				one := make([]byte, 1)
				for !strings.HasSuffix(string(got), "bye\n") {
					if _, err := c.Read(one); err != nil {
						break
					}
					got = append(got, one...)
				}
				fmt.Fprintf(c, "got %q", got)
			}),
			want: switching + `got "early\nbye\n"`,
		},
		{
			name: "a megabyte each way", blocks: true,
			do: upgraded(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				defer c.Close()
				n, err := io.Copy(io.Discard, io.LimitReader(rw, 1<<20))
				k.note("%d %v", n, err)
				_, _ = io.WriteString(c, strings.Repeat("m", 1<<20))
			}),
			send: get + strings.Repeat("m", 1<<20),
			want: switching + strings.Repeat("m", 1<<20),
		},
		{
			name: "half-close by the client", blocks: true,
			do: upgraded(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				defer c.Close()
				all, err := io.ReadAll(rw)
				k.note("%s %v", all, err)
				_, err = io.WriteString(c, "still heard")
				k.note("%v", err)
			}),
			script: func(k *run) {
				k.send(get + "all of it")
				k.halfClose()
				k.end()
			},
			want: switching + "still heard",
		},
		{
			name: "half-close by the server", blocks: true,
			do: upgraded(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				defer c.Close()
				k.note("%v", c.(interface{ CloseWrite() error }).CloseWrite())
				line, err := rw.ReadString('\n')
				k.note("%q %v", line, err)
			}),
			script: func(k *run) {
				k.send(get)
				k.end()
				k.send("after your end\n")
				k.settle()
			},
			notes: []string{"<nil>", `"after your end\n" <nil>`},
		},
		{
			name: "reset by the client", blocks: true,
			do: upgraded(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				defer c.Close()
				_, err := rw.ReadString('\n')
				k.note("%v %v", err != nil, timedOut(err))
			}),
			script: func(k *run) {
				k.send(get)
				k.until("\r\n\r\n")
				k.reset()
			},
			notes: []string{"true false"},
		},
		{
			name: "twice", send: get,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				c, _, err := w.(http.Hijacker).Hijack()
				k.note("%v", err)
				_, _, err = w.(http.Hijacker).Hijack()
				k.note("%v", errors.Is(err, http.ErrHijacked))
				_ = c.Close()
			},
			notes: []string{"<nil>", "true"},
		},
		{
			name: "by ResponseController", send: get,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				c, _, err := http.NewResponseController(w).Hijack()
				k.note("%v", err)
				_, _ = io.WriteString(c, "mine")
				_ = c.Close()
			},
			want: "mine",
		},
		{
			name: "writing to the response afterwards", send: get,
			do: func(k *run, w http.ResponseWriter, _ *http.Request) {
				c, _, err := w.(http.Hijacker).Hijack()
				k.note("%v", err)
				w.Header().Set("X-A", "1")
				w.WriteHeader(200)
				n, err := w.Write([]byte("lost"))
				k.note("%d %v", n, errors.Is(err, http.ErrHijacked))
				n, err = w.Write(nil)
				k.note("%d %v", n, errors.Is(err, http.ErrHijacked))
				_, _ = io.WriteString(c, "mine")
				_ = c.Close()
			},
			want: "mine", notes: []string{"<nil>", "0 true", "0 true"},
		},
		{
			name: "after a write", send: get,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "buffered")
				hijacking(func(_ *run, c net.Conn, _ *bufio.ReadWriter) {
					_, _ = io.WriteString(c, "raw")
					_ = c.Close()
				})(k, w, r)
			},
		},
		{
			name: "after a flush", send: get,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "flushed")
				w.(http.Flusher).Flush()
				hijacking(func(_ *run, c net.Conn, _ *bufio.ReadWriter) {
					_, _ = io.WriteString(c, "raw")
					_ = c.Close()
				})(k, w, r)
			},
		},
		{
			name: "a write that is not flushed is the handler's to flush", send: get,
			do: hijacking(func(_ *run, c net.Conn, rw *bufio.ReadWriter) {
				_, _ = rw.WriteString("flushed")
				_ = rw.Flush()
				_, _ = rw.WriteString(" lost")
				_ = c.Close()
			}),
			want: "flushed",
		},
		{
			name: "before the body is read", blocks: true,
			send: ask("POST /", "Content-Length: 4") + "body",
			do: hijacking(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				defer c.Close()
				buf := make([]byte, 4)
				_, err := io.ReadFull(rw, buf)
				k.note("%s %v", buf, err)
			}),
			notes: []string{"body <nil>"},
		},
		{
			name: "after the body was read", blocks: true,
			send: ask("POST /", "Content-Length: 4") + "bodynext",
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				k.note("%s %v", body, err)
				hijacking(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
					defer c.Close()
					buf := make([]byte, 4)
					_, err := io.ReadFull(rw, buf)
					k.note("%s %v", buf, err)
				})(k, w, r)
			},
			notes: []string{"body <nil>", "next <nil>"},
		},
		{
			name: "a handler that takes the connection and leaves", send: get, blocks: true,
			do: hijacking(func(k *run, c net.Conn, _ *bufio.ReadWriter) {
				k.atEnd(func() { _ = c.Close() })
				k.tell("taken")
			}),
			script: func(k *run) {
				k.send(get)
				k.await("taken")
				k.settle()
				k.halfClose()
			},
			want: " ",
			// Nothing was sent and the connection is open: the transcript is empty.
			allow: []allowance{{"an empty expectation means none, so that the empty transcript is written as a space", func(s string) string {
				if s == "" {
					return " "
				}
				return s
			}}},
		},
		{
			name: "a panic after", send: get,
			do: hijacking(func(k *run, c net.Conn, _ *bufio.ReadWriter) {
				k.atEnd(func() { _ = c.Close() })
				_, _ = io.WriteString(c, "mine")
				panic(http.ErrAbortHandler)
			}),
			script: func(k *run) {
				k.send(get)
				k.until("mine")
			},
			want: "mine",
		},
		{
			name: "addresses", send: get,
			do: hijacking(func(k *run, c net.Conn, _ *bufio.ReadWriter) {
				defer c.Close()
				k.note("%v %v", c.LocalAddr().String() == k.server.addr, c.RemoteAddr().String() == k.conn.LocalAddr().String())
				k.note("%s %T", c.LocalAddr().Network(), c.LocalAddr())
			}),
			notes: []string{"true true", "tcp *net.TCPAddr"},
		},
		{
			name: "read deadline", blocks: true, send: get,
			do: hijacking(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				defer c.Close()
				k.note("%v", c.SetReadDeadline(time.Now().Add(time.Millisecond)))
				_, err := rw.ReadByte()
				k.note("%v", errors.Is(err, os.ErrDeadlineExceeded))
				_, err = io.WriteString(c, "writes go on")
				k.note("%v", err)
			}),
			want: "writes go on",
		},
		{
			name: "read deadline put off", blocks: true,
			do: hijacking(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				defer c.Close()
				_ = c.SetReadDeadline(time.Unix(1, 0))
				_, err := c.Read(make([]byte, 1))
				k.note("%v", errors.Is(err, os.ErrDeadlineExceeded))
				_ = c.SetReadDeadline(time.Time{})
				_, _ = io.WriteString(c, "ready\n")
				buf := make([]byte, 2)
				_, err = io.ReadFull(c, buf)
				k.note("%s %v", buf, err)
			}),
			script: func(k *run) {
				k.send(get)
				k.until("ready\n")
				k.send("go")
				k.end()
			},
			notes: []string{"true", "go <nil>"},
		},
		{
			name: "a deadline set during a read", blocks: true, send: get, plain: "a timeout is final on a TLS connection",
			do: hijacking(func(k *run, c net.Conn, _ *bufio.ReadWriter) {
				defer c.Close()
				reading := make(chan error, 1)
				go func() {
					_, err := c.Read(make([]byte, 1))
					reading <- err
				}()
				_ = c.SetReadDeadline(time.Unix(1, 0))
				k.note("%v", errors.Is(<-reading, os.ErrDeadlineExceeded))
			}),
			notes: []string{"true"},
		},
		{
			name: "close during a read", blocks: true, send: get,
			do: hijacking(func(k *run, c net.Conn, _ *bufio.ReadWriter) {
				reading := make(chan error, 1)
				go func() {
					_, err := c.Read(make([]byte, 1))
					reading <- err
				}()
				_ = c.Close()
				k.note("%v", errors.Is(<-reading, net.ErrClosed))
				_, err := c.Write([]byte("x"))
				k.note("%v", errors.Is(err, net.ErrClosed))
			}),
			notes: []string{"true", "true"},
		},
		{
			name: "write deadline", blocks: true, plain: "how much TLS buffers is its own affair",
			do: hijacking(func(k *run, c net.Conn, _ *bufio.ReadWriter) {
				defer c.Close()
				_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
				_, err := c.Write(make([]byte, 16<<20)) // the client does not read
				k.note("%v", errors.Is(err, os.ErrDeadlineExceeded))
				k.tell("timed out")
			}),
			script: func(k *run) {
				k.send(get)
				k.await("timed out")
			},
			notes: []string{"true"},
		},
		{
			name: "reading and writing at once", blocks: true, send: get + strings.Repeat("u", 1<<20),
			do: hijacking(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				defer c.Close()
				written := make(chan error, 1)
				go func() {
					_, err := io.WriteString(c, strings.Repeat("d", 1<<20))
					written <- err
				}()
				n, err := io.Copy(io.Discard, io.LimitReader(rw, 1<<20))
				k.note("%d %v %v", n, err, <-written)
			}),
			want: strings.Repeat("d", 1<<20), notes: []string{"1048576 <nil> <nil>"},
		},
		{
			name: "the context lives on while the handler runs", blocks: true, send: get,
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				hijacking(func(k *run, c net.Conn, _ *bufio.ReadWriter) {
					defer c.Close()
					k.note("%v", r.Context().Err())
				})(k, w, r)
				k.atEnd(func() {
					k.wait(r.Context().Done(), "the end of the context")
					k.note("%v", r.Context().Err())
				})
			},
			notes: []string{"<nil>", "context canceled"},
		},
		{
			name: "after a pipelined request", blocks: true, send: ask("GET /first") + get + "bye\n",
			do: func(k *run, w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/first" {
					_, _ = io.WriteString(w, "first")
					return
				}
				upgraded(echo)(k, w, r)
			},
			want: text("first") + switching + "echo bye\n",
		},
		{
			name: "with a body expected by 100-continue", blocks: true,
			do: upgraded(echo),
			script: func(k *run) {
				k.send(ask("POST /", "Expect: 100-continue", "Content-Length: 4"))
				k.until("\r\n\r\n")
				k.send("bye\n")
				k.end()
			},
			want: switching + "echo bye\n",
		},
		{
			name: "CONNECT", blocks: true, do: hijacking(func(k *run, c net.Conn, rw *bufio.ReadWriter) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
				echo(k, c, rw)
			}),
			send: head("CONNECT example.com:443 HTTP/1.1", "Host: example.com:443") + "tls hello\nbye\n",
			want: "HTTP/1.1 200 Connection established\r\n\r\necho tls hello\necho bye\n",
		},
	}
}
