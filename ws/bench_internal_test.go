package ws

import (
	"strings"
	"testing"
)

// BenchmarkEcho is what a message costs without a socket.
func BenchmarkEcho(b *testing.B) {
	for name, size := range map[string]int{"64 B": 64, "16 KB": 16 << 10} {
		b.Run(name, func(b *testing.B) {
			h := &hand{now: 1}
			h.c = newConn(echoing(), b.Context(), 0)
			h.p = (*protocol)(h.c)
			h.c.sock = h
			in := maskedText(strings.Repeat("x", size))
			out := make([]byte, 0, 32<<10)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				h.p.Receive(in)
				if len(h.p.Output(out)) < size || len(h.p.Output(out)) != 0 {
					b.Fatal("no echo")
				}
				h.p.Due(1)
			}
		})
	}
}

// BenchmarkPrepared is what a broadcast costs for each receiver without a
// socket.
func BenchmarkPrepared(b *testing.B) {
	for name, o := range map[string]Compression{"plain": {}, "deflated": {Enabled: true}, "dictionary": {Enabled: true, Dictionary: 4096}} {
		b.Run(name, func(b *testing.B) {
			handler := echoing()
			handler.Compression = o
			h := &hand{now: 1}
			h.c = newConn(handler, b.Context(), 0)
			h.c.sock = h
			if o.Enabled {
				h.c.agree(answer{deflate: agreement{agreed: true, serverForget: o.Dictionary == 0, clientForget: true}})
			}
			p, err := Prepare(Message{Data: []byte(strings.Repeat("hello, wind ", 100))})
			if err != nil {
				b.Fatal(err)
			}
			out := make([]byte, 0, 16<<10)
			b.ReportAllocs()
			for b.Loop() {
				if err := h.c.SendPrepared(p); err != nil {
					b.Fatal(err)
				}
				h.c.output(out)
				h.c.output(out)
				h.c.due(1)
			}
		})
	}
}
