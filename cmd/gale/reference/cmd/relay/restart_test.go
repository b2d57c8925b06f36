package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub/hubclient"
)

const (
	restarts = 10
	watchers = 1000
)

// TestRestartUnderWatchers restarts relay again and again, as a deployment does:
// the new process takes the listening socket over while the old one sends its
// watchers away. Each packet that was acknowledged reaches every watcher once,
// and no request fails.
func TestRestartUnderWatchers(t *testing.T) {
	t.Parallel()
	settings := []string{
		"RELAY_DATABASE_URL=sqlite:" + t.TempDir() + "/relay.db?synchronous=normal",
		"RELAY_HUB_URL=" + galetest.Require(t, "redis"), "RELAY_HUB_PREFIX=restart-" + strings.ToLower(rand.Text()),
		"RELAY_DRAIN_OVER=500ms", "RELAY_LOG_LEVEL=warn",
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := inherit(t, l, settings)
	key := furnish(p)

	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	seen := make([]*seer, watchers)
	for i := range seen {
		seen[i] = watch(ctx, t, l.Addr().String(), i)
	}
	load := &load{t: t, client: p.Client, key: key}
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for range 2 {
		senders.Go(func() { load.run(stop) })
	}
	for round := range restarts {
		load.wait(round*5 + 5)
		next := inherit(t, l, settings)
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Wait(); err != nil {
			t.Fatalf("relay ended with %v:\n%s", err, p.log.text())
		}
		p = next
	}
	load.wait(int(load.acked.Load()) + 5)
	close(stop)
	senders.Wait()
	for i, s := range seen {
		s.await(ctx, i, load.ids())
		s.close()
	}
	t.Logf("%d packets, %d restarts, %d watchers", load.acked.Load(), restarts, watchers)
}

// inherit starts relay on a socket that is open already, as systemd does.
func inherit(t *testing.T, l net.Listener, settings []string) *process {
	t.Helper()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	addr := l.Addr().String()
	cmd := command(t, append(settings, "LISTEN_FDS=1")...)
	// The variable names the process that the sockets are for: only it knows.
	cmd.Args = []string{"sh", "-c", `LISTEN_PID=$$ exec "$0"`, cmd.Path}
	if cmd.Path, err = exec.LookPath("sh"); err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{file}
	p := &process{t: t, cmd: cmd, log: &output{want: addr, found: make(chan struct{})}}
	cmd.Stderr = p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}}
	p.Client = &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() { transport.CloseIdleConnections(); p.kill() })
	select {
	case <-p.log.found:
	case <-time.After(time.Minute):
		t.Fatalf("relay did not start:\n%s", p.log.text())
	}
	return p
}

// load is who sends, and what was acknowledged.
type load struct {
	t      *testing.T
	client *http.Client
	key    string
	acked  atomic.Int64

	mu  sync.Mutex
	all []int64
}

func (l *load) ids() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all
}

// run sends some packets a second. A client that says by an Idempotency-Key that
// a request may be repeated is spared the race with a connection that closes.
func (l *load) run(stop chan struct{}) {
	pace := time.NewTicker(100 * time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case <-stop:
			return
		case <-pace.C:
		}
		r, err := http.NewRequest(http.MethodPost, "http://relay/api/v1/channels/open/packets", strings.NewReader(`{"kind":"k","payload":{}}`))
		if err != nil {
			l.t.Error(err)
			return
		}
		name, value, _ := strings.Cut(l.key, ": ")
		r.Header.Set(name, value)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", rand.Text())
		id, err := l.send(r)
		if err != nil {
			l.t.Errorf("a request failed: %v", err)
			continue
		}
		l.mu.Lock()
		l.all = append(l.all, id)
		l.mu.Unlock()
		l.acked.Add(1)
	}
}

func (l *load) send(r *http.Request) (id int64, err error) {
	answer, err := l.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	if answer.StatusCode != http.StatusCreated {
		return 0, fmt.Errorf("status %d: %s", answer.StatusCode, body)
	}
	var receipt struct {
		ID int64 `json:"id"`
	}
	err = json.NewDecoder(bytes.NewReader(body)).Decode(&receipt)
	return receipt.ID, err
}

// wait returns when n packets were acknowledged.
func (l *load) wait(n int) {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for limit := time.After(2 * time.Minute); int(l.acked.Load()) < n; {
		select {
		case <-look.C:
		case <-limit:
			l.t.Fatalf("%d packets are acknowledged, want %d", l.acked.Load(), n)
		}
	}
}

// seer is one who watches, and how often each packet came.
type seer struct {
	t      *testing.T
	client *hubclient.Client
	done   chan struct{}
	news   chan struct{} // holds one token

	mu    sync.Mutex
	times map[int64]int
	lost  int
}

func watch(ctx context.Context, t *testing.T, addr string, i int) *seer {
	t.Helper()
	c, err := hubclient.Dial(ctx, "ws://"+addr+"/live", hubclient.Options{MinWait: 100 * time.Millisecond})
	if err != nil {
		t.Fatalf("watcher %d: %v", i, err)
	}
	s := &seer{t: t, client: c, done: make(chan struct{}), news: make(chan struct{}, 1), times: map[int64]int{}}
	sub, err := hubclient.Subscribe[struct {
		ID int64 `json:"id"`
	}](ctx, c, "packets/open", hubclient.SubscribeOptions{Recent: 100})
	if err != nil {
		t.Fatalf("watcher %d: %v", i, err)
	}
	go func() {
		defer close(s.done)
		for e, err := range sub.Messages() {
			s.mu.Lock()
			if err != nil {
				s.lost++
			} else {
				s.times[e.Value.ID]++
			}
			s.mu.Unlock()
			select {
			case s.news <- struct{}{}:
			default:
			}
		}
	}()
	return s
}

// await returns when all packets have come, or it is clear that they do not.
func (s *seer) await(ctx context.Context, i int, ids []int64) {
	for {
		missing, twice, lost := s.count(ids)
		switch {
		case lost > 0 || twice > 0:
			s.t.Errorf("watcher %d was told of %d gaps, and %d packets came twice", i, lost, twice)
			return
		case missing == 0:
			return
		}
		select {
		case <-s.news:
		case <-ctx.Done():
			s.t.Errorf("watcher %d misses %d packets", i, missing)
			return
		}
	}
}

func (s *seer) count(ids []int64) (missing, twice, lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		switch n := s.times[id]; {
		case n == 0:
			missing++
		case n > 1:
			twice++
		}
	}
	return missing, twice, s.lost
}

func (s *seer) close() {
	s.client.Close()
	<-s.done
}
