package galenats

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/galeweb/gale/hub"
)

// Options are the options of [Open] and [New].
type Options struct {
	// Prefix begins the names of all subjects and streams; applications that
	// share servers have different ones. Letters, digits, - and _ are allowed.
	// Defaults to "gale".
	Prefix string
	// Timeout bounds connecting, and the wait for each answer of the servers.
	// Defaults to 3 seconds.
	Timeout time.Duration
	// Replicas is on how many servers of a cluster history is kept, when its
	// stream is made: 1, 3 or 5. Defaults to 1.
	Replicas int
	// Memory keeps history in the memory of the servers. Defaults to files,
	// and to memory for nats:embedded without dir.
	Memory bool
	// TLS is for tls: URLs. Defaults to verifying the servers by the system's
	// authorities.
	TLS *tls.Config
	// NATS are further options of the connection that [Open] makes, such as
	// [nats.UserCredentials]. Defaults to none.
	NATS []nats.Option
	// Logger is told when the servers are lost, and when they are back, and of
	// warnings of an embedded one. Defaults to [slog.Default].
	Logger *slog.Logger
}

// Broker is a [hub.Broker], [hub.Checker] and [hub.PresenceStore]. Make one by
// [Open] or [New], end it by [Broker.Close].
type Broker struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	owned    bool      // nc is ours to close
	embedded *embedded // or nil
	o        Options

	running context.Context // ends with Close
	stop    context.CancelFunc
	start   sync.Once
	ended   chan struct{} // the watch has

	presence *stream

	mu            sync.Mutex
	streams       map[hub.Retention]*stream
	subscriptions map[string]map[*subscription]struct{} // by name
}

// Open connects to the servers of a URL, which are separated by commas, as
// nats://host:4222 or tls://host:4222; or starts one in the process, by
// nats:embedded.
func Open(ctx context.Context, url string, o Options) (*Broker, error) {
	o = o.withDefaults()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("nats: %w", err)
	}
	options := []nats.Option{
		nats.Name("gale"),
		nats.Timeout(o.Timeout),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond),
		nats.ReconnectJitter(400*time.Millisecond, 400*time.Millisecond),
		nats.ReconnectBufSize(-1), // what cannot be sent is an error
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			o.Logger.Error("nats: error of the connection", "error", err)
		}),
	}
	if o.TLS != nil {
		options = append(options, nats.Secure(o.TLS))
	}
	var server *embedded
	if rest, ok := strings.CutPrefix(url, "nats:embedded"); ok {
		var err error
		if server, err = startEmbedded(ctx, rest, o); err != nil {
			return nil, err
		}
		o.Memory = o.Memory || server.memory
		options = append(options, nats.InProcessServer(server.server))
		if server.token != "" {
			options = append(options, nats.Token(server.token))
		}
		url = ""
	} else if err := checkURL(url); err != nil {
		return nil, err
	}
	nc, err := nats.Connect(url, append(options, o.NATS...)...)
	if err != nil {
		server.close()
		return nil, fmt.Errorf("nats: connect: %w", explain(ctx, err))
	}
	b := New(nc, o)
	b.owned, b.embedded = true, server
	return b, nil
}

// checkURL finds what is wrong with a URL before the library does, which would
// show it with its password.
func checkURL(servers string) error {
	for server := range strings.SplitSeq(servers, ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		if err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss" {
			return errors.New("nats: the URL does not parse; write nats://user:password@host:4222, with special characters escaped as %XX, or nats:embedded")
		}
	}
	return nil
}

// New returns a broker on a connection that the caller owns, and closes after
// the broker. It should reconnect for ever ([nats.MaxReconnects] -1) and buffer
// nothing meanwhile ([nats.ReconnectBufSize] -1). It panics when the options are
// wrong.
func New(nc *nats.Conn, o Options) *Broker {
	o = o.withDefaults()
	js, err := jetstream.New(nc)
	if err != nil {
		panic("galenats: " + err.Error() + "; pass a connection")
	}
	b := &Broker{
		nc:            nc,
		js:            js,
		o:             o,
		ended:         make(chan struct{}),
		streams:       make(map[hub.Retention]*stream),
		subscriptions: make(map[string]map[*subscription]struct{}),
	}
	b.presence = &stream{config: b.presenceConfig()}
	b.running, b.stop = context.WithCancel(context.Background())
	return b
}

func (o Options) withDefaults() Options {
	o.Prefix = cmp.Or(o.Prefix, "gale")
	o.Timeout = cmp.Or(o.Timeout, 3*time.Second)
	o.Replicas = cmp.Or(o.Replicas, 1)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if strings.Trim(o.Prefix, prefixAlphabet) != "" || o.Timeout < 0 || o.Replicas < 0 {
		panic(fmt.Sprintf("galenats: prefix %q, timeout %v or replicas %d; use letters, digits, - and _, and positive numbers",
			o.Prefix, o.Timeout, o.Replicas))
	}
	return o
}

const prefixAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// Close ends all subscriptions, and the connection and the server of a broker
// that was opened by [Open]. ctx bounds the wait for the server.
func (b *Broker) Close(ctx context.Context) error {
	b.stop()
	b.start.Do(func() { close(b.ended) }) // never started
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-b.ended
		b.mu.Lock()
		all := b.subscriptions
		b.subscriptions = make(map[string]map[*subscription]struct{})
		b.mu.Unlock()
		for _, some := range all {
			for s := range some {
				s.close()
			}
		}
		if b.owned {
			b.nc.Close()
			b.embedded.close()
		}
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("nats: close: %w", context.Cause(ctx))
	}
}

// Check implements [hub.Checker].
func (b *Broker) Check(ctx context.Context) error {
	if err := b.connected(ctx); err != nil {
		return err
	}
	limited, cancel := b.limit(ctx)
	defer cancel()
	return explain(ctx, b.nc.FlushWithContext(limited))
}

// connected fails at once where a call would wait for the connection to come
// back.
func (b *Broker) connected(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return explain(ctx, ctx.Err())
	case b.running.Err() != nil:
		return fmt.Errorf("%w: the broker is closed", hub.ErrBrokerLost)
	case !b.nc.IsConnected():
		return fmt.Errorf("%w: not connected", hub.ErrBrokerLost)
	}
	return nil
}

// limit bounds a call by the timeout.
func (b *Broker) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.o.Timeout)
}

// explain says in the hub's terms what went wrong. ctx is the caller's: one
// who left is no reason to believe that the servers are lost.
func explain(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, hub.ErrBrokerLost) {
		return err
	}
	switch cause := ctx.Err(); {
	case errors.Is(cause, context.Canceled):
		return context.Cause(ctx)
	case cause != nil:
		return fmt.Errorf("%w: %w", hub.ErrBrokerLost, cause)
	}
	if e, ok := errors.AsType[jetstream.JetStreamError](err); ok {
		if api := e.APIError(); api != nil && (api.Code != 503 || api.ErrorCode == jetstream.JSErrCodeJetStreamNotEnabledForAccount) {
			return err
		}
	}
	if errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrPermissionViolation) {
		return err
	}
	// %v: a deadline of our own must not pass for the caller's.
	return fmt.Errorf("%w: %v", hub.ErrBrokerLost, err)
}
