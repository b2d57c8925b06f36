package peer

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
)

func TestBroadcastsComeWhole(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string)
	var served sync.WaitGroup
	served.Go(func() {
		_ = takeBroadcasts(l, func(m []byte) error { got <- string(m); return nil })
	})
	t.Cleanup(served.Wait)
	t.Cleanup(func() { l.Close() })
	// One connection after the other; what is cut off is no message.
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		a, b := strings.Repeat("a", MessageSize), strings.Repeat("b", MessageSize)
		if _, err := c.Write([]byte(a + b + "c")); err != nil {
			t.Fatal(err)
		}
		if first, second := <-got, <-got; first != a || second != b {
			t.Errorf("got %q, %q", first, second)
		}
		c.Close()
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	var r Room[int]
	r.Add(1)
	r.Add(2)
	sum := 0
	if err := r.Each(func(c int) error { sum += c; return nil }); err != nil || sum != 3 {
		t.Errorf("sum %d, %v", sum, err)
	}
	broken := errors.New("broken")
	sum = 0
	if err := r.Each(func(c int) error { sum += c; return broken }); !errors.Is(err, broken) || sum != 1 {
		t.Errorf("sum %d, %v", sum, err)
	}
}
