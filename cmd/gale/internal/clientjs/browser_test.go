package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/e2e"
	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub"
)

// app notes what the client tells. As a module it imports the client, as a
// classic script it finds it in a global.
const app = `
const query = new URLSearchParams(location.search);
globalThis.told = [];
globalThis.hub = connect(query.get("url"), { wait: 50, transports: query.get("transports")?.split(",") });
hub.subscribe("n", n => told.push(n), { lost: n => told.push("lost " + n), recent: 10 });
`

// server is a hub on the engine, with pages that use it.
type server struct {
	*engine.Server
	hub   *hub.Hub
	topic *hub.Topic[int]
	done  chan error
}

// start serves on an address, ":0" being any.
func start(t *testing.T, addr string, b hub.Broker) (*server, string) {
	t.Helper()
	s := &server{done: make(chan error, 1)}
	quiet := slog.New(slog.DiscardHandler)
	s.hub = hub.New(hub.Options{Broker: b, Logger: quiet, DrainOver: -1})
	s.topic = hub.NewTopic(s.hub, "n", hub.TopicOptions[int]{History: 100, Authorize: hub.AllowAll})
	hub.Handle(s.hub, "double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })

	mux := http.NewServeMux()
	mux.Handle("/live", s.hub.Handler())
	mux.HandleFunc("/proxied", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "a proxy knows no WebSocket", http.StatusBadRequest)
			return
		}
		s.hub.Handler().ServeHTTP(w, r)
	})
	mux.Handle("GET /hub.js", hub.ClientJS())
	mux.Handle("GET /hub.global.js", hub.ClientJS())
	text := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:")
			fmt.Fprint(w, body)
		}
	}
	const head = `<!doctype html><link rel="icon" href="data:,">`
	mux.Handle("GET /module", text("text/html", head+`<script type="module" src="/module.js"></script>`))
	mux.Handle("GET /module.js", text("text/javascript", `import { connect } from "/hub.js";`+app))
	mux.Handle("GET /classic", text("text/html", head+`<script src="/hub.global.js"></script><script src="/classic.js"></script>`))
	mux.Handle("GET /classic.js", text("text/javascript", `const { connect } = gale;`+app))

	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = &engine.Server{Handler: mux, ErrorLog: quiet}
	go func() { s.done <- s.Serve(l) }()
	return s, l.Addr().String()
}

func (s *server) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.hub.Drain(ctx); err != nil {
		t.Errorf("drain: %v", err)
	}
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	<-s.done
}

// TestBrowser runs the client in Chromium, by each transport, under a policy
// without inline code: it receives, loses its network and then its server, and
// gets everything once.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("drives a browser, which takes long")
	}
	if _, err := e2e.Chromium(); err != nil {
		if os.Getenv(galetest.RequireServices) != "" {
			t.Fatalf("a browser is required (%s): %v", galetest.RequireServices, err)
		}
		t.Skip(err)
	}
	browser, err := e2e.Launch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer browser.Close()

	broker := hub.NewMemoryBroker()
	s, addr := start(t, "127.0.0.1:0", broker)
	defer func() { s.stop(t) }()
	network := newProxy(t, addr)
	published := 0
	publish := func() {
		t.Helper()
		published++
		if _, err := s.topic.Publish(t.Context(), "n", published); err != nil {
			t.Fatal(err)
		}
	}
	publish()

	type page struct {
		*e2e.Tab
		path, transport string
	}
	pages := []*page{
		{nil, "/module?url=/live&transports=ws", "ws"},
		{nil, "/module?url=/live&transports=sse", "sse"},
		{nil, "/module?url=/live&transports=poll", "poll"},
		{nil, "/module?url=/live", "ws"},
		{nil, "/classic?url=/proxied", "sse"},
	}
	eachHas := func(when, expression string) {
		t.Helper()
		for _, p := range pages {
			if err := p.Until(expression); err != nil {
				told, _ := e2e.Eval[string](p.Tab, "`${globalThis.told} ${globalThis.hub?.state} ${globalThis.hub?.transport}`")
				t.Fatalf("%s: %s: %v; it was told %s; %q", when, p.path, err, told, p.Complaints())
			}
		}
	}
	eachHasAll := func(when string) {
		t.Helper()
		var want []string
		for n := range published {
			want = append(want, fmt.Sprint(n+1))
		}
		eachHas(when, fmt.Sprintf("told.join() === %q", strings.Join(want, ",")))
	}
	for _, p := range pages {
		if p.Tab, err = browser.Open(e2e.View{}); err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if _, err := p.Go("http://" + network.l.Addr().String() + p.path); err != nil {
			t.Fatal(err)
		}
	}
	eachHas("at first", "globalThis.hub?.state === 'open'")
	for _, p := range pages {
		transport, err := e2e.Eval[string](p.Tab, "hub.transport")
		if err != nil || transport != p.transport {
			t.Errorf("%s goes by %q (%v), want %q", p.path, transport, err, p.transport)
		}
		if doubled, err := e2e.Eval[int](p.Tab, "hub.call('double', 21)"); err != nil || doubled != 42 {
			t.Errorf("%s: the call returns %d, %v", p.path, doubled, err)
		}
		for _, complaint := range p.Complaints() {
			if p.path != "/classic?url=/proxied" { // where the refused WebSocket is complained of
				t.Errorf("%s: %s", p.path, complaint)
			}
		}
	}
	publish()
	eachHasAll("live")

	network.setDown(true)
	publish()
	eachHas("without a network", "hub.state === 'waiting' || hub.state === 'connecting'")
	publish()
	network.setDown(false)
	eachHasAll("after the network")
	publish()
	eachHasAll("after the network, live")

	s.stop(t)
	s, _ = start(t, addr, broker)
	publish()
	eachHasAll("after a restart")
	eachHas("after a restart", "hub.state === 'open'")
	publish()
	eachHasAll("after a restart, live")
}
