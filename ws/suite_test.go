package ws_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/wsframe"
	"github.com/galeweb/gale/ws"
)

// suiteGuard bounds every wait of a case. It is never reached but when
// something hangs.
const suiteGuard = 60 * time.Second

// suiteCase is a conversation of a client with an echo. Each runs on every
// target with the client's bytes whole, and on some also in pieces, and must go
// the same way.
type suiteCase struct {
	group, name string
	path        string // the kind of server; "" is "/echo"
	offer       []string
	answer      string // Sec-WebSocket-Extensions, for cases with an offer
	status      int    // of the handshake, when it is not 101
	large       bool   // only whole: the pieces would be many
	steps       []suiteStep
}

// suiteStep: the client sends, and reads what is wanted. After the last step
// the server must end the connection.
type suiteStep struct {
	send []byte
	want []string // frames, as describe has them
}

var suite = map[string]func() []suiteCase{
	"framing":       framingCases,
	"controls":      controlCases,
	"reserved":      reservedCases,
	"fragmentation": fragmentationCases,
	"utf8":          utf8Cases,
	"close":         closeCases,
	"limits":        limitCases,
	"negotiation":   negotiationCases,
	"compression":   compressionCases,
	"random":        randomCases,
}

func suiteCases() (all []suiteCase) {
	for group, cases := range suite {
		for _, c := range cases() {
			c.group = group
			all = append(all, c)
		}
	}
	return all
}

func TestSuite(t *testing.T) {
	t.Parallel()
	targets := suiteTargets(t)
	for _, c := range suiteCases() {
		t.Run(c.group+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			for _, problem := range c.check(targets) {
				t.Error(problem)
			}
		})
	}
}

// TestSuiteSize: the cases are counted, so that none gets lost unseen.
func TestSuiteSize(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, c := range suiteCases() {
		assert.True(t, !names[c.group+"/"+c.name], "two cases are called "+c.group+"/"+c.name)
		names[c.group+"/"+c.name] = true
	}
	assert.True(t, len(names) >= 250, fmt.Sprintf("the suite has %d cases, want 250", len(names)))
}

// suiteTarget is one server that the cases run on.
type suiteTarget struct {
	name   string
	pieces bool   // cases run in pieces, too
	prefix string // of the path, for goroutine mode
	addr   string
	roots  *tls.Config
}

// suiteMux serves each kind of server, by callbacks and below /held in goroutine
// mode.
func suiteMux(t *testing.T) *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(path string, make func() *ws.Handler) {
		called, held := make(), make()
		called.Message = echo
		held.Open = func(c *ws.Conn, _ *http.Request) error {
			for m, err := range c.Messages() {
				if err != nil {
					return nil //nolint:nilerr // it has ended the connection
				}
				if err := c.Send(m); err != nil {
					return err
				}
			}
			return nil
		}
		for prefix, h := range map[string]*ws.Handler{"": called, "/held": held} {
			mux.Handle(prefix+path, h)
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), suiteGuard)
				defer cancel()
				if err := h.Drain(ctx); err != nil {
					t.Errorf("drain: %v", err)
				}
			})
		}
	}
	handle("/echo", func() *ws.Handler { return &ws.Handler{ReadLimit: 16 << 20, StreamLimit: 16 << 20} })
	handle("/small", func() *ws.Handler { return &ws.Handler{ReadLimit: 1000, StreamLimit: 1000} })
	deflate := func(o ws.Compression) func() *ws.Handler {
		o.Enabled = true
		return func() *ws.Handler { return &ws.Handler{Compression: o, ReadLimit: 1 << 20, StreamLimit: 1 << 20} }
	}
	handle("/deflate", deflate(ws.Compression{MinSize: 1}))
	handle("/dictionary", deflate(ws.Compression{MinSize: 1, Dictionary: 4096}))
	handle("/sizes", deflate(ws.Compression{}))
	return mux
}

func suiteTargets(t *testing.T) []*suiteTarget {
	t.Helper()
	secure := httptest.NewTLSServer(suiteMux(t))
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(suiteMux(t))
	t.Cleanup(plain.Close)
	roots := secure.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	roots.NextProtos, roots.ServerName = []string{"http/1.1"}, "example.com"
	roots.CurvePreferences = []tls.CurveID{tls.X25519}
	targets := []*suiteTarget{
		{name: "net/http", pieces: true, addr: plain.Listener.Addr().String()},
		{name: "net/http over TLS", addr: secure.Listener.Addr().String(), roots: resuming(roots)},
	}
	for _, mode := range []engine.Mode{engine.Loop, engine.Pool, engine.AlwaysSlow} {
		targets = append(targets, engineTarget(t, mode, nil, roots))
	}
	tlsLoop := engineTarget(t, engine.Loop, secure.TLS, roots)
	held := &suiteTarget{name: "loop, goroutine mode", prefix: "/held", addr: targets[2].addr}
	return append(targets, tlsLoop, held)
}

// resuming spares all handshakes but the first the signature, of which a
// thousand would take longer than the cases.
func resuming(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	return config
}

func engineTarget(t *testing.T, mode engine.Mode, certificate, roots *tls.Config) *suiteTarget {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	s := &engine.Server{
		Handler: suiteMux(t), Mode: mode, MaxQueueing: -1, ErrorLog: slog.New(slog.DiscardHandler),
	}
	target := &suiteTarget{name: string(mode), pieces: mode == engine.Loop, addr: l.Addr().String()}
	if certificate != nil {
		s.TLSConfig = &tls.Config{Certificates: certificate.Certificates}
		target.name += " over TLS"
		target.roots = resuming(roots)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if certificate != nil {
			_ = s.ServeTLS(l, "", "")
		} else {
			_ = s.Serve(l)
		}
	})
	t.Cleanup(func() {
		_ = s.Close()
		serving.Wait()
	})
	return target
}

// check runs the case on every target, at once, and says what is wrong.
func (c suiteCase) check(targets []*suiteTarget) []string {
	found := make([][]string, len(targets))
	var wg sync.WaitGroup
	for i, target := range targets {
		wg.Go(func() {
			for _, cut := range []string{"whole", "in pieces"} {
				if cut != "whole" && (c.large || !target.pieces) {
					continue
				}
				if p := c.run(target, cut == "whole"); p != "" {
					found[i] = append(found[i], cut+": "+p)
				}
			}
		})
	}
	wg.Wait()
	// A problem that several servers have is told once.
	var problems []string
	where := map[string][]string{}
	for i, f := range found {
		for _, p := range f {
			if where[p] == nil {
				problems = append(problems, p)
			}
			where[p] = append(where[p], targets[i].name)
		}
	}
	for i, p := range problems {
		problems[i] = strings.Join(where[p], ", ") + ": " + p
	}
	return problems
}

// run is the case on one target; it returns what is wrong, or "".
func (c suiteCase) run(target *suiteTarget, whole bool) string {
	ctx, cancel := context.WithTimeout(context.Background(), suiteGuard)
	defer cancel()
	p, err := dialSuite(ctx, target)
	if err != nil {
		return err.Error()
	}
	defer p.nc.Close()
	if status, answer, err := p.handshake(target, c); err != nil || status != or(c.status, 101) || answer != c.answer {
		return fmt.Sprintf("handshake: status %d, extensions %q, %v", status, answer, err)
	}
	if c.status != 0 {
		return ""
	}
	for i, step := range c.steps {
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			p.send(step.send, whole)
		}()
		for _, want := range step.want {
			if got := p.frame(); got != want {
				p.nc.Close()
				<-sent
				return fmt.Sprintf("step %d: got %s, want %s", i, got, want)
			}
		}
		if i == len(c.steps)-1 {
			if got := p.frame(); got != "end" {
				p.nc.Close()
				<-sent
				return fmt.Sprintf("after the last step: got %s, want the end", got)
			}
		}
		<-sent
	}
	return ""
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// suitePeer is the client's side of a connection, with a reader of frames that
// shares no code with ours.
type suitePeer struct {
	nc       net.Conn
	br       *bufio.Reader
	takeover bool   // the server remembers what it sent
	window   []byte // what we remember then
}

func dialSuite(ctx context.Context, target *suiteTarget) (*suitePeer, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", target.addr)
	if err != nil {
		return nil, err
	}
	if target.roots != nil {
		nc = tls.Client(nc, target.roots)
	}
	deadline, _ := ctx.Deadline()
	return &suitePeer{nc: nc, br: bufio.NewReader(nc)}, nc.SetDeadline(deadline)
}

func (p *suitePeer) handshake(target *suiteTarget, c suiteCase) (status int, extensions string, err error) {
	head := strings.Replace(handshake, "GET / ", "GET "+target.prefix+or(c.path, "/echo")+" ", 1)
	for _, offer := range c.offer {
		head = strings.TrimSuffix(head, "\r\n") + "Sec-WebSocket-Extensions: " + offer + "\r\n\r\n"
	}
	if _, err := io.WriteString(p.nc, head); err != nil {
		return 0, "", err
	}
	resp, err := http.ReadResponse(p.br, nil)
	if err != nil {
		return 0, "", err
	}
	extensions = resp.Header.Get("Sec-WebSocket-Extensions")
	p.takeover = extensions != "" && !strings.Contains(extensions, "server_no_context_takeover")
	return resp.StatusCode, extensions, nil
}

// send sends b, whole or cut: into single bytes when there are few, and else
// anywhere. Errors are those of a server that has had enough.
func (p *suitePeer) send(b []byte, whole bool) {
	for len(b) > 0 {
		n := len(b)
		if !whole {
			n = min(n, 1+rand.IntN(1+len(b)/20))
		}
		if _, err := p.nc.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
	}
}

// frame reads a frame and describes it.
func (p *suitePeer) frame() string {
	var head [10]byte
	switch _, err := io.ReadFull(p.br, head[:2]); {
	case errors.Is(err, io.EOF):
		return "end"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "nothing"
	case err != nil:
		return err.Error()
	}
	n := uint64(head[1])
	switch n {
	case 126:
		_, _ = io.ReadFull(p.br, head[2:4])
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		_, _ = io.ReadFull(p.br, head[2:10])
		n = binary.BigEndian.Uint64(head[2:])
	}
	if n > 64<<20 {
		return fmt.Sprintf("a masked frame or one of %d bytes", n)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(p.br, payload); err != nil {
		return err.Error()
	}
	op, packed := wsframe.Opcode(head[0]&0x0f), head[0]&0x40 != 0
	if head[0]&0x80 == 0 || head[0]&0x30 != 0 {
		return fmt.Sprintf("a frame that begins with %x", head[0])
	}
	if !packed {
		return describe(op, payload)
	}
	message, err := p.inflate(payload)
	if err != nil {
		return "compressed, " + err.Error()
	}
	return "packed " + describe(op, message)
}

// inflate inflates with the standard library.
func (p *suitePeer) inflate(payload []byte) ([]byte, error) {
	in := io.MultiReader(bytes.NewReader(payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))
	message, err := io.ReadAll(flate.NewReaderDict(in, p.window))
	if p.takeover {
		p.window = append(p.window, message...)
		p.window = p.window[max(0, len(p.window)-32<<10):]
	}
	return message, err
}

// describe says what a frame is; a long payload by its length and sum.
func describe(op wsframe.Opcode, payload []byte) string {
	name := map[wsframe.Opcode]string{1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}[op]
	switch {
	case op == wsframe.Close && len(payload) >= 2:
		return fmt.Sprintf("close %d", binary.BigEndian.Uint16(payload))
	case len(payload) > 200:
		return fmt.Sprintf("%s of %d bytes, %08x", name, len(payload), crc32.ChecksumIEEE(payload))
	default:
		return fmt.Sprintf("%s %q", name, payload)
	}
}

// What follows makes cases.

// fragment is a masked frame that is not the last of its message.
func fragment(op wsframe.Opcode, payload string) []byte {
	return wsframe.AppendMasked(nil, wsframe.Frame{Op: op, Payload: []byte(payload)}, key)
}

func closeFrame(code uint16, reason string) []byte {
	return masked(wsframe.Close, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func text(s string) string { return describe(wsframe.Text, []byte(s)) }

func bin(s string) string { return describe(wsframe.Binary, []byte(s)) }

func say(send []byte, want ...string) suiteStep { return suiteStep{send, want} }

// leave is the end of a proper conversation.
func leave() suiteStep { return say(closeFrame(1000, ""), "close 1000") }

// proper is a conversation that the client ends.
func proper(name string, steps ...suiteStep) suiteCase {
	return suiteCase{name: name, steps: append(steps, leave())}
}

// breach is one that the server ends with code, because of b.
func breach(name string, b []byte, code int) suiteCase {
	return suiteCase{name: name, steps: []suiteStep{say(b, fmt.Sprintf("close %d", code))}}
}

func large(c suiteCase) suiteCase {
	c.large = true
	return c
}

func on(path string, c suiteCase) suiteCase {
	c.path = path
	return c
}
