package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// sockets is how many clients there are; a process may have 20,000 files.
const sockets = 15_000

// Counts beside those of the actors.
const (
	missed     = "missed by slow"
	closedSlow = "closed for being slow"
)

// soak is all clients of a server.
type soak struct {
	t     *testing.T
	child *child
	// ctx ends with the time: clients then finish what they do, in full.
	ctx context.Context
	// dialing holds back who connects, as a proxy's backlog does.
	dialing chan struct{}
	// published is closed when all clients are gone.
	published    chan struct{}
	acknowledged map[string]*acknowledged
	numbers      atomic.Int64
	counts       sync.Map // of name to *atomic.Int64
}

// TestSoak runs for SOAKTIME, with SOAKSOCKETS clients when that is set.
//
// Well-behaved subscribers must get every message that was acknowledged while
// they were subscribed, once and in order, also across lost connections; slow
// ones must be told exactly what they missed; and memory, files and goroutines of
// the server must not grow, and be given back at the end.
func TestSoak(t *testing.T) {
	text := os.Getenv("SOAKTIME")
	if text == "" {
		t.Skip("SOAKTIME is not set")
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	clients := sockets
	if text := os.Getenv("SOAKSOCKETS"); text != "" {
		if clients, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	s := &soak{
		t: t, child: startChild(t), ctx: ctx, dialing: make(chan struct{}, 64), published: make(chan struct{}),
		acknowledged: map[string]*acknowledged{flood: {}},
	}
	for i := range numberOfChannels {
		s.acknowledged[fmt.Sprintf("packets/%d", i)] = &acknowledged{}
	}
	before := s.child.state()
	var publishers, running sync.WaitGroup
	for range 4 {
		publishers.Go(func() { s.check("publisher", s.publish(channel, 100*time.Millisecond)) })
	}
	publishers.Go(func() { s.check("publisher", s.publish(func() string { return flood }, 200*time.Millisecond)) })
	for name, a := range actors {
		for range clients * a.share / 1000 {
			running.Go(func() { s.repeat(name, a.do) })
		}
	}
	rss := s.sample(length)
	running.Wait()
	close(s.published)
	publishers.Wait()
	s.counts.Range(func(name, n any) bool {
		t.Logf("%s: %d", name, n.(*atomic.Int64).Load())
		return true
	})
	for name := range actors {
		if s.counter(name).Load() == 0 {
			t.Errorf("%s was never done", name)
		}
	}
	// It takes minutes until the buffers of those who do not read are full.
	if length >= 5*time.Minute && (s.counter(missed).Load() == 0 || s.counter(closedSlow).Load() == 0) {
		t.Error("nobody was too slow, so that the policies for the slow were not tried")
	}
	http.DefaultClient.CloseIdleConnections()
	s.settles(before)
	s.child.stop()
	if !t.Failed() && grown(rss) {
		t.Errorf("memory grows: RSS of the quarters %v", rss)
	}
}

// repeat does an actor's part until the time is over. It begins at a random time,
// so that not all connect at once.
func (s *soak) repeat(name string, do func(*soak) error) {
	s.wait(0, 10*time.Second)
	for s.ctx.Err() == nil && !s.t.Failed() {
		if err := do(s); !s.check(name, err) {
			return
		}
		s.counter(name).Add(1)
	}
}

// check fails the test for an error that is not the soak's own end.
func (s *soak) check(name string, err error) bool {
	if err != nil && s.ctx.Err() != err {
		s.t.Errorf("%s: %v", name, err)
	}
	return err == nil
}

func (s *soak) counter(name string) *atomic.Int64 {
	n, _ := s.counts.LoadOrStore(name, new(atomic.Int64))
	return n.(*atomic.Int64)
}

func (s *soak) count(name string, n int) { s.counter(name).Add(int64(n)) }

// sample watches the server until the time is over and returns its memory.
func (s *soak) sample(length time.Duration) []int64 {
	var rss []int64
	tick := time.NewTicker(length / 60)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return rss
		case <-tick.C:
		}
		if s.t.Failed() {
			return rss
		}
		st := s.child.state()
		rss = append(rss, st.RSS)
		s.t.Logf("RSS %d KiB, %d files, %d goroutines, %d deliveries", st.RSS>>10, st.Files, st.Routines, s.counter("deliveries").Load())
	}
}

// settles waits until the server holds no more than before the clients came.
func (s *soak) settles(before state) {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		now := s.child.state()
		http.DefaultClient.CloseIdleConnections()
		// The question itself has a connection, and idle threads of pools may stay.
		if now.Files <= before.Files+2 && now.Routines <= before.Routines+8 {
			s.t.Logf("at first %+v, at last %+v", before, now)
			return
		}
		select {
		case <-deadline:
			s.t.Errorf("the server keeps something: at first %+v, at last %+v", before, now)
			return
		case <-time.After(200*time.Millisecond + rand.N(100*time.Millisecond)):
		}
	}
}

// grown says whether memory is more in the last quarter than in the one before,
// by more than a twentieth.
func grown(rss []int64) bool {
	if len(rss) < 8 {
		return false // a short run, which is for trying
	}
	third, fourth := median(rss[len(rss)/2:len(rss)*3/4]), median(rss[len(rss)*3/4:])
	return fourth*20 > third*21
}

func median(n []int64) int64 {
	n = slices.Sorted(slices.Values(n))
	return n[len(n)/2]
}

func TestGrown(t *testing.T) {
	t.Parallel()
	flat := []int64{1, 50, 90, 95, 100, 102, 99, 101}
	up := []int64{1, 50, 90, 95, 100, 102, 109, 111}
	if grown(flat) || !grown(up) || grown(up[:7]) {
		t.Error("growth is not told from noise")
	}
}
