//go:build unix

package token_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// BenchmarkVerify is a token that is known, and one that is not.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range []token.Algorithm{token.ES256, token.EdDSA} {
		s := newSite(b, alg)
		jwt := s.issue()
		for name, v := range map[string]*token.Verifier{"known": s.verifier, "new": s.verify(token.VerifierOptions{CacheBytes: -1})} {
			b.Run(string(alg)+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.Verify(b.Context(), jwt); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkRequest is a request on one connection over loopback, bare and with
// a credential. The goals of CPU time, client included: an API key at most 1.3
// times the bare one, a token at most 1.6 times.
func BenchmarkRequest(b *testing.B) {
	s := newSite(b, token.ES256)
	k, err := apikey.New("relay")
	assert.NoError(b, err)
	keys := apikey.NewAuthenticator(apikey.Options[string]{Prefix: "relay", Find: func(context.Context, string) (apikey.Record, string, error) {
		return apikey.Record{Hash: k.Hash}, "robot", nil
	}})
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	guarded := func(v *token.Verifier) http.Handler {
		users := auth.New(auth.Options[string]{
			ID: func(u string) string { return u }, Roles: func(string) []string { return []string{"reader"} },
			Permissions: map[string][]string{"reader": {"read"}},
			Authenticators: []auth.Authenticator[string]{
				keys, token.NewAuthenticator(token.AuthenticatorOptions[string]{Verifiers: []*token.Verifier{v}, Find: find}),
			},
		})
		return users.Identify(users.Require("read")(bare))
	}
	jwt := s.issue()
	for _, c := range []struct {
		name, bearer string
		h            http.Handler
	}{
		// The same bytes to read in each: what is measured is what is done with them.
		{"bare", jwt, bare},
		{"apikey", k.Plain, guarded(s.verifier)},
		{"jwt", jwt, guarded(s.verifier)},
		{"jwt-without-cache", jwt, guarded(s.verify(token.VerifierOptions{CacheBytes: -1}))},
	} {
		b.Run(c.name, func(b *testing.B) {
			conn := dialEngine(b, c.h)
			request := []byte("GET / HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer " + c.bearer + "\r\n\r\n")
			answers := bufio.NewReader(conn)
			began := cpu(b)
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				answer(b, answers)
			}
			b.ReportMetric(float64(cpu(b)-began)/float64(b.N), "cpu-ns/op")
		})
	}
}

func dialEngine(b *testing.B, h http.Handler) net.Conn {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(b, err)
	srv := &engine.Server{Handler: h, ErrorLog: slog.New(slog.DiscardHandler)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	assert.NoError(b, err)
	b.Cleanup(func() {
		_ = conn.Close()
		_ = srv.Close()
		<-done
	})
	return conn
}

func answer(b *testing.B, r *bufio.Reader) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.HasSuffix(string(body), "hello") {
		b.Fatalf("%s %q %v", resp.Status, body, err)
	}
}

// cpu is what the process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
