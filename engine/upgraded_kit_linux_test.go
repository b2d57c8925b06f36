package engine_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/upgrade"
)

// talker is the protocol of the tests: it sends what it is given to say. Set its
// hooks before it is upgraded to.
type talker struct {
	upgrade.Socket

	hears    func(p []byte)        // Receive; nil: say it again
	onOutput func()                // before Output
	onDue    func(now int64) int64 // Due
	onEnding func()                // before Ending
	onEnded  func()                // after the end was noted
	arm      func()                // has what was prepared happen

	mu      sync.Mutex
	waiting []byte
	ending  upgrade.Ending
	outputs int
	ends    int
	over    chan error // holds the cause of the first end
}

func (k *talker) Receive(p []byte) {
	if k.hears != nil {
		k.hears(p)
		return
	}
	k.say(string(p))
}

func (k *talker) Output(dst []byte) []byte {
	if k.onOutput != nil {
		k.onOutput()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.outputs++
	n := min(len(k.waiting), cap(dst)-len(dst))
	dst = append(dst, k.waiting[:n]...)
	k.waiting = k.waiting[n:]
	return dst
}

func (k *talker) Due(now int64) int64 {
	if k.onDue != nil {
		return k.onDue(now)
	}
	return 0
}

func (k *talker) Ending() upgrade.Ending {
	if k.onEnding != nil {
		k.onEnding()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ending
}

func (k *talker) Ended(cause error) {
	k.mu.Lock()
	k.ends++
	first := k.ends == 1
	k.mu.Unlock()
	if first {
		k.over <- cause
	}
	if k.onEnded != nil {
		k.onEnded()
	}
}

// say has s sent. Any goroutine may call it.
func (k *talker) say(s string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = append(k.waiting, s...)
	k.Wake()
}

// end has the connection end in that way.
func (k *talker) end(how upgrade.Ending) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ending = how
	k.Wake()
}

// counted returns how often Output was called, and how much waits.
func (k *talker) counted() (outputs, waiting int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.outputs, len(k.waiting)
}

// cause waits for the end.
func (k *talker) cause(t *testing.T) error {
	t.Helper()
	select {
	case err := <-k.over:
		return err
	case <-time.After(guard):
		t.Fatal("the protocol was not told of the end")
		return nil
	}
}

// party is a server that upgrades every request to a talker.
type party struct {
	t       *testing.T
	srv     *engine.Server
	addr    string
	secure  bool
	prepare func(k *talker, r *http.Request)                        // nil: nothing
	after   func(k *talker, w http.ResponseWriter, r *http.Request) // in the handler, after the upgrade
	fields  string                                                  // of the requests

	mu      sync.Mutex
	talkers map[string]chan *talker // by the address of the client
}

func (p *party) of(addr string) chan *talker {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.talkers[addr] == nil {
		p.talkers[addr] = make(chan *talker, 1)
	}
	return p.talkers[addr]
}

// ServeHTTP upgrades, but for /alive.
func (p *party) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/alive" {
		_, _ = io.WriteString(w, "alive")
		return
	}
	k := &talker{over: make(chan error, 1)}
	if p.prepare != nil {
		p.prepare(k, r)
	}
	h := w.Header()
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "talk")
	w.WriteHeader(http.StatusSwitchingProtocols)
	socket, err := w.(upgrade.Upgrader).Upgrade(k)
	if err != nil {
		p.t.Errorf("upgrade: %v", err)
		return
	}
	k.mu.Lock()
	k.Socket = socket
	k.mu.Unlock()
	p.of(r.RemoteAddr) <- k
	if p.after != nil {
		p.after(k, w, r)
	}
}

// hold starts the party, which ends with the test.
func (p *party) hold(t *testing.T, srv *engine.Server) *party {
	t.Helper()
	p.t, p.srv, p.talkers = t, srv, map[string]chan *talker{}
	if srv.Handler == nil {
		srv.Handler = p
	}
	if srv.ErrorLog == nil {
		srv.ErrorLog = quiet()
	}
	if p.secure {
		p.addr = serveTLS(t, srv)
		return p
	}
	l := listen(t)
	serve(t, srv, l)
	p.addr = l.Addr().String()
	return p
}

// guest is a client whose connection is upgraded.
type guest struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
	k *talker
}

const upgradeRequest = "GET /talk HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: talk\r\n"

// knock connects, and sends early right behind the request.
func (p *party) knock(early string) *guest {
	p.t.Helper()
	c, err := net.Dial("tcp", p.addr)
	assert.NoError(p.t, err)
	assert.NoError(p.t, c.SetDeadline(time.Now().Add(guard)))
	p.t.Cleanup(func() { _ = c.Close() })
	if p.secure {
		c = tls.Client(c, insecure())
	}
	_, err = io.WriteString(c, upgradeRequest+p.fields+"\r\n"+early)
	assert.NoError(p.t, err)
	return &guest{t: p.t, Conn: c, r: bufio.NewReader(c)}
}

// enter connects and waits until it is upgraded.
func (p *party) enter() *guest {
	p.t.Helper()
	g := p.knock("")
	g.greeted()
	g.k = <-p.of(g.LocalAddr().String())
	return g
}

// greeted reads the response.
func (g *guest) greeted() {
	g.t.Helper()
	resp, err := http.ReadResponse(g.r, nil)
	assert.NoError(g.t, err)
	assert.Equal(g.t, resp.StatusCode, http.StatusSwitchingProtocols)
	assert.Equal(g.t, resp.Header.Get("Upgrade"), "talk")
}

func (g *guest) send(s string) {
	g.t.Helper()
	_, err := io.WriteString(g, s)
	assert.NoError(g.t, err)
}

// gets fails the test unless s comes next.
func (g *guest) gets(s string) {
	g.t.Helper()
	got := make([]byte, len(s))
	n, err := io.ReadFull(g.r, got)
	if err != nil || string(got) != s {
		g.t.Fatalf("got %d bytes and %v, not the %d of %q…", n, err, len(s), s[:min(len(s), 20)])
	}
}

// atEnd fails the test unless the server sends nothing more, in good order.
func (g *guest) atEnd() {
	g.t.Helper()
	rest, err := io.ReadAll(g.r)
	assert.NoError(g.t, err)
	assert.Equal(g.t, string(rest), "")
}

// parties runs test with every mode, with TLS and without.
func parties(t *testing.T, test func(t *testing.T, p *party, mode engine.Mode)) {
	t.Helper()
	t.Parallel()
	for _, mode := range []engine.Mode{engine.Loop, engine.Pool, engine.AlwaysSlow, engine.AlwaysInline} {
		for _, secure := range []bool{false, true} {
			name := string(mode)
			if secure {
				name += " TLS"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, &party{secure: secure}, mode)
			})
		}
	}
}

// logged is a log that can be read while it is written.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
