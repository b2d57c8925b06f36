package galevalkey

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/hub"
)

// Options are the options of [Open] and [New].
type Options struct {
	// Prefix begins the names of all keys and channels; applications that
	// share a server have different ones. Letters, digits and -_.: are
	// allowed. Defaults to "gale".
	Prefix string
	// Timeout bounds connecting, and the wait for each answer of the server.
	// Defaults to 3 seconds.
	Timeout time.Duration
	// TLS is for rediss and valkeys URLs, whose own settings come on top; see
	// [ParseURL]. Defaults to verifying the servers by the system's authorities.
	TLS *tls.Config
	// Logger is told when the server is lost, and when it is back. Defaults to
	// [slog.Default].
	Logger *slog.Logger
}

// Broker is a [hub.Broker], [hub.Checker] and [hub.PresenceStore]. Make one by
// [Open] or [New], end it by [Broker.Close].
type Broker struct {
	client  valkey.Client
	owned   bool // client is ours to close
	prefix  string
	timeout time.Duration
	logger  *slog.Logger
	scripts scripts
	cluster bool

	publisher atomic.Pointer[script] // nil until the server's life is known

	running context.Context // ends with Close
	stop    context.CancelFunc
	start   sync.Once
	ended   chan struct{} // the receiver has

	mu       sync.Mutex
	channels map[string]*channel
	receiver *receiver     // nil while there is none
	tried    bool          // to connect one, at least once
	changed  chan struct{} // closed when one of these two changes
}

// Open connects to the server or servers of a URL such as
// valkey://user:password@host:6379, see [ParseURL]. With sentinels it follows
// the primary.
func Open(ctx context.Context, url string, o Options) (*Broker, error) {
	option, err := configure(url, o)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("valkey: %w", err)
	}
	client, err := valkey.NewClient(option)
	if err != nil {
		return nil, fmt.Errorf("valkey: %s: %w", strings.Join(option.InitAddress, ", "), explain(ctx, err))
	}
	b := New(client, o)
	b.owned = true
	if err := b.Check(ctx); err != nil {
		client.Close()
		close(b.ended)
		b.stop()
		return nil, fmt.Errorf("valkey: %s: %w", strings.Join(option.InitAddress, ", "), err)
	}
	return b, nil
}

func configure(url string, o Options) (valkey.ClientOption, error) {
	option, err := parse(url, o.TLS)
	if err != nil {
		return option, err
	}
	if option.AlwaysRESP2 {
		return option, errors.New("valkey: the URL has protocol=2; the broker needs RESP3")
	}
	timeout := cmp.Or(o.Timeout, defaultTimeout)
	option.DisableCache = true
	// Each connection has a reader, which sees at once that it is lost, and not
	// only when the next message fails.
	option.AlwaysPipelining = true
	// A publish that failed may have been heard: only the caller can know
	// whether to say it again.
	option.DisableRetry = true
	option.Dialer.Timeout = cmp.Or(option.Dialer.Timeout, timeout)
	option.Sentinel.Dialer.Timeout = option.Dialer.Timeout
	option.ConnWriteTimeout = cmp.Or(option.ConnWriteTimeout, timeout)
	return option, nil
}

const defaultTimeout = 3 * time.Second

// New returns a broker on a client that the caller owns, and closes after the
// broker. The client should not retry (DisableRetry), have a reader on each
// connection (AlwaysPipelining), and give up soon on a server that does not
// answer (Dialer.Timeout, ConnWriteTimeout). It panics when the options are
// wrong.
func New(client valkey.Client, o Options) *Broker {
	prefix, timeout := cmp.Or(o.Prefix, "gale"), cmp.Or(o.Timeout, defaultTimeout)
	if strings.Trim(prefix, prefixAlphabet) != "" || timeout < 0 {
		panic(fmt.Sprintf("galevalkey: prefix %q or timeout %v; use letters, digits and -_.: and a positive duration", prefix, timeout))
	}
	b := &Broker{
		client:   client,
		prefix:   prefix,
		timeout:  timeout,
		logger:   o.Logger,
		scripts:  newScripts(),
		cluster:  client.Mode() == valkey.ClientModeCluster,
		ended:    make(chan struct{}),
		channels: make(map[string]*channel),
		changed:  make(chan struct{}),
	}
	if b.logger == nil {
		b.logger = slog.Default()
	}
	b.running, b.stop = context.WithCancel(context.Background())
	return b
}

const prefixAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"

// Close ends all subscriptions, and the client of a broker that was opened by
// [Open]. ctx bounds the wait for calls that are under way.
func (b *Broker) Close(ctx context.Context) error {
	b.stop()
	b.start.Do(func() { close(b.ended) }) // never started
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-b.ended
		if b.owned {
			b.client.Close()
		}
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("valkey: close: %w", context.Cause(ctx))
	}
}

// Check implements [hub.Checker].
func (b *Broker) Check(ctx context.Context) error {
	b.mu.Lock()
	lost := b.tried && b.receiver == nil
	b.mu.Unlock()
	if lost {
		return fmt.Errorf("%w: no connection to receive on", hub.ErrBrokerLost)
	}
	limited, cancel := b.limit(ctx)
	defer cancel()
	return explain(ctx, b.client.Do(limited, b.client.B().Ping().Build()).Error())
}

// limit bounds a call by the timeout.
func (b *Broker) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.timeout)
}

// explain says in the hub's terms what went wrong. ctx is the caller's: one
// who left is no reason to believe that the servers are lost.
func explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, hub.ErrBrokerLost) {
		return err
	}
	if e, ok := valkey.IsValkeyErr(err); ok {
		switch word, _, _ := strings.Cut(e.Error(), " "); word {
		case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "READONLY", "MISCONF", "UNBLOCKED":
			return fmt.Errorf("%w: %w", hub.ErrBrokerLost, err)
		}
		return err
	}
	switch cause := ctx.Err(); {
	case errors.Is(cause, context.Canceled):
		return context.Cause(ctx)
	case cause != nil:
		return fmt.Errorf("%w: %w", hub.ErrBrokerLost, cause)
	}
	// %v: a deadline of our own must not pass for the caller's.
	return fmt.Errorf("%w: %v", hub.ErrBrokerLost, err)
}
