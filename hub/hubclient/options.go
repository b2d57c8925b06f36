package hubclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/galeweb/gale/hub"
)

// Options are the options of [Dial].
type Options struct {
	// Header is added to each handshake: Cookie, Authorization, Origin.
	Header http.Header
	// Token returns what a server with hub.Options.Authenticate wants to be
	// told first. It is asked for each connection, so that it may be short-lived.
	// Defaults to telling nothing.
	Token func(ctx context.Context) (string, error)
	// DialContext opens the connection. Defaults to a [net.Dialer].
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is the configuration for wss. Defaults to that of crypto/tls.
	TLS *tls.Config
	// MinWait and MaxWait bound the pauses before connecting again: each is a
	// random part of MinWait, doubled with each failure up to MaxWait. Default
	// to 500 ms and 30 s.
	MinWait time.Duration
	MaxWait time.Duration
	// DialTimeout is how long a connection may take to be made and accepted.
	// Defaults to 15 s.
	DialTimeout time.Duration
	// CallTimeout bounds a [Call] whose context has no deadline. Defaults to
	// 10 s.
	CallTimeout time.Duration
	// Queue is how many messages may wait for one subscriber before the client
	// stops reading. While calls wait for their answers it goes on, to 16 times
	// as many, so that a subscriber may make calls. Defaults to 256.
	Queue int
	// ReadLimit is the largest message that the server may send, in bytes.
	// Defaults to 4 MiB.
	ReadLimit int
	// OnState is told of each change of the state. It must be quick, and must
	// not close the client. Defaults to telling nobody.
	OnState func(State)
	// Logger is told when the connection is lost and cannot be made. Defaults
	// to [slog.Default].
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.MinWait = cmp.Or(o.MinWait, 500*time.Millisecond)
	o.MaxWait = cmp.Or(o.MaxWait, 30*time.Second)
	o.DialTimeout = cmp.Or(o.DialTimeout, 15*time.Second)
	o.CallTimeout = cmp.Or(o.CallTimeout, 10*time.Second)
	o.Queue = cmp.Or(o.Queue, 256)
	o.ReadLimit = cmp.Or(o.ReadLimit, 4<<20)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

// SubscribeOptions are the options of [Subscribe].
type SubscribeOptions struct {
	// From is the position of the last message that the subscriber has; what
	// came since is delivered first, if it is all still kept. Defaults to now.
	From *hub.Position
	// Recent, without From, is how many messages of the history to begin with.
	Recent int
	// Presence, when set, asks who is there, and is told at first and whenever
	// it changes, one call at a time. It must be quick.
	Presence func(Presence)
}

// State is what a client does.
type State int

const (
	// Connecting makes the connection.
	Connecting State = iota
	// Open has one.
	Open
	// Waiting pauses before the next attempt.
	Waiting
	// Closed has ended, by Close or because the server refuses the client.
	Closed
)

// String returns the name of the state.
func (s State) String() string {
	return [...]string{"connecting", "open", "waiting", "closed"}[s]
}
