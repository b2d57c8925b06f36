// Command gnet answers the benchmark's GET /plain on gnet, without parsing more
// than the end of a request: what an event loop in Go costs without HTTP.
package main

import (
	"bytes"

	"github.com/galeweb/gale/bench/http/internal/peer"
	"github.com/panjf2000/gnet/v2"
)

const answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n" + peer.Hello

func main() {
	peer.Main(func(o peer.Options) error {
		return gnet.Run(new(responder), "tcp://"+o.Addr)
	})
}

type responder struct{ gnet.BuiltinEventEngine }

// OnTraffic answers each blank line that has come; what follows the last one
// stays in the buffer.
func (*responder) OnTraffic(c gnet.Conn) gnet.Action {
	data, err := c.Peek(-1)
	if err != nil {
		return gnet.Close
	}
	end := []byte("\r\n\r\n")
	n := bytes.Count(data, end)
	if n == 0 {
		return gnet.None
	}
	if _, err := c.Discard(bytes.LastIndex(data, end) + len(end)); err != nil {
		return gnet.Close
	}
	if _, err := c.Write(bytes.Repeat([]byte(answer), n)); err != nil {
		return gnet.Close
	}
	return gnet.None
}
