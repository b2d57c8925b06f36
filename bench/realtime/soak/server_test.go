package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/hub"
)

// childVar makes the test program the server, a process of its own: its memory
// is not that of the clients, and each has its own limit of open files.
const childVar = "SOAKCHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVar) == "" {
		os.Exit(m.Run())
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// packet is what is published.
type packet struct {
	N    int64  `json:"n"`
	Text string `json:"text,omitempty"`
}

// Topics: who reads too slowly loses messages of flood and is closed by strict.
const (
	channels = "packets/{channel}"
	flood    = "flood"
	strict   = "strict"
	secret   = "secret"
)

// serve runs a hub as relay does, until standard input ends. It logs errors
// alone: clients that vanish are warnings, and many.
func serve() error {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	h := hub.New(hub.Options{})
	packets := hub.NewTopic(h, channels, hub.TopicOptions[packet]{History: 200, Authorize: hub.AllowAll})
	floods := hub.NewTopic(h, flood, hub.TopicOptions[packet]{History: 10, Queue: 16, Authorize: hub.AllowAll})
	stricts := hub.NewTopic(h, strict, hub.TopicOptions[packet]{Queue: 16, Policy: hub.CloseSlow, Authorize: hub.AllowAll})
	hub.NewTopic(h, secret, hub.TopicOptions[packet]{})
	mux := http.NewServeMux()
	mux.Handle("GET /live", h.Handler())
	mux.HandleFunc("POST /packets/{channel}", func(w http.ResponseWriter, r *http.Request) {
		var p packet
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w)(packets.Publish(r.Context(), "packets/"+r.PathValue("channel"), p))
	})
	mux.HandleFunc("POST /flood", func(w http.ResponseWriter, r *http.Request) {
		p := packet{Text: strings.Repeat("x", 16<<10)}
		if _, err := stricts.Publish(r.Context(), strict, p); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w)(floods.Publish(r.Context(), flood, p))
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		debug.FreeOSMemory()
		_ = json.NewEncoder(w).Encode(readState())
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// All clients have few addresses.
	s := &engine.Server{Handler: mux, MaxConns: -1, MaxConnsPerAddr: -1}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	fmt.Println(l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := h.Drain(ctx); err != nil {
		return err
	}
	if err := s.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-served; err != http.ErrServerClosed {
		return err
	}
	return nil
}

func answer(w http.ResponseWriter) func(hub.Position, error) {
	return func(p hub.Position, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(p)
	}
}

// state is what the server holds, after a collection.
type state struct {
	RSS      int64 // bytes
	Files    int
	Routines int
}

func readState() state {
	st := state{Routines: runtime.NumGoroutine()}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		st.Files = len(files)
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		var size, resident int64
		_, _ = fmt.Sscan(string(text), &size, &resident)
		st.RSS = resident * int64(os.Getpagesize())
	}
	return st
}

// child is the server's process.
type child struct {
	t     *testing.T
	addr  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   bytes.Buffer // whole when the process has ended
}

func startChild(t *testing.T) *child {
	t.Helper()
	c := &child{t: t}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"=1")
	cmd.Stderr = &c.log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	c.addr, c.cmd, c.stdin = strings.TrimSpace(addr), cmd, in
	return c
}

func (c *child) state() state {
	c.t.Helper()
	res, err := http.Get("http://" + c.addr + "/state")
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	var st state
	if err := json.NewDecoder(res.Body).Decode(&st); err != nil {
		c.t.Fatal(err)
	}
	return st
}

// stop drains the server, which must end by itself and have logged no error.
func (c *child) stop() {
	c.t.Helper()
	_ = c.stdin.Close()
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("the server did not end well: %v", err)
	}
	if c.log.Len() > 0 {
		c.t.Errorf("the server logged %.4000s", c.log.String())
	}
}
