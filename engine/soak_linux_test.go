package engine_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// soak is mixed load on a child: each client does its thing again and again.
type soak struct {
	*child
	pause sync.RWMutex // held for reading while a client does its thing
	end   time.Time
	done  sync.Map // of name to *atomic.Int64
}

// TestSoak runs for SOAKTIME with everything at once that clients and handlers do
// to a server. Run it by "make soak", which has the race detector on.
func TestSoak(t *testing.T) {
	text := os.Getenv("SOAKTIME")
	if text == "" {
		t.Skip("SOAKTIME is not set")
	}
	length, err := time.ParseDuration(text)
	assert.NoError(t, err)
	mode := engine.Mode(os.Getenv("SOAKMODE"))
	s := &soak{child: startChild(t, childConfig{Mode: mode, MaxQueueing: -1}), end: time.Now().Add(length)}
	var clients sync.WaitGroup
	for name, c := range soakers {
		for range c.clients {
			clients.Go(func() { s.repeat(name, c.do) })
		}
	}
	var rss []int
	interval := length / 60
	for tick := time.NewTicker(interval); time.Now().Before(s.end.Add(-interval)) && !t.Failed(); {
		<-tick.C
		s.pause.Lock()
		st := s.state()
		s.pause.Unlock()
		rss = append(rss, st.RSS)
		t.Logf("%v: RSS %d KiB, %d files, %d goroutines, %d requests",
			time.Until(s.end).Round(time.Second), st.RSS>>10, st.Files, st.Routines, st.Stats.Requests)
	}
	clients.Wait()
	s.done.Range(func(name, n any) bool {
		t.Logf("%s: %d", name, n.(*atomic.Int64).Load())
		assert.True(t, n.(*atomic.Int64).Load() > 0, name.(string)+" was never done")
		return true
	})
	last := s.stop()
	t.Logf("%+v", last.Stats)
	if len(rss) < 8 {
		t.Fatal("there are too few samples of memory")
	}
	third, fourth := median(rss[len(rss)/2:len(rss)*3/4]), median(rss[len(rss)*3/4:])
	if fourth*20 > third*21 {
		t.Errorf("memory grows: RSS %d KiB in the third quarter, %d in the fourth", third>>10, fourth>>10)
	}
}

func median(n []int) int {
	n = slices.Sorted(slices.Values(n))
	return n[len(n)/2]
}

func (s *soak) repeat(name string, do func(*soak) error) {
	n, _ := s.done.LoadOrStore(name, new(atomic.Int64))
	for time.Now().Before(s.end) && !s.t.Failed() {
		s.pause.RLock()
		err := do(s)
		s.pause.RUnlock()
		if err != nil {
			s.t.Errorf("%s: %v", name, err)
			return
		}
		n.(*atomic.Int64).Add(1)
	}
}

var soakers = map[string]struct {
	clients int
	do      func(*soak) error
}{
	"quick":    {4, func(s *soak) error { return s.many("GET", "/alive", nil, 50) }},
	"sleep":    {8, func(s *soak) error { return s.many("GET", "/sleep", nil, 10) }},
	"random":   {8, func(s *soak) error { return s.many("GET", "/random", nil, 10) }},
	"upload":   {2, func(s *soak) error { return s.many("POST", "/body", make([]byte, 1<<20), 2) }},
	"unread":   {2, func(s *soak) error { return s.many("POST", "/ignore", make([]byte, 1+rand.IntN(200<<10)), 3) }},
	"echo":     {2, func(s *soak) error { return s.many("POST", "/echo", make([]byte, 300<<10), 2) }},
	"download": {2, func(s *soak) error { return s.many("GET", "/big", nil, 1) }},
	"file":     {2, func(s *soak) error { return s.many("GET", "/file", nil, 3) }},
	"tls":      {2, (*soak).overTLS},
	"http2":    {1, (*soak).overHTTP2},
	"pipeline": {2, (*soak).pipeline},
	"vanish":   {4, (*soak).vanish},
	"half":     {2, (*soak).halfClose},
	"hijack":   {3, (*soak).hijack},
	"panic":    {1, func(s *soak) error { return s.aborted("/panic") }},
	"goexit":   {1, func(s *soak) error { return s.aborted("/goexit") }},
	"stream":   {2, (*soak).stream},
	"garbage":  {2, (*soak).garbage},
}

func (s *soak) conn() (net.Conn, error) {
	c, err := net.Dial("tcp", s.addr)
	if err == nil {
		err = c.SetDeadline(time.Now().Add(guard))
	}
	return c, err
}

// many sends so many requests on one connection.
func (s *soak) many(method, path string, body []byte, n int) error {
	c, err := s.conn()
	if err != nil {
		return err
	}
	defer c.Close()
	return askAll(c, method, path, body, n)
}

func askAll(c net.Conn, method, path string, body []byte, n int) error {
	r := bufio.NewReader(c)
	for i := range n {
		req, err := http.NewRequest(method, "http://gale.test"+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body != nil && i%2 == 1 {
			req.ContentLength, req.TransferEncoding = -1, []string{"chunked"}
		}
		sent := make(chan error, 1)
		go func() { sent <- req.Write(c) }()
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			return fmt.Errorf("request %d: %w", i, err)
		}
		got, err := io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("request %d: status %d, %d bytes, %w", i, resp.StatusCode, got, err)
		}
		if path == "/echo" && got != int64(len(body)) || path == "/big" && got != 10<<20 || path == "/file" && got != 1<<20 {
			return fmt.Errorf("request %d: got %d bytes", i, got)
		}
		if err := <-sent; err != nil {
			return err
		}
		if resp.Close {
			return nil
		}
	}
	return nil
}

func (s *soak) overTLS() error {
	c, err := tls.Dial("tcp", s.secure, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(guard)); err != nil {
		return err
	}
	paths := []string{"/alive", "/sleep", "/big", "/file"}
	if err := askAll(c, "POST", "/echo", make([]byte, 100<<10), 2); err != nil {
		return err
	}
	return askAll(c, "GET", paths[rand.IntN(len(paths))], nil, 3)
}

func (s *soak) overHTTP2() error {
	tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer tr.CloseIdleConnections()
	for _, path := range []string{"/alive", "/sleep", "/file"} {
		resp, err := (&http.Client{Transport: tr, Timeout: guard}).Get("https://" + s.secure + path)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if _ = resp.Body.Close(); err != nil || resp.ProtoMajor != 2 {
			return fmt.Errorf("%s: %w", resp.Proto, err)
		}
	}
	return nil
}

func (s *soak) pipeline() error {
	c, err := s.conn()
	if err != nil {
		return err
	}
	defer c.Close()
	var all strings.Builder
	const n = 200
	for range n {
		path := "alive"
		if rand.IntN(10) == 0 {
			path = "sleep"
		}
		all.WriteString("GET /" + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	go func() { _, _ = io.WriteString(c, all.String()) }()
	r := bufio.NewReader(c)
	for i := range n {
		resp, err := http.ReadResponse(r, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
		}
		if err != nil {
			return fmt.Errorf("response %d: %w", i, err)
		}
	}
	return nil
}

// vanish goes away at any moment, politely or not.
func (s *soak) vanish() error {
	c, err := s.conn()
	if err != nil {
		return err
	}
	defer c.Close()
	requests := []string{
		"GET /alive HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /big HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /park HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /sleep HTTP/1.1\r\nHost: a\r\n\r\nGET /random HTTP/1.1\r\nHost: a\r\n\r\nGET /big HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", 100),
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n",
	}
	request := requests[rand.IntN(len(requests))]
	if rand.IntN(2) == 0 {
		request = request[:rand.IntN(len(request))]
	}
	_, _ = io.WriteString(c, request)
	if rand.IntN(2) == 0 {
		<-time.After(time.Duration(rand.IntN(10)) * time.Millisecond)
	}
	if rand.IntN(2) == 0 {
		return c.(*net.TCPConn).SetLinger(0) // a reset
	}
	return nil
}

func (s *soak) halfClose() error {
	c, err := s.conn()
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /file HTTP/1.1\r\nHost: a\r\n\r\nGET /random HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	return err
}

func (s *soak) hijack() error {
	c, err := s.conn()
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /hijack HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly"); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	if _, err := http.ReadResponse(r, nil); err != nil {
		return err
	}
	message := []byte("early")
	for range 10 {
		got := make([]byte, len(message))
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, message) {
			return fmt.Errorf("echo of %q is %q: %w", message, got, err)
		}
		message = []byte(fmt.Sprint("message ", rand.Int()))
		if _, err := c.Write(message); err != nil {
			return err
		}
	}
	if rand.IntN(2) == 0 {
		return c.(*net.TCPConn).SetLinger(0)
	}
	return nil
}

// aborted asks for what ends without a response.
func (s *soak) aborted(path string) error {
	c, err := s.conn()
	if err != nil {
		return err
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET /alive HTTP/1.1\r\nHost: a\r\n\r\nGET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	if more, err := io.ReadAll(r); err != nil || len(more) > 0 {
		return fmt.Errorf("answered %q, %w", more, err)
	}
	return nil
}

// stream listens for a while.
func (s *soak) stream() error {
	c, err := s.conn()
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, c, 500)
	return err
}

// garbage sends what is no request, or begins as one.
func (s *soak) garbage() error {
	c, err := s.conn()
	if err != nil {
		return err
	}
	defer c.Close()
	p := make([]byte, 1+rand.IntN(1000))
	for i := range p {
		p[i] = byte(rand.Int())
	}
	switch rand.IntN(3) {
	case 0:
		p = append([]byte("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), p...)
	case 1:
		p = append([]byte("GET / HTTP/1.1\r\n"), p...)
	}
	_, _ = c.Write(p)
	_ = c.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, c) // it ends, one way or the other
	return nil
}
