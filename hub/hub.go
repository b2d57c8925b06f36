package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/internal/latest"
	"github.com/galeweb/gale/internal/mailbox"
	"github.com/galeweb/gale/internal/owed"
	"github.com/galeweb/gale/internal/topicname"
	"github.com/galeweb/gale/ws"
)

var (
	// ErrClosed is returned when the hub has been drained.
	ErrClosed = errors.New("hub: closed")
	// ErrSlow ends the subscription of a subscriber who reads too slowly for a
	// topic with [CloseSlow].
	ErrSlow = errors.New("hub: subscriber is too slow")
	// ErrGap says that an unknown number of messages was lost with the broker,
	// or that it began anew: load the state afresh.
	ErrGap = errors.New("hub: messages were lost")
	// ErrForbidden is what an Authorize, or an Authenticate, returns to say no.
	ErrForbidden = errors.New("hub: subscribing is forbidden")
	// ErrBrokerLost is returned while the broker's servers cannot be reached.
	ErrBrokerLost = errors.New("hub: broker is lost")
	// ErrName is returned for a name that is not one of the topic's.
	ErrName = errors.New("hub: name does not match the topic")
)

// Options are the options of [New].
type Options struct {
	// Broker carries messages between nodes. Defaults to a new [MemoryBroker].
	Broker Broker
	// Logger is told of failures. Defaults to [slog.Default].
	Logger *slog.Logger
	// Metrics is where gauges and counters (gale_hub_…) are registered.
	// Defaults to nowhere.
	Metrics prometheus.Registerer
	// CheckOrigin says from which pages browsers may connect, by any transport.
	// Defaults to those of the same host.
	CheckOrigin func(r *http.Request) bool
	// Keep returns the context whose values a WebSocket keeps for as long as it
	// lives; see [ws.Handler]. With many connections keep no more than Identify
	// and Authorize ask for. Defaults to the request's.
	Keep func(r *http.Request) context.Context
	// Compression is that of WebSockets; a message to many is compressed once.
	// Defaults to none.
	Compression ws.Compression
	// Identify says who a connection is: ctx has the values of its request. It is
	// called once for each. Presence, [Hub.Disconnect] and [Hub.Slow] go by it.
	// Defaults to nobody.
	Identify func(ctx context.Context) Identity
	// Extend is asked when the Until of an Identity has come: it returns when the
	// credential ends by now, for one that use extends, such as a session that
	// idles out. A time that has passed closes the connection with code 1008; on an
	// error, which is logged, its client is asked to connect again. ctx is that of
	// Authorize. Asked once a second at most. Defaults to Until being the end.
	Extend func(ctx context.Context) (until time.Time, err error)
	// Authenticate, when set, has clients say who they are in their first
	// message, for those who can send neither cookies nor headers. It returns the
	// connection's context, made from ctx, or [ErrForbidden]; any other error is
	// logged, and the client asked to try again. Over SSE and long-poll the token
	// is that of the header "Authorization: Bearer". Defaults to letting
	// everyone connect; topics have their Authorize.
	Authenticate func(ctx context.Context, token string) (context.Context, error)
	// AuthTimeout is how long a client may take for that. Defaults to 10 s.
	AuthTimeout time.Duration
	// CallTimeout is how long a call may take; see [Handle]. Defaults to 10 s.
	CallTimeout time.Duration
	// MaxMessage is the size of the largest call, in bytes. Defaults to 64 KiB.
	MaxMessage int
	// PublishWait is how long Publish waits for a lost broker to come back.
	// Defaults to not at all.
	PublishWait time.Duration
	// DrainOver is the time over which [Hub.Drain] spreads the ends of
	// connections; negative is none. Defaults to 5 s.
	DrainOver time.Duration
	// PresenceTTL is when those who were connected to a node that died are
	// counted no more; the others notice up to a third of it later. Each node says
	// three times as often who is there, one write for each topic that somebody
	// follows. At least 1 s; defaults to 30 s.
	PresenceTTL time.Duration
	// Heartbeat is the silence after which a stream of server-sent events gets a
	// comment, so that nobody takes it for dead. Defaults to 25 s.
	Heartbeat time.Duration
}

// Hub holds topics and those who subscribed to them. Make one by [New], end
// it by [Hub.Drain].
type Hub struct {
	o          Options
	broker     Broker
	logger     *slog.Logger
	metrics    *metrics
	node       string // this one's name among the nodes
	ws         *ws.Handler
	slow       slowList
	backlogs   sync.Pool     // of *backlog
	recoveries chan struct{} // holds a token for each that asks the broker
	numbers    atomic.Uint64 // of clients
	checks     atomic.Uint64 // how often subscriptions were checked again
	control    *topic
	orders     orders
	polls      *mailbox.Polls
	listening  sync.Once
	lost       owed.Names // topics of which others missed messages

	mu      sync.RWMutex
	topics  []*topic
	methods map[string]method
	feeds   map[string]*feed
	closed  bool

	store       PresenceStore // nil when the broker is none
	presencesMu sync.Mutex
	presences   map[string]*presence

	clientsMu sync.Mutex
	clients   []*client
	draining  bool
	empty     chan struct{} // closed when the last client is gone

	running   sync.WaitGroup
	runningMu sync.Mutex
	ctx       context.Context // ends with the hub's goroutines
	stop      context.CancelFunc
}

// New returns a hub without topics. It panics when PresenceTTL is too short.
func New(o Options) *Hub {
	o.AuthTimeout = cmp.Or(o.AuthTimeout, 10*time.Second)
	o.CallTimeout = cmp.Or(o.CallTimeout, 10*time.Second)
	o.DrainOver = cmp.Or(o.DrainOver, 5*time.Second)
	o.Heartbeat = cmp.Or(o.Heartbeat, 25*time.Second)
	o.PresenceTTL = cmp.Or(o.PresenceTTL, presenceTTL)
	o.MaxMessage = cmp.Or(o.MaxMessage, 64<<10)
	if o.Extend == nil {
		o.Extend = func(context.Context) (time.Time, error) { return time.Time{}, nil }
	}
	if o.PresenceTTL < time.Second {
		panic(fmt.Sprintf("hub: PresenceTTL is %v; give it a second or more", o.PresenceTTL))
	}
	h := &Hub{
		o:          o,
		broker:     cmp.Or[Broker](o.Broker, NewMemoryBroker()),
		logger:     cmp.Or(o.Logger, slog.Default()),
		metrics:    newMetrics(o.Metrics),
		node:       newNode(),
		presences:  make(map[string]*presence),
		methods:    make(map[string]method),
		feeds:      make(map[string]*feed),
		empty:      make(chan struct{}),
		backlogs:   sync.Pool{New: func() any { return new(backlog) }},
		recoveries: make(chan struct{}, maxRecoveries),
		lost:       owed.Names{Most: maxLost},
		slow:       slowList{cases: latest.Ring[*SlowSubscriber]{Most: maxSlow}},
	}
	h.store, _ = h.broker.(PresenceStore)
	h.ctx, h.stop = context.WithCancel(context.Background())
	h.control = newControl(h)
	h.polls = h.newPolls()
	h.ws = h.newSocketHandler()
	return h
}

// Check returns an error while the broker is lost; it is a check of readiness.
func (h *Hub) Check(ctx context.Context) error {
	if c, ok := h.broker.(Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

// spawn runs f in a goroutine that Drain ends and waits for; false when it has.
func (h *Hub) spawn(f func(ctx context.Context)) bool {
	h.runningMu.Lock()
	defer h.runningMu.Unlock()
	if h.ctx.Err() != nil {
		return false
	}
	h.running.Go(func() { f(h.ctx) })
	return true
}

func (h *Hub) register(t *topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, other := range h.topics {
		if other.pattern.Overlaps(t.pattern) {
			panic(fmt.Sprintf("hub: topic patterns %q and %q match the same names; change one", other.label, t.label))
		}
	}
	h.topics = append(h.topics, t)
}

// topicOf returns the topic that a name from the network belongs to, or nil.
func (h *Hub) topicOf(name string) *topic {
	if !topicname.Valid(name) {
		return nil
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, t := range h.topics {
		if t.pattern.Matches(name) {
			return t
		}
	}
	return nil
}
