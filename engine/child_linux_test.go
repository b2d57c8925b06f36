package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// childVar holds the configuration of a child; without it TestChild does nothing.
const childVar = "ENGINE_TEST_CHILD"

// childConfig is what a server in a process of its own is to be like.
type childConfig struct {
	Mode                                        engine.Mode
	MaxQueueing, ReadHeaderTimeout, IdleTimeout time.Duration
	BodyTimeout, WriteStallTimeout              time.Duration
	Files                                       uint64 // RLIMIT_NOFILE, 0: as it is
}

// childState is what a child knows of itself.
type childState struct {
	Stats           engine.Stats
	RSS             int // bytes, after a collection
	Files, Routines int
}

// TestChild is not a test: it is the server of others, in a process of its own,
// until its standard input ends. It prints its addresses as it begins, and what it
// still holds when all is over.
func TestChild(t *testing.T) {
	var c childConfig
	text := os.Getenv(childVar)
	if text == "" {
		t.Skip("no child")
	}
	assert.NoError(t, json.Unmarshal([]byte(text), &c))
	assert.NoError(t, limitFiles(c.Files))
	ts := httptest.NewUnstartedServer(nil)
	ts.StartTLS() // lends its certificate
	certificates := ts.TLS.Certificates
	ts.Close()
	file := filepath.Join(t.TempDir(), "file")
	assert.NoError(t, os.WriteFile(file, make([]byte, 1<<20), 0o600))
	srv := &engine.Server{
		Handler: childHandler(file), Mode: c.Mode, MaxQueueing: c.MaxQueueing, ReadHeaderTimeout: c.ReadHeaderTimeout,
		IdleTimeout: c.IdleTimeout, BodyTimeout: c.BodyTimeout, WriteStallTimeout: c.WriteStallTimeout, MaxConns: -1,
		ErrorLog:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
		TLSConfig:   &tls.Config{Certificates: certificates},
		Unsheddable: func(r *http.Request) bool { return r.URL.Path == "/health" },
	}
	before := stateOf(srv)
	plain, secure, control := listen(t), listen(t), listen(t)
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.Serve(plain) })
	serving.Go(func() { _ = srv.ServeTLS(secure, "", "") })
	ops := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(stateOf(srv))
	}), ReadHeaderTimeout: guard}
	serving.Go(func() { _ = ops.Serve(control) })
	fmt.Println(plain.Addr(), secure.Addr(), control.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = ops.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = srv.Shutdown(ctx)
	assert.NoError(t, srv.Close())
	serving.Wait()
	after := stateOf(srv)
	for end := time.Now().Add(5 * time.Second); after.Routines > before.Routines && time.Now().Before(end); after = stateOf(srv) {
		runtime.Gosched()
	}
	if after.Routines > before.Routines {
		stacks := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "%s\n", stacks[:runtime.Stack(stacks, true)])
	}
	after.Files -= before.Files
	after.Routines -= before.Routines
	_ = json.NewEncoder(os.Stdout).Encode(after)
}

func stateOf(srv *engine.Server) childState {
	debug.FreeOSMemory()
	st := childState{Routines: runtime.NumGoroutine()}
	if srv != nil {
		st.Stats = srv.Stats()
	}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		st.Files = len(files)
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			pages, _ := strconv.Atoi(f[1])
			st.RSS = pages * os.Getpagesize()
		}
	}
	return st
}

// childHandler has one path for each way in which handlers and clients misbehave.
func childHandler(file string) http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }
	page := make([]byte, 10<<20)
	mux.HandleFunc("/alive", ok)
	mux.HandleFunc("/health", ok)
	mux.HandleFunc("/spin", func(http.ResponseWriter, *http.Request) { spin(5 * time.Millisecond) })
	mux.HandleFunc("/sleep", func(http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Millisecond) })
	mux.HandleFunc("/random", func(http.ResponseWriter, *http.Request) {
		if rand.IntN(10) == 0 {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		}
	})
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	mux.HandleFunc("/body", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		fmt.Fprint(w, n)
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	})
	mux.HandleFunc("/ignore", ok) // whatever body there is
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/goexit", func(http.ResponseWriter, *http.Request) { runtime.Goexit() })
	mux.HandleFunc("/park", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-engine.Draining(r.Context()):
				return
			case <-tick.C:
				_, _ = io.WriteString(w, "tick\n")
				w.(http.Flusher).Flush()
			}
		}
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		stop := context.AfterFunc(r.Context(), func() { _ = c.Close() })
		defer stop()
		go func() {
			<-engine.Draining(r.Context())
			_ = c.Close()
		}()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, rw)
	})
	return mux
}

// child is a server in a process of its own.
type child struct {
	t                     *testing.T
	addr, secure, control string
	cmd                   *exec.Cmd
	in                    io.WriteCloser
	out                   *bufio.Reader
	log                   *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// startChild starts a server that ends with the test, if stop is not called.
func startChild(t *testing.T, c childConfig) *child {
	t.Helper()
	config, err := json.Marshal(c)
	assert.NoError(t, err)
	exe, err := os.Executable()
	assert.NoError(t, err)
	ch := &child{t: t, log: &lockedBuffer{}, cmd: exec.Command(exe, "-test.run=^TestChild$", "-test.timeout=0")}
	ch.cmd.Env = append(os.Environ(), childVar+"="+string(config))
	ch.cmd.Stderr = ch.log
	ch.in, err = ch.cmd.StdinPipe()
	assert.NoError(t, err)
	out, err := ch.cmd.StdoutPipe()
	assert.NoError(t, err)
	ch.out = bufio.NewReader(out)
	assert.NoError(t, ch.cmd.Start())
	t.Cleanup(func() { _ = ch.cmd.Process.Kill() })
	_, err = fmt.Fscanln(ch.out, &ch.addr, &ch.secure, &ch.control)
	assert.NoError(t, err)
	return ch
}

// state asks the child how it is.
func (c *child) state() (st childState) {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.control) // no pool: it would count as a leak
	assert.NoError(c.t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	assert.NoError(c.t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	assert.NoError(c.t, err)
	assert.NoError(c.t, json.NewDecoder(resp.Body).Decode(&st))
	return st
}

// stop ends the child and checks that it was well: no race, no crash, nothing
// left over.
func (c *child) stop() childState {
	c.t.Helper()
	assert.NoError(c.t, c.in.Close())
	line, _ := c.out.ReadString('\n')
	_, _ = io.Copy(io.Discard, c.out)
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("the server has ended with %v", err)
	}
	var st childState
	if err := json.Unmarshal([]byte(line), &st); err != nil {
		c.t.Errorf("the server has not ended well: %v", err)
	}
	if st.Files != 0 || st.Routines > 0 {
		c.t.Errorf("the server has kept %d files and %d goroutines", st.Files, st.Routines)
	}
	log := c.log.String()
	if strings.Contains(log, "DATA RACE") || strings.Contains(log, "engine: panic") || c.t.Failed() {
		c.t.Errorf("the server says:\n%s", log[:min(len(log), 20_000)])
	}
	return st
}

// dial connects an attacker.
func (c *child) dial() *attacker {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.addr)
	assert.NoError(c.t, err)
	assert.NoError(c.t, conn.SetDeadline(time.Now().Add(guard)))
	return &attacker{c.t, conn, bufio.NewReader(conn)}
}

// alive fails the test unless the server answers a request.
func (c *child) alive() {
	c.t.Helper()
	a := c.dial()
	a.send("GET /alive HTTP/1.1\r\nHost: gale.test\r\nConnection: close\r\n\r\n")
	assert.Equal(c.t, a.status(), http.StatusOK)
	assert.NoError(c.t, a.Close())
}
