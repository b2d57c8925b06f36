// Package peer is what the servers under bench/http have in common apart from
// HTTP: flags and the answers. It imports no HTTP package, so that it gives none to a server.
package peer

import (
	"encoding/json"
	"flag"
	"log"
	"os"
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/bench/internal/question"
)

// Hello is the body of GET /plain.
const Hello = "Hello, World!"

// BlockTime is how long a handler blocks.
const BlockTime = 5 * time.Millisecond

// Options are the flags of every server.
type Options struct {
	Addr      string // host:port
	Mode      string // of gale's engine
	Cert, Key string // PEM files; TLS when they are given
}

// TLS says whether the server is to speak TLS.
func (o Options) TLS() bool { return o.Cert != "" }

// Main parses the flags, answers questions, and runs serve, which returns only
// when it fails.
func Main(serve func(o Options) error) {
	var o Options
	flag.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "where to listen")
	flag.StringVar(&o.Mode, "mode", "", "of gale's engine")
	flag.StringVar(&o.Cert, "cert", "", "certificate, for TLS")
	flag.StringVar(&o.Key, "key", "", "its key")
	flag.Parse()
	go question.Answer(os.Stdin, os.Stdout)
	log.Fatal(serve(o))
}

// Packet is what POST /json takes and returns.
type Packet struct {
	ID      int64    `json:"id"`
	Channel string   `json:"channel"`
	Name    string   `json:"name"`
	Tags    []string `json:"tags"`
	Lat     float64  `json:"lat"`
	Lon     float64  `json:"lon"`
	Live    bool     `json:"live"`
}

// Echo decodes body and encodes what it holds.
func Echo(body []byte) ([]byte, error) {
	var p Packet
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// Block is the handler of GET /sleep before it answers.
func Block() { time.Sleep(BlockTime) }

// Mixed is the handler of GET /mixed: it blocks in one of a hundred calls.
type Mixed struct{ calls atomic.Uint64 }

// Block blocks, or does not.
func (m *Mixed) Block() {
	if m.calls.Add(1)%100 == 0 {
		Block()
	}
}
