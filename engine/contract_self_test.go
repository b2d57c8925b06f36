package engine_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// spoiled is a server that does not keep its promises: it passes every
// response through change.
func spoiled(change func(http.ResponseWriter, *http.Request, http.Handler)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { change(w, r, next) })
	}
}

// capitals changes one byte of what handlers write.
type capitals struct{ http.ResponseWriter }

func (c capitals) Write(p []byte) (int, error) {
	return c.ResponseWriter.Write([]byte(strings.Replace(string(p), "e", "E", 1)))
}

// A suite that cannot fail proves nothing: each way in which a server may be
// wrong must be seen.
func TestContractSeesWrongServers(t *testing.T) {
	t.Parallel()
	greet := contractCase{
		name: "greet",
		do: func(k *run, w http.ResponseWriter, r *http.Request) {
			k.note("%s from %s", r.Method, r.Header.Get("X-From"))
			_, _ = w.Write([]byte("hello"))
		},
		send: ask("GET /", "X-From: me") + last,
		want: text("hello") + lastReply,
	}
	certificate := lentCertificate(t)
	reference := &target{name: "reference"}
	reference.shared = startShared(t, reference, certificate)

	for name, c := range map[string]struct {
		change func(w http.ResponseWriter, r *http.Request, next http.Handler)
		seen   string
	}{
		"right": {func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }, ""},
		"byte":  {func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(capitals{w}, r) }, "not as net/http"},
		"field": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("X-More", "1")
			next.ServeHTTP(w, r)
		}, "X-More"},
		"close": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("Connection", "close")
			next.ServeHTTP(w, r)
		}, "Connection: close"},
		"request": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Header.Set("X-From", "you")
			next.ServeHTTP(w, r)
		}, "the handler met other things"},
		"date": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header()["Date"] = nil
			next.ServeHTTP(w, r)
		}, "Date"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on := &target{name: name, mode: engine.Std, wrap: spoiled(c.change)}
			on.shared = startShared(t, on, certificate)
			problems := strings.Join(greet.check([]*target{reference, on}), "\n")
			if c.seen == "" {
				assert.Equal(t, problems, "")
				return
			}
			assert.Contains(t, problems, c.seen)
		})
	}
}

func TestContractSeesWrongExpectations(t *testing.T) {
	t.Parallel()
	reference := &target{name: "reference"}
	reference.shared = startShared(t, reference, lentCertificate(t))
	check := func(c contractCase) string { return strings.Join(c.check([]*target{reference}), "\n") }

	assert.Contains(t, check(contractCase{do: says("a"), send: last, want: text("b")}), "not as promised")
	assert.Contains(t, check(contractCase{do: says("a"), send: last, notes: []string{"x"}}), "noted other things")
	assert.Equal(t, check(contractCase{do: says("a"), send: last, want: lastReply}), "")

	// A refusal that is none.
	accepts := contractCase{do: says("a"), send: ask("GET /") + last, refused: []int{400}}
	engineTarget := &target{name: "engine", mode: engine.Pool, own: true, shared: reference.shared}
	problems := strings.Join(accepts.check([]*target{reference, engineTarget}), "\n")
	assert.Contains(t, problems, "want it refused by [400]")
	assert.Contains(t, problems, "a request was served all the same")
}

// rude refuses, but serves what follows; a smuggled request would get through.
func TestContractSeesSmuggling(t *testing.T) {
	t.Parallel()
	l := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go rude(c)
		}
	}()
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	c := contractCase{do: says("a"), send: ask("GET /"), refused: []int{400}}
	on := &target{name: "rude", mode: engine.Loop, own: true, shared: &served{addr: l.Addr().String()}}
	assert.Contains(t, strings.Join(c.check([]*target{on}), "\n"), "a request was served all the same")
}

func rude(c net.Conn) {
	defer c.Close()
	_, _ = http.ReadRequest(bufio.NewReader(c))
	_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno\r\nHTTP/1.1 200 OK\r\n\r\n")
}

func TestContractJoinsChunks(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	one, two := head+"3\r\nabc\r\n0\r\nT: 1\r\n\r\n", head+"1\r\na\r\n2\r\nbc\r\n0\r\nT: 1\r\n\r\n"
	assert.Equal(t, joinChunks(one+lastReply), joinChunks(two+lastReply))
	for _, other := range []string{
		head + "3\r\nabd\r\n0\r\nT: 1\r\n\r\n", head + "3\r\nabc\r\n0\r\n\r\n", head + "3\r\nabc\r\n",
		head + "3\r\nabc\r\n0\r\n", "", one + one,
	} {
		if joinChunks(other) == joinChunks(one) {
			t.Errorf("%q passes for %q", other, one)
		}
	}
	assert.Equal(t, mask("a\r\nDate: Mon\r\nb"), "a\r\nDate: now\r\nb")
	assert.Equal(t, anyGoodbye.forgive(text("x")+"HTTP/1.1 400 X\r\nConnection: close\r\n\r\nwhy|closed"), text("x")+"|closed")
}
