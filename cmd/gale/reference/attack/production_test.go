package attack_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/keyring"
)

const productionHost = "relay.attack.test"

// harden adds the settings of production: keys, a mail server, a public address,
// and a trusted proxy in front, which has the certificate.
func (v *victim) harden(dir string) (err error) {
	keys := filepath.Join(dir, "keys")
	lines := keyring.NewSet(time.Now()).Lines().Reveal()
	for _, line := range strings.Fields(lines) {
		v.secret(line)
	}
	if err := os.WriteFile(keys, []byte(lines), 0o600); err != nil {
		return err
	}
	if v.mails, err = newMailServer(); err != nil {
		return err
	}
	v.front = &front{}
	v.cmd.Env = append(v.cmd.Env, "RELAY_ENV=production", "RELAY_PUBLIC_URL=https://"+productionHost, "RELAY_SECRET_KEYS_FILE="+keys,
		"RELAY_SMTP_URL=smtp://"+v.mails.l.Addr().String()+"?tls=off", "RELAY_TRUSTED_PROXIES=127.0.0.1/32",
		"RELAY_AUDIT_KEY="+v.secret(rand.Text()+rand.Text()))
	return nil
}

// front is a reverse proxy with TLS. It does what proxies do with the headers
// that a client may forge: X-Forwarded-For gets the client's address at its end.
type front struct{ server *httptest.Server }

func (f *front) open(addr string) {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: addr})
			r.Out.Host = r.In.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
			r.Out.Header["X-Forwarded-Host"] = r.In.Header["X-Forwarded-Host"]
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	f.server = httptest.NewTLSServer(proxy)
}

func (f *front) close() error {
	f.server.Close()
	return nil
}

func (f *front) transport() *http.Transport {
	d := dialer()
	return &http.Transport{
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{RootCAs: f.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com"},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, f.server.Listener.Addr().String())
		},
	}
}

// mailServer takes mails by SMTP and keeps them.
type mailServer struct {
	l       net.Listener
	running sync.WaitGroup

	mu    sync.Mutex
	all   []letter
	heads []string // the headers of each mail as they came
	conns []net.Conn
}

func newMailServer() (*mailServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &mailServer{l: l}
	m.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.conns = append(m.conns, conn)
			m.mu.Unlock()
			m.running.Go(func() { m.talk(conn) })
		}
	})
	return m, nil
}

func (m *mailServer) close() error {
	err := m.l.Close()
	m.mu.Lock()
	for _, c := range m.conns {
		_ = c.Close()
	}
	m.mu.Unlock()
	m.running.Wait()
	return err
}

func (m *mailServer) letters() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.Clone(m.all)
	slices.Reverse(all)
	return all
}

// talk is the server's side of SMTP. What comes after DATA is kept as it came.
func (m *mailServer) talk(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 mail.attack.test ESMTP")
	var to []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(line[:min(4, len(line))]); verb {
		case "EHLO":
			say("250-mail.attack.test\r\n250 8BITMIME")
		case "RCPT":
			_, address, _ := strings.Cut(line, "<")
			address, _, _ = strings.Cut(address, ">")
			to = append(to, address)
			say("250 ok")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			m.take(to, b.String())
			to = nil
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (m *mailServer) take(to []string, raw string) {
	l := letter{to: strings.Join(to, ", ")}
	msg, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		l.subject = "not a mail: " + err.Error()
	} else {
		l.subject, _ = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
		body := msg.Body
		switch strings.ToLower(msg.Header.Get("Content-Transfer-Encoding")) {
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		text, err := io.ReadAll(body)
		l.text = string(text)
		if err != nil {
			l.text = "cannot be read: " + err.Error()
		}
	}
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all, m.heads = append(m.all, l), append(m.heads, head)
}

// What browsers are told over HTTPS, and what is not there at all.
func TestProductionFace(t *testing.T) {
	onProduction(t, func(t *testing.T, s *site) {
		c := s.visitor()
		for _, path := range []string{"/", "/sign-in", "/nowhere", "/api/v1/channels", "/static/none.css"} {
			a := c.get(path)
			if hsts := a.header.Get("Strict-Transport-Security"); !strings.HasPrefix(hsts, "max-age=31536000") {
				t.Errorf("%s: HSTS is %q", path, hsts)
			}
			for _, name := range []string{"Server", "X-Powered-By"} {
				if a.header.Get(name) != "" {
					t.Errorf("%s: %s is %q", path, name, a.header.Get(name))
				}
			}
		}
		for _, path := range []string{"/dev/outbox", "/metrics", "/debug/pprof/", "/readyz", "/livez", "/.env", "/.git/config", "/relay.keys", "/static/", "/static/css/", "/static/..%2f..%2frelay.keys", "/static/%2e%2e/%2e%2e/keys", "/..%2fkeys"} {
			if a := c.get(path); a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", path, a.status, text(a.body))
			}
		}
		p := s.person("dora") // whose cookies are checked as they come
		if len(p.cookies) < 2 {
			t.Errorf("the cookies are %v", p.cookies)
		}
		if strings.Contains(p.get("/profile/account").body, "outbox") {
			t.Error("production speaks of its outbox")
		}
	})
}

// By default a stolen password of an admin opens nothing of what admins may, nor
// anything else, but the way to a second factor.
func TestAdminsNeedASecondFactor(t *testing.T) {
	onProduction(t, func(t *testing.T, s *site) {
		ada := s.admin()
		for _, path := range []string{"/", "/admin/users", "/admin/roles", "/profile", "/profile/security", "/profile/export"} {
			if to := ada.get(path).is(http.StatusSeeOther).header.Get("Location"); to != "/second-factor" {
				t.Errorf("%s leads to %s", path, to)
			}
		}
		for path, pairs := range map[string][]string{
			"/channels": {"name", named("theirs")}, "/profile/keys": {"name", "k"}, "/admin/roles/admin/factor": {"must", ""}, "/reset": {"email", ada.email},
		} {
			ada.post(path, pairs...).is(http.StatusForbidden).shows("must use a second factor")
		}
		ada.get("/second-factor").is(http.StatusOK).shows("Set up a second factor")
		s.person("vera").get("/profile").is(http.StatusOK) // no admin
	})
}

// Nobody passes TLS by: without the proxy a request is one by HTTP, whatever it
// claims, and from the proxy it is believed.
func TestForgedProtocol(t *testing.T) {
	onProduction(t, func(t *testing.T, s *site) {
		answer := s.raw(t, "GET / HTTP/1.1\r\nHost: "+productionHost+"\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n")
		if strings.Contains(answer, "Strict-Transport-Security") {
			t.Errorf("a stranger is believed to be the proxy:\n%.800s", answer)
		}
	})
}

// Mails on their way: no line of a header comes from who asked for them.
func TestMailHeaders(t *testing.T) {
	onProduction(t, func(t *testing.T, s *site) {
		c := s.visitor()
		for _, evil := range []string{
			"a@example.com\r\nBcc: victim@example.com", "a@example.com\nSubject: x", "a@example.com%0d%0aBcc: b@example.com", "a@example.com\u2028Bcc: b@example.com",
			"a@example.com, b@example.com", "<a@example.com>", "a@example.com>\r\nRCPT TO:<b@example.com", "a@example.com\x00b", `"a\r\n"@example.com`, "a b@example.com", "a@exam\tple.com",
		} {
			c.post("/reset", "email", evil).is(http.StatusUnprocessableEntity, http.StatusBadRequest)
			c.post("/sign-up", "name", named("eve"), "email", evil).is(http.StatusUnprocessableEntity, http.StatusBadRequest)
		}
		for _, evil := range []string{"eve\r\nBcc: victim@example.com", "eve\n\nhttps://evil.example", "=?utf-8?q?eve?=", "https://evil.example"} {
			s.visitor().post("/sign-up", "name", evil, "email", named("eve")+"@example.com").is(http.StatusUnprocessableEntity, http.StatusBadRequest)
		}
		s.person("dora")
		s.mails.mu.Lock()
		defer s.mails.mu.Unlock()
		for _, head := range s.mails.heads {
			for line := range strings.SplitSeq(head, "\r\n") {
				name, _, ok := strings.Cut(line, ":")
				if name = strings.ToLower(name); line[0] != ' ' && line[0] != '\t' && (!ok || strings.Contains(name, "cc") || strings.ContainsAny(line, "\r\n")) {
					t.Errorf("a mail has the header %q", line)
				}
			}
		}
		for _, l := range s.mails.all {
			if strings.Contains(l.to, ",") || l.to == "victim@example.com" || l.to == "b@example.com" || strings.Contains(l.text, "evil.example") {
				t.Errorf("a mail went out: %+v", l)
			}
		}
	})
}

// Ten thousand addresses, each of which the proxy truly saw, get no further than
// one: the account itself has a limit. Its owner comes from a browser that has
// signed in before, and others are not kept out.
func TestBruteForceFromManyAddresses(t *testing.T) {
	onProduction(t, func(t *testing.T, s *site) {
		n := 10_000
		if strings.HasPrefix(s.name, "postgres") {
			n = 1000 // the same code; only the store differs
		}
		vic, other := s.person("victim"), s.person("other")
		vic.post("/sign-out").is(http.StatusSeeOther)
		counts := map[int]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		// From the proxy's own address, with what it would have written.
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		defer client.CloseIdleConnections()
		for worker := range 4 {
			wg.Go(func() {
				for i := worker; i < n; i += 4 {
					form := url.Values{"email": {vic.email}, "password": {fmt.Sprint("guess number ", i)}}
					r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.addr+"/sign-in", strings.NewReader(form.Encode()))
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					r.Header.Set("X-Forwarded-For", net.IPv4(203, byte(i>>16), byte(i>>8), byte(i)).String())
					res, err := client.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
					mu.Lock()
					counts[res.StatusCode]++
					broken := counts[http.StatusUnprocessableEntity] > 50
					mu.Unlock()
					if broken { // and thousands of hashes would take minutes
						return
					}
				}
			})
		}
		wg.Wait()
		// Five, and those that the limit allows in the time that this took.
		looked := counts[http.StatusUnprocessableEntity]
		if looked < 5 || looked > 12 || counts[http.StatusTooManyRequests] != n-looked {
			t.Errorf("of %d guesses the answers are %v", n, counts)
		}
		vic.signIn(password).is(http.StatusSeeOther)
		if !vic.isIn() {
			t.Error("the owner is kept out")
		}
		other.elsewhere()
	})
}
