// Package peer is what the servers under bench/realtime have in common apart
// from WebSocket: flags, the questions of the benchmark, and the control
// connection that asks for broadcasts. It imports no HTTP package, so that it
// gives none to a server.
package peer

import (
	"bufio"
	"flag"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"github.com/galeweb/gale/bench/internal/question"
)

// MessageSize is the length in bytes of every message that is broadcast.
const MessageSize = 128

// Paths of the endpoints. Both echo; who is at Watch gets the broadcasts too.
const (
	Echo  = "/echo"
	Watch = "/watch"
)

// Topic is what clients of a hub subscribe to at Watch.
const Topic = "bench"

// Options are the flags of every server.
type Options struct {
	Addr       string // host:port
	Mode       string // of gale's engine
	Deflate    bool   // offers permessage-deflate
	WriteDelay time.Duration
	Broker     string // URL of what joins nodes; empty: none
	History    int    // messages that a hub keeps of its topic
}

// Server is a server that is ready to be run.
type Server struct {
	// Serve returns only when it fails.
	Serve func() error
	// Broadcast sends a text message to all who watch. It has one caller at a
	// time, and keeps or changes nothing of the message after it returns, unless
	// a library asks for that: each message has memory of its own.
	Broadcast func(message []byte) error
}

// Main parses the flags, answers questions and control connections, and runs
// the server that build returns.
func Main(build func(o Options) (Server, error)) {
	var o Options
	flag.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "where to listen")
	control := flag.String("control", "127.0.0.1:8081", "where to take broadcasts")
	flag.StringVar(&o.Mode, "mode", "", "of gale's engine")
	flag.BoolVar(&o.Deflate, "deflate", false, "offer permessage-deflate")
	flag.DurationVar(&o.WriteDelay, "write-delay", 0, "how long centrifuge collects messages")
	flag.StringVar(&o.Broker, "broker", "", "URL of the broker that joins nodes")
	flag.IntVar(&o.History, "history", 0, "messages that a hub keeps")
	flag.Parse()
	go question.Answer(os.Stdin, os.Stdout)
	s, err := build(o)
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", *control)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(takeBroadcasts(l, s.Broadcast)) }()
	log.Fatal(s.Serve())
}

// takeBroadcasts serves one control connection after the other.
func takeBroadcasts(l net.Listener, broadcast func([]byte) error) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		for in := bufio.NewReader(c); ; {
			message := make([]byte, MessageSize)
			if _, err := io.ReadFull(in, message); err != nil {
				break
			}
			if err := broadcast(message); err != nil {
				return err
			}
		}
		_ = c.Close()
	}
}

// Room is who watches. Nobody leaves it: the server ends with the round.
type Room[C any] struct {
	mu    sync.Mutex
	conns []C
}

// Add adds a connection.
func (r *Room[C]) Add(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, c)
}

// Each calls send with each connection, and ends with its first error.
func (r *Room[C]) Each(send func(c C) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		if err := send(c); err != nil {
			return err
		}
	}
	return nil
}
