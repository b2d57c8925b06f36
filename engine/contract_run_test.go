package engine_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/serverlog"
)

// settings are what a case may set on its own server, the same for net/http
// and the engine.
type settings struct {
	BaseContext       func(net.Listener) context.Context
	ConnContext       func(context.Context, net.Conn) context.Context
	ErrorLog          *slog.Logger
	ReadTimeout       time.Duration
	WriteTimeout      time.Duration
	IdleTimeout       time.Duration
	ReadHeaderTimeout time.Duration
	MaxHeaderBytes    int
	ConnState         func(net.Conn, http.ConnState)
	// Engine sets what only the engine has.
	Engine func(*engine.Server)
}

// contractServer is what net/http's server and the engine have in common.
type contractServer interface {
	Serve(net.Listener) error
	ServeTLS(l net.Listener, certFile, keyFile string) error
	Shutdown(context.Context) error
	Close() error
	RegisterOnShutdown(func())
	SetKeepAlivesEnabled(bool)
}

// served is a server that runs.
type served struct {
	contractServer
	certificate *tls.Config
	handler     http.Handler
	addr        string
	done        chan error
	onTLS       bool
	byClient    sync.Map // address of the client → *route
}

// route says which run a connection belongs to, and who answers on it.
type route struct {
	k  *run
	do func(k *run, w http.ResponseWriter, r *http.Request)
}

func (s *served) start(on *target, set *settings) error {
	log := set.ErrorLog
	if log == nil {
		log = quiet()
	}
	s.onTLS = on.tls
	config := &tls.Config{Certificates: s.certificate.Certificates, NextProtos: []string{"http/1.1"}}
	if on.mode == "" {
		s.contractServer = &http.Server{
			Handler: s.handler, ErrorLog: serverlog.New(log), TLSConfig: config,
			BaseContext: set.BaseContext, ConnContext: set.ConnContext, ConnState: set.ConnState,
			ReadHeaderTimeout: cmp.Or(set.ReadHeaderTimeout, 10*time.Second), ReadTimeout: set.ReadTimeout,
			WriteTimeout: set.WriteTimeout, IdleTimeout: cmp.Or(set.IdleTimeout, 75*time.Second),
			// The engine's figure is exact; net/http adds 4 KiB to its own.
			MaxHeaderBytes: cmp.Or(set.MaxHeaderBytes, 64<<10) - 4<<10,
		}
	} else {
		srv := &engine.Server{
			Handler: s.handler, ErrorLog: log, TLSConfig: config, Mode: on.mode,
			BaseContext: set.BaseContext, ConnContext: set.ConnContext, ConnState: set.ConnState,
			ReadHeaderTimeout: set.ReadHeaderTimeout, ReadTimeout: set.ReadTimeout, WriteTimeout: set.WriteTimeout,
			IdleTimeout: set.IdleTimeout, MaxHeaderBytes: set.MaxHeaderBytes,
		}
		if set.Engine != nil {
			set.Engine(srv)
		}
		s.contractServer = srv
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.addr = l.Addr().String()
	s.done = make(chan error, 1)
	go func() {
		if on.tls {
			s.done <- s.ServeTLS(l, "", "")
			return
		}
		s.done <- s.Serve(l)
	}()
	return nil
}

func (s *served) stop() error {
	err := s.Close()
	if end := <-s.done; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("Serve returned %w", end))
	}
	return err
}

// dispatch gives a request to the run that its connection belongs to.
func (s *served) dispatch(w http.ResponseWriter, r *http.Request) {
	found, ok := s.byClient.Load(r.RemoteAddr)
	if !ok {
		http.Error(w, "no case speaks from "+r.RemoteAddr, http.StatusTeapot)
		return
	}
	found.(*route).serve(w, r)
}

func (t *route) serve(w http.ResponseWriter, r *http.Request) {
	defer t.k.enter()()
	if r.URL.Path == "/last" {
		_, _ = io.WriteString(w, "last")
		return
	}
	t.do(t.k, w, r)
}

// lentCertificate returns a server's certificate and the roots that trust it.
func lentCertificate(t *testing.T) *tls.Config {
	t.Helper()
	ts := httptest.NewTLSServer(hello)
	defer ts.Close()
	roots := ts.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return &tls.Config{Certificates: ts.TLS.Certificates, RootCAs: roots}
}

// run is one case on one server. Its methods may be called from the script
// and from handlers.
type run struct {
	*peer // the first connection, whose bytes are the transcript

	c      *contractCase
	server *served
	tls    bool
	ctx    context.Context

	mu      sync.Mutex
	notes   []string
	faults  []string
	events  map[string]chan struct{}
	running int
	idle    chan struct{} // closed when running is 0
	cleanup []func()
}

func (c contractCase) runOn(on *target) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), contractGuard)
	defer cancel()
	k := &run{c: &c, server: on.shared, tls: on.tls, ctx: ctx, events: map[string]chan struct{}{}}
	k.peer = &peer{k: k}
	if c.own != nil {
		k.server = &served{certificate: on.shared.certificate}
		k.server.handler = http.HandlerFunc((&route{k, c.do}).serve)
		var set settings
		c.own(k, &set)
		if err := k.server.start(on, &set); err != nil {
			return outcome{faults: []string{err.Error()}}
		}
	}
	k.peer.dial(c.do)
	if c.script != nil {
		c.script(k)
	} else {
		k.exchange(c.send)
	}
	k.finish()
	k.mu.Lock()
	defer k.mu.Unlock()
	return outcome{k.peer.transcript(), k.notes, k.faults}
}

// finish waits until nothing of the run is left.
func (k *run) finish() {
	k.peer.close()
	k.settle()
	for i := len(k.cleanup) - 1; i >= 0; i-- {
		k.cleanup[i]()
	}
	k.settle()
	if k.c.own != nil {
		if err := k.server.stop(); err != nil {
			k.fault("%v", err)
		}
	}
}

// settle waits until no handler of the run is running.
func (k *run) settle() {
	for {
		k.mu.Lock()
		running, idle := k.running, k.idle
		k.mu.Unlock()
		if running == 0 {
			return
		}
		select {
		case <-idle:
		case <-k.ctx.Done():
			k.fault("a handler does not return")
			return
		}
	}
}

// atEnd has f called when the script is over.
func (k *run) atEnd(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cleanup = append(k.cleanup, f)
}

// enter counts a handler; what it returns ends it.
func (k *run) enter() func() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running++; k.running == 1 {
		k.idle = make(chan struct{})
	}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.running--; k.running == 0 {
			close(k.idle)
		}
	}
}

// note keeps something that must be the same on every server.
func (k *run) note(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.notes = append(k.notes, fmt.Sprintf(format, args...))
}

func (k *run) fault(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults = append(k.faults, fmt.Sprintf(format, args...))
}

func (k *run) event(name string) chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	ch := k.events[name]
	if ch == nil {
		ch = make(chan struct{})
		k.events[name] = ch
	}
	return ch
}

// tell lets await of the same name go on, once for a run.
func (k *run) tell(name string) { close(k.event(name)) }

// await waits for tell.
func (k *run) await(name string) { k.wait(k.event(name), name) }

// wait waits for a channel to be closed.
func (k *run) wait(ch <-chan struct{}, what string) {
	select {
	case <-ch:
	case <-k.ctx.Done():
		k.fault("nothing came of %q", what)
	}
}

// dialer returns a function for clients that make connections themselves; do
// answers on these.
func (k *run) dialer(do func(k *run, w http.ResponseWriter, r *http.Request)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", k.server.addr)
		if err != nil {
			return nil, err
		}
		addr := c.LocalAddr().String()
		k.server.byClient.Store(addr, &route{k, do})
		k.atEnd(func() { k.server.byClient.Delete(addr) })
		return c, nil
	}
}

// client returns a client of net/http whose requests do answers.
func (k *run) client(do func(k *run, w http.ResponseWriter, r *http.Request)) *http.Client {
	dial := k.dialer(do)
	tr := &http.Transport{
		DialContext: dial,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return tls.Client(c, k.clientTLS()), nil
		},
	}
	k.atEnd(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: contractGuard, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (k *run) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: k.server.certificate.RootCAs, ServerName: "example.com", NextProtos: []string{"http/1.1"}}
}

func (k *run) scheme() string {
	if k.tls {
		return "https"
	}
	return "http"
}

// peer is a connection of the client.
type peer struct {
	k    *run
	conn net.Conn
	tcp  *net.TCPConn

	mu   sync.Mutex
	got  []byte
	mark int // how much of got was waited for
	over bool
}

// another opens one more connection, on which the case's handler answers.
func (k *run) another() *peer {
	p := &peer{k: k}
	p.dial(k.c.do)
	k.atEnd(p.close)
	return p
}

func (p *peer) dial(do func(k *run, w http.ResponseWriter, r *http.Request)) {
	conn, err := p.k.dialer(do)(p.k.ctx, "", "")
	if err != nil {
		p.k.fault("dial: %v", err)
		p.conn, p.tcp = closedConn{}, nil
		return
	}
	deadline, _ := p.k.ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	p.conn, p.tcp = conn, conn.(*net.TCPConn)
	if p.k.tls {
		c := tls.Client(conn, p.k.clientTLS())
		if err := c.HandshakeContext(p.k.ctx); err != nil {
			p.k.fault("handshake: %v", err)
		}
		p.conn = c
	}
}

// exchange sends s while it reads to the end.
func (p *peer) exchange(s string) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		p.send(s)
	}()
	p.end()
	<-sent
}

// send sends s. That the server closed before it all went is no fault: the
// transcript tells.
func (p *peer) send(s string) {
	if _, err := io.WriteString(p.conn, s); timedOut(err) {
		p.k.fault("the server does not take what is sent")
	}
}

// until reads until what came after the last until has sub in it, and takes
// it.
func (p *peer) until(sub string) {
	for {
		p.mu.Lock()
		i := strings.Index(string(p.got[p.mark:]), sub)
		if i >= 0 {
			p.mark += i + len(sub)
		}
		p.mu.Unlock()
		if i >= 0 || !p.read("waiting for "+sub) {
			return
		}
	}
}

// end reads until the server closes.
func (p *peer) end() {
	for p.read("waiting for the end") {
	}
}

func (p *peer) read(why string) bool {
	buf := make([]byte, 32<<10)
	n, err := p.conn.Read(buf)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, buf[:n]...)
	if err == nil {
		return true
	}
	p.over = true
	if timedOut(err) {
		p.k.fault("nothing came while %s, after %q", why, p.got[max(0, len(p.got)-300):])
	}
	return false
}

func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// halfClose says that no more will be sent.
func (p *peer) halfClose() { _ = p.conn.(interface{ CloseWrite() error }).CloseWrite() }

// reset aborts the connection.
func (p *peer) reset() {
	if p.tcp != nil {
		_ = p.tcp.SetLinger(0)
		_ = p.tcp.Close()
	}
}

func (p *peer) close() {
	if p.tcp != nil {
		_ = p.tcp.Close()
	}
}

// raw returns what came, masked.
func (p *peer) raw() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return mask(string(p.got))
}

// transcript is what came and whether the server closed. Whether it did so by
// FIN or RST, or said goodbye in TLS, is told by no case but those that look.
func (p *peer) transcript() string {
	s := p.raw()
	if p.over {
		s += closedMark
	}
	return s
}

// closedConn stands in for a connection that could not be made.
type closedConn struct{ net.Conn }

func (closedConn) Read([]byte) (int, error)  { return 0, net.ErrClosed }
func (closedConn) Write([]byte) (int, error) { return 0, net.ErrClosed }
func (closedConn) CloseWrite() error         { return net.ErrClosed }
