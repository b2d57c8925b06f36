package attack_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// smuggled is a request that a front end would take for a body, and a back end
// for a request of its own.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

// pairs are requests that two readers may end at different places. None may be
// answered twice.
var pairs = [...]struct{ what, request string }{
	{"CL.TE", "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: " + strconv.Itoa(5+len(smuggled)) + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled},
	{"TE.CL", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + fmt.Sprintf("%x", len(smuggled)) + "\r\n" + smuggled + "\r\n0\r\n\r\n"},
	{"two lengths", "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled},
	{"list of lengths", "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 0, " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled},
	{"plus", "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n" + smuggled},
	{"minus", "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" + smuggled},
	{"hexadecimal", "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 0x0\r\n\r\n" + smuggled},
	{"too many digits", "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n" + smuggled},
	{"blank before the colon", "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length : " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled},
	{"folded line", "POST /sign-in HTTP/1.1\r\nHost: x\r\nX: y\r\n Content-Length: " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled},
	{"blank before the first name", "POST /sign-in HTTP/1.1\r\n Host: x\r\nContent-Length: 0\r\n\r\n" + smuggled},
	{"bare CR", "POST /sign-in HTTP/1.1\r\nHost: x\rContent-Length: 0\r\n\r\n" + smuggled},
	{"NUL in a value", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x00chunked\r\n\r\n0\r\n\r\n" + smuggled},
	{"unknown coding", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled},
	{"coding twice", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled},
	{"coding and another", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled},
	{"vertical tab", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + smuggled},
	{"coding in HTTP/1.0", "POST /sign-in HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n" + smuggled},
	{"chunk without a number", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\r\n\r\n" + smuggled},
	{"negative chunk", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + smuggled},
	{"chunk with 0x", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + smuggled},
	{"chunk that overflows", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n" + smuggled},
	{"chunk longer than said", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n" + smuggled},
	{"chunk ended by LF LF", "POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0;\nX\r\n\r\n" + smuggled},
	{"lower-case method", "get / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n" + smuggled},
	{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + smuggled},
	{"HTTP/0.9", "GET /\r\n" + smuggled},
	{"HTTP/1.2", "GET / HTTP/1.12\r\nHost: x\r\n\r\n" + smuggled},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + smuggled},
	{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + smuggled},
	{"blank in the target", "GET / a HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled},
}

// readByNetHTTP are those that net/http takes, in a way that RFC 9112 allows
// (sections 6.3 and 5.2): put no proxy in front of it that reads them otherwise.
// gale's engine refuses them.
var readByNetHTTP = map[string]bool{"CL.TE": true, "folded line": true, "coding in HTTP/1.0": true}

// answers counts the answers in what came by a connection.
func answers(text string) int {
	return len(regexp.MustCompile(`HTTP/1\.[01] \d\d\d `).FindAllString(text, -1))
}

func TestSmuggling(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		for _, pair := range pairs {
			if strings.Contains(s.name, "nethttp") && readByNetHTTP[pair.what] {
				continue
			}
			// What cannot be read, and what is refused before it is: one answer, and the
			// connection is closed.
			if got := s.raw(t, pair.request); answers(got) > 1 || !strings.HasPrefix(got, "HTTP/1.1 4") && !strings.HasPrefix(got, "HTTP/1.1 5") && got != "" {
				t.Errorf("%s: the answers are\n%s", pair.what, heads(got))
			}
		}
		// Two that are well formed are two.
		if got := s.raw(t, "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"+smuggled); answers(got) != 2 {
			t.Errorf("two requests are answered by\n%s", heads(got))
		}
	})
}

// heads are the first lines of answers, for messages.
func heads(text string) string {
	return strings.Join(regexp.MustCompile(`HTTP/1\.[01] \d\d\d [^\r]*`).FindAllString(text, -1), "\n")
}

// ready reports that relay is healthy, by its own account and by a page.
func (s *site) ready() {
	s.t.Helper()
	res, err := http.Get("http://" + s.ops + "/readyz")
	if err != nil {
		s.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		s.t.Errorf("/readyz is %s", res.Status)
	}
	s.visitor().get("/sign-in").is(http.StatusOK)
}

// memory returns the most that relay has had resident, in MiB.
func (s *site) memory() int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		s.t.Fatal("the kernel does not say how much memory was used")
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	return kb / 1024
}

// Connections that say half of something and wait hold nobody up, and cost little.
func TestHalfRequests(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		before := s.memory()
		halves := []string{
			"", "\r\n", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 4000),
			"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nemail=", "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nem",
			"POST /sign-in HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", "GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
		}
		var open []net.Conn
		defer func() {
			for _, c := range open {
				_ = c.Close()
			}
		}()
		for i := range 300 {
			conn, err := dialer().DialContext(t.Context(), "tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
			if _, err := io.WriteString(conn, halves[i%len(halves)]); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 { // one byte of a header each, from all
			for _, c := range open[:50] {
				_, _ = io.WriteString(c, "a")
			}
		}
		s.ready()
		s.person("patient").elsewhere()
		if grown := s.memory() - before; grown > 100 {
			t.Errorf("300 half requests cost %d MiB", grown)
		}
		// Cut off in the middle, with and without a word.
		for i, c := range open {
			if i%2 == 0 {
				_ = c.(*net.TCPConn).SetLinger(0)
			}
			_ = c.Close()
		}
		s.ready()
	})
}

// Headers without end are refused before they are kept.
func TestHugeHeaders(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		before := s.memory()
		var senders sync.WaitGroup
		for i := range 12 {
			conn, err := dialer().DialContext(t.Context(), "tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			senders.Go(func() {
				defer conn.Close()
				piece := [...]string{"X: " + strings.Repeat("a", 8000) + "\r\n", strings.Repeat("a", 8000), strings.Repeat("X: y\r\n", 1300), "Cookie: a=" + strings.Repeat("b", 8000) + "\r\n"}[i%4]
				start := "GET / HTTP/1.1\r\nHost: x\r\n"
				if i%4 == 1 {
					start = "GET /"
				}
				got := make(chan string, 1)
				go func() { text, _ := bufio.NewReader(conn).ReadString('\n'); got <- text }()
				sent, err := io.WriteString(conn, start)
				for sent < 32<<20 && err == nil {
					var n int
					n, err = io.WriteString(conn, piece)
					sent += n
				}
				if err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
					t.Error(err)
				}
				_ = conn.Close() // what came after the answer may have been thrown away
				if text := <-got; text != "" && !strings.HasPrefix(text, "HTTP/1.1 4") {
					t.Errorf("the answer is %q", text)
				}
			})
		}
		senders.Wait()
		s.ready()
		if grown := s.memory() - before; grown > 100 {
			t.Errorf("headers without end cost %d MiB", grown)
		}
	})
}

// Bodies that are chunked badly, come compressed, or are not read.
func TestOddBodies(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		before := s.memory()
		form := "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
		for what, request := range map[string]string{
			"many tiny chunks":        form + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\na\r\n", 100_000) + "0\r\n\r\n",
			"long chunk extensions":   form + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 4000)+"\r\na\r\n", 1000) + "0\r\n\r\n",
			"trailers without end":    form + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 5000) + "\r\n",
			"trailers that authorize": form + "Transfer-Encoding: chunked\r\nTrailer: Cookie, Authorization, Host\r\n\r\n3\r\na=b\r\n0\r\nCookie: " + cookieName + "=x\r\nHost: evil.example\r\n\r\n",
			"a length of gigabytes":   form + "Content-Length: 99999999999\r\n\r\nemail=",
			"compressed":              form + "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x08\x00\x00",
			"many expectations":       form + "Expect: 100-continue, 200-ok\r\nContent-Length: 0\r\n\r\n",
			"cut off":                 form + "Content-Length: 100\r\n\r\nemail=a",
			"cut off in a chunk":      form + "Transfer-Encoding: chunked\r\n\r\nff\r\nemail",
		} {
			if got := s.raw(t, request); strings.HasPrefix(got, "HTTP/1.1 5") || strings.HasPrefix(got, "HTTP/1.1 2") || strings.HasPrefix(got, "HTTP/1.1 3") {
				t.Errorf("%s: %s", what, heads(got))
			}
		}
		// A thousand requests at once on one connection, whose answers nobody reads.
		conn, err := dialer().DialContext(t.Context(), "tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second)) // until it is refused, or no more is taken
		_, _ = conn.Write(bytes.Repeat([]byte("GET /static/css/pico.min.css HTTP/1.1\r\nHost: x\r\n\r\nGET /api HTTP/1.1\r\nHost: x\r\n\r\n"), 1000))
		s.ready()
		if grown := s.memory() - before; grown > 100 {
			t.Errorf("odd bodies cost %d MiB", grown)
		}
	})
}

// Noise on the live sockets: frames that are no frames, and subscriptions to what
// is not there or not theirs.
func TestSocketNoise(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		vic := s.operator("victim")
		channel := named("closed")
		vic.post("/channels", "name", channel, "title", "Closed").is(http.StatusSeeOther)
		handshake := "GET /live HTTP/1.1\r\nHost: " + s.addr + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
		frame := func(text string) string { // masked by zeros, in one piece
			head := []byte{0x81, 0xfe, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}
			if len(text) < 126 {
				head = []byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}
			}
			return string(head) + text
		}
		for _, noise := range []string{
			"\x81\x05hello", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", "\x89\xfe\x01\x00\x00\x00\x00\x00" + strings.Repeat("a", 256), "\x88\x81\x00\x00\x00\x00a", "\x00\x80\x00\x00\x00\x00", "\xc1\x80\x00\x00\x00\x00",
			frame("{"), frame("null"), frame("[]"), frame(strings.Repeat("[", 60_000)), frame(`{"id":1}`), frame("\xff\xfe"), frame(`{"subscribe":"packets/../../x"}`), "GET / HTTP/1.1\r\nHost: x\r\n\r\n", strings.Repeat("\x81\x80\x00\x00\x00\x00", 20_000),
		} {
			if got := s.raw(t, handshake+noise); strings.Contains(got, `"payload"`) || !strings.HasPrefix(got, "HTTP/1.1 101 ") {
				t.Errorf("%.40q is answered %.300q", noise, got)
			}
		}
		// Who may not watch a channel does not, by any transport; who may, does.
		sub := `{"type":"subscribe","topic":"packets/` + channel + `"}`
		for _, who := range []struct {
			c    *visitor
			says string
		}{{s.visitor(), `"forbidden"`}, {vic.visitor, `"subscribed"`}} {
			cookie := "Cookie: x=y"
			if value := who.c.cookies[cookieName]; value != "" {
				cookie = "Cookie: " + cookieName + "=" + value
			}
			poll := `{"sub":[` + sub + `]}`
			for what, request := range map[string]string{
				"socket": strings.Replace(handshake, "\r\nConnection", "\r\n"+cookie+"\r\nConnection", 1) + frame(sub),
				"stream": "GET /live?transport=sse&sub=" + url.QueryEscape("["+sub+"]") + " HTTP/1.1\r\nHost: x\r\n" + cookie + "\r\n\r\n",
				"poll":   "POST /live?transport=poll HTTP/1.1\r\nHost: x\r\n" + cookie + "\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(poll)) + "\r\n\r\n" + poll,
			} {
				if got := s.talk(t, request, `"forbidden"`, `"subscribed"`); !strings.Contains(got, who.says) {
					t.Errorf("a subscription by %s is answered %q, want %s", what, got, who.says)
				}
			}
		}
		s.ready()
	})
}

// talk sends bytes on a connection of its own and returns what comes up to one of
// these words.
func (s *site) talk(t *testing.T, request string, words ...string) string {
	t.Helper()
	conn, err := dialer().DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for piece := make([]byte, 4096); ; {
		n, err := conn.Read(piece)
		got = append(got, piece[:n]...)
		for _, word := range words {
			if bytes.Contains(got, []byte(word)) {
				return string(got)
			}
		}
		if err != nil {
			return string(got) + err.Error()
		}
	}
}

// Many sockets of one address: it is refused, and others are not.
func TestManyConnections(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		d := dialer()
		var open []net.Conn
		defer func() {
			for _, c := range open {
				_ = c.Close()
			}
		}()
		for range 500 {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			conn, err := d.DialContext(ctx, "tcp", s.addr)
			cancel()
			if err != nil {
				break // refused, which is right too
			}
			open = append(open, conn)
			_, _ = io.WriteString(conn, "GET /")
		}
		s.ready()
	})
}

// The ops listener is for this machine's operators, not for pages in their
// browsers: neither by another name that leads here, nor by a link.
func TestOpsByPages(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		for _, headers := range []map[string]string{{"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}} {
			for _, path := range []string{"/metrics", "/debug/pprof/heap", "/readyz", "/"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.ops+path, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				for name, value := range headers {
					r.Header.Set(name, value)
				}
				if host := headers["Host"]; host != "" {
					r.Host = host
				}
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusMisdirectedRequest {
					t.Errorf("%s with %v: %s", path, headers, res.Status)
				}
			}
		}
		for _, path := range []string{"/metrics", "/debug/pprof/", "/readyz", "/livez", "/debug/stalls", "/debug/vars"} {
			s.visitor().get(path).is(http.StatusNotFound) // at the public port
		}
	})
}
