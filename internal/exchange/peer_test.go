package exchange_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/memnet"
)

// reply is what a client sees of a request, and whether the connection is kept.
type reply struct {
	Bytes string
	Kept  bool
	Log   string
}

// marker is a second request: its answer shows that a connection was kept and
// that its input stands where it should.
const marker = "GET /marker HTTP/1.1\r\nHost: marker\r\n\r\n"

const markerReply = "HTTP/1.1 200 OK\r\nX-Marker: 1\r\nDate: D\r\nContent-Length: 0\r\n\r\n"

func marked(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/marker" {
			w.Header().Set("X-Marker", "1")
			return
		}
		h(w, r)
	}
}

// byPeer has net/http's server answer.
func byPeer(t testing.TB, h http.HandlerFunc, in string) reply {
	t.Helper()
	l, lines := memnet.Listen("gale.test:80"), &logs{}
	srv := &http.Server{Handler: marked(h), ErrorLog: log.New(lines, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(l)
	}()
	defer func() {
		_ = srv.Close()
		<-served
	}()
	conn, err := l.Dial(context.Background())
	assert.NoError(t, err)
	defer conn.Close()
	go func() {
		_, _ = io.WriteString(conn, in+marker)
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	out, _ := io.ReadAll(conn)
	return seen(string(out), lines)
}

// byExchange has exchanges answer.
func byExchange(t testing.TB, h http.HandlerFunc, in string, chunk int) reply {
	t.Helper()
	w, lines := &wire{}, &logs{}
	in += marker
	for chunk > 0 && len(in) > chunk {
		w.chunks = append(w.chunks, in[:chunk])
		in = in[chunk:]
	}
	w.chunks = append(w.chunks, in)
	c := config(marked(h), lines)
	for range 2 {
		x := begin(t, c, w)
		if out := x.Serve(); out.Close || out.Abort || out.Hijacked {
			break
		}
	}
	return seen(w.written(), lines)
}

func seen(out string, lines *logs) reply {
	out = regexp.MustCompile(`Date: [^\r]*`).ReplaceAllString(out, "Date: D")
	out, kept := strings.CutSuffix(out, markerReply)
	return reply{Bytes: out, Kept: kept, Log: warning(lines.String())}
}

// warning is the part of a log that both servers share: what was found fault
// with.
func warning(s string) string {
	for _, w := range []string{"superfluous response.WriteHeader", "invalid Content-Length", "panic serving"} {
		if strings.Contains(s, w) {
			return w
		}
	}
	return ""
}

var _ exchange.Wire = (*wire)(nil)
