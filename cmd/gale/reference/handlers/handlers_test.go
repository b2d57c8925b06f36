package handlers_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/web"
)

// store is a PacketStore in memory, and a ChannelStore of one channel, "open".
type store struct {
	services.ChannelStore // what is not faked

	mu      sync.Mutex
	appends [][]models.Draft
	fail    func(call int) error // of Append, from 1
	export  iter.Seq2[models.Packet, error]
}

func (s *store) Channel(_ context.Context, name string) (models.Channel, error) {
	if name != "open" {
		return models.Channel{}, services.ErrNotFound
	}
	return models.Channel{ID: 1, Name: name, Public: true}, nil
}

func (s *store) Append(_ context.Context, _ models.Channel, _ string, drafts []models.Draft) ([]models.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appends = append(s.appends, drafts)
	if s.fail != nil {
		if err := s.fail(len(s.appends)); err != nil {
			return nil, err
		}
	}
	return make([]models.Receipt, len(drafts)), nil
}

// sizes returns how many drafts each call of Append brought.
func (s *store) sizes() (sizes []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, drafts := range s.appends {
		sizes = append(sizes, len(drafts))
	}
	return sizes
}

func (s *store) Packets(context.Context, int64, services.Filter, int) ([]models.Packet, bool, error) {
	return nil, false, nil
}

func (s *store) Export(context.Context, int64, services.Filter) iter.Seq2[models.Packet, error] {
	return s.export
}

// operator signs everybody in.
type operator struct{}

func (operator) Authenticate(context.Context, *http.Request) (models.Caller, bool, error) {
	return models.Caller{User: models.User{ID: "u", Name: "ada", Role: models.Operator}}, true, nil
}

// api is the part of the API that sends and exports.
func (s *store) api() http.Handler {
	a := auth.New(auth.Options[models.Caller]{
		ID:             func(c models.Caller) string { return c.ID },
		Roles:          func(c models.Caller) []string { return []string{string(c.Role)} },
		Permissions:    services.Permissions(),
		Authenticators: []auth.Authenticator[models.Caller]{operator{}},
	})
	p := &handlers.Packets{Auth: a, Channels: &services.Channels{Store: s}, Service: &services.Packets{Store: s}}
	r := router.New()
	r.Use(a.Identify, web.WithRenderer(web.Problems{}))
	r.Post("/{channel}/packets", p.Send)
	r.Get("/{channel}/packets.ndjson", p.Export)
	return r
}

// listener hands out the far ends of pipes. Unlike sockets they have no buffers,
// and time on them is that of the test's bubble.
type listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// serve serves h until the test ends, on what dial returns.
func serve(t *testing.T, h http.Handler) (dial func() net.Conn) {
	t.Helper()
	l := &listener{conns: make(chan net.Conn), done: make(chan struct{})}
	ctx := obs.WithLogger(context.Background(), slog.New(slog.DiscardHandler))
	server := &http.Server{Handler: h, BaseContext: func(net.Listener) context.Context { return ctx }, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return func() net.Conn {
		here, there := net.Pipe()
		l.conns <- there
		t.Cleanup(func() { _ = here.Close() })
		return here
	}
}

func send(t *testing.T, w io.Writer, text string) {
	t.Helper()
	_, err := io.WriteString(w, text)
	assert.NoError(t, err)
}

// server serves the API until the test ends, and logs nowhere.
func (s *store) server(t *testing.T) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(s.api())
	server.Config.BaseContext = func(net.Listener) context.Context {
		return obs.WithLogger(context.Background(), slog.New(slog.DiscardHandler))
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}
