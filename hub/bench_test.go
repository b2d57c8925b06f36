package hub_test

import (
	"bytes"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galeweb/gale/hub"
)

// BenchmarkPublish1000 publishes to 1,000 subscribers over loopback and waits
// until the last one has the frame; the client's side is in the figure.
func BenchmarkPublish1000(b *testing.B) {
	const n = 1000
	h := hub.New(hub.Options{})
	topic := hub.NewTopic(h, "n", hub.TopicOptions[packet]{Authorize: hub.AllowAll, Queue: 1 << 16})
	s := httptest.NewServer(h.Handler())
	defer s.Close()
	got := make(chan struct{}, n)
	for range n {
		nc, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			b.Fatal(err)
		}
		defer nc.Close()
		subscribe := []byte(`{"type":"subscribe","topic":"n"}`)
		frame := append([]byte{0x81, 0x80 | byte(len(subscribe)), 0, 0, 0, 0}, subscribe...)
		nc.Write(append([]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"), frame...))
		go func() {
			buf := make([]byte, 4096)
			for {
				k, err := nc.Read(buf)
				if err != nil {
					return
				}
				// Once for subscribed, then once for each frame.
				for range bytes.Count(buf[:k], []byte(`"type":"`)) {
					got <- struct{}{}
				}
			}
		}()
	}
	for range n {
		<-got
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := topic.Publish(b.Context(), "n", packet{"anemometer", 12.5}); err != nil {
			b.Fatal(err)
		}
		for range n {
			<-got
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "deliveries/s")
}
