package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	// PublishWait is how long Publish waits for a lost broker to come back.
	// Defaults to not at all.
	PublishWait time.Duration
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
	sockets    sync.Map      // *ws.Conn → *client

	mu     sync.RWMutex
	topics []*topic
	feeds  map[string]*feed
	closed bool

	clientsMu sync.Mutex
	clients   []*client
	draining  bool

	running   sync.WaitGroup
	runningMu sync.Mutex
	ctx       context.Context // ends with the hub's goroutines
	stop      context.CancelFunc
}

// New returns a hub without topics.
func New(o Options) *Hub {
	h := &Hub{
		o:          o,
		broker:     o.Broker,
		logger:     cmp.Or(o.Logger, slog.Default()),
		metrics:    newMetrics(o.Metrics),
		node:       newNode(),
		feeds:      make(map[string]*feed),
		backlogs:   sync.Pool{New: func() any { return new(backlog) }},
		recoveries: make(chan struct{}, maxRecoveries),
	}
	if h.broker == nil {
		h.broker = NewMemoryBroker()
	}
	h.ctx, h.stop = context.WithCancel(context.Background())
	h.ws = h.newSocketHandler()
	return h
}

// Handler returns the WebSocket endpoint, which speaks the protocol of
// docs/hub-protocol.md. Put the middleware that knows the user around it:
// Authorize gets the context of the request.
func (h *Hub) Handler() http.Handler { return h.ws }

// Check returns an error while the broker is lost; it is a check of readiness.
func (h *Hub) Check(ctx context.Context) error {
	if c, ok := h.broker.(Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

// Drain refuses new connections and subscriptions, closes connections with
// 1012 after sending what is queued, ends subscriptions in the process with
// [ErrClosed], and waits until the connections are gone or ctx ends. It does
// not stop Publish, which other nodes may still hear, and does not close the
// broker.
func (h *Hub) Drain(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	feeds := slices.Collect(maps.Values(h.feeds))
	h.mu.Unlock()
	for _, f := range feeds {
		f.close(ErrClosed)
	}
	err := h.ws.Drain(ctx)
	h.runningMu.Lock()
	h.stop()
	h.runningMu.Unlock()
	h.running.Wait()
	return err
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
		if other.pattern.overlaps(t.pattern) {
			panic(fmt.Sprintf("hub: topic patterns %q and %q match the same names; change one", other.label, t.label))
		}
	}
	h.topics = append(h.topics, t)
}

// topicOf returns the topic that a name from the network belongs to, or nil.
func (h *Hub) topicOf(name string) *topic {
	if !validName(name) {
		return nil
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, t := range h.topics {
		if t.pattern.matches(name) {
			return t
		}
	}
	return nil
}
