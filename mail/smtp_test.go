package mail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/mail"
)

// server is an SMTP server that knows just enough to take a message.
type server struct {
	starttls bool
	implicit bool
	reply    map[string]string // by verb, instead of the usual reply
	hangAt   string            // the verb after which nothing more is said

	host     string
	port     int
	tls      *tls.Config
	roots    *x509.CertPool
	lines    chan string // what the client said, message included
	finished chan struct{}
}

func start(t *testing.T, s server) *server {
	t.Helper()
	ts := httptest.NewTLSServer(nil) // lends its certificate
	t.Cleanup(ts.Close)
	s.tls = &tls.Config{Certificates: ts.TLS.Certificates}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(ts.Certificate())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	s.host, s.port = "127.0.0.1", l.Addr().(*net.TCPAddr).Port
	s.lines, s.finished = make(chan string, 1000), make(chan struct{})
	go func() {
		defer close(s.finished)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if s.implicit {
			conn = tls.Server(conn, s.tls)
		}
		s.talk(conn)
	}()
	t.Cleanup(func() { assert.NoError(t, l.Close()); <-s.finished })
	return &s
}

func (s *server) talk(conn net.Conn) {
	r := bufio.NewReader(conn)
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 test ESMTP")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.lines <- line
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if verb == s.hangAt {
			_, _ = io.Copy(io.Discard, r)
			return
		}
		if reply, ok := s.reply[verb]; ok {
			say(reply)
			continue
		}
		switch verb {
		case "EHLO":
			say("250-test")
			if s.starttls {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go ahead")
			conn = tls.Server(conn, s.tls)
			r = bufio.NewReader(conn)
			s.starttls = false
		case "AUTH":
			say("235 welcome")
		case "DATA":
			say("354 go ahead")
			for line != "." {
				line, err = r.ReadString('\n')
				if err != nil {
					return
				}
				line = strings.TrimRight(line, "\r\n")
				s.lines <- line
			}
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// said waits for the connection's end and returns what the client said.
func (s *server) said() string {
	<-s.finished
	close(s.lines)
	var all []string
	for line := range s.lines {
		all = append(all, line)
	}
	return strings.Join(all, "\n")
}

func (s *server) options() mail.SMTPOptions {
	return mail.SMTPOptions{
		Host: s.host, Port: s.port, ImplicitTLS: s.implicit, From: "Gale <noreply@example.com>",
		TLSConfig: &tls.Config{RootCAs: s.roots, ServerName: "127.0.0.1"}, Hostname: "client.test",
	}
}

var message = mail.Message{
	To: []string{"Ada <ada@example.com>"}, Bcc: []string{"eve@example.com"},
	Subject: "Grüße", Text: "text body", HTML: "<p>html body</p>",
	Header: map[string]string{"X-Kind": "test"},
}

func TestSendOverTLS(t *testing.T) {
	t.Parallel()
	for _, implicit := range []bool{false, true} {
		s := start(t, server{starttls: !implicit, implicit: implicit})
		o := s.options()
		o.Username, o.Password = "user", "pass"
		assert.NoError(t, mail.NewSMTP(o).Send(t.Context(), message))
		said := s.said()
		for _, want := range []string{
			"EHLO client.test", "AUTH PLAIN", "MAIL FROM:<noreply@example.com>",
			"RCPT TO:<ada@example.com>", "RCPT TO:<eve@example.com>",
			`From: "Gale" <noreply@example.com>`, "Subject: =?UTF-8?q?Gr=C3=BC=C3=9Fe?=",
			"X-Kind: test", "text body", "<p>html body</p>", "Date: ", "Message-ID: ",
		} {
			assert.Contains(t, said, want)
		}
		assert.True(t, strings.Contains(said, "STARTTLS") == !implicit, "STARTTLS was or was not said")
		assert.True(t, !strings.Contains(said, "Bcc"), "the message names its blind copies")
	}
}

// A man in the middle strips STARTTLS from the greeting.
func TestRefusesStrippedTLS(t *testing.T) {
	t.Parallel()
	s := start(t, server{})
	o := s.options()
	o.Username, o.Password = "user", "pass"
	err := mail.NewSMTP(o).Send(t.Context(), message)
	assert.True(t, err != nil, "the message was sent in the clear")
	said := s.said()
	assert.True(t, !strings.Contains(said, "MAIL") && !strings.Contains(said, "AUTH"), "something was said in the clear: "+said)
}

func TestRefusesUnknownCertificate(t *testing.T) {
	t.Parallel()
	for _, implicit := range []bool{false, true} {
		s := start(t, server{starttls: !implicit, implicit: implicit})
		o := s.options()
		o.TLSConfig = nil
		err := mail.NewSMTP(o).Send(t.Context(), message)
		assert.True(t, err != nil, "an unknown certificate was accepted")
		assert.Contains(t, err.Error(), "certificate")
		assert.True(t, !strings.Contains(s.said(), "MAIL"), "the message went out")
	}
}

func TestUnencryptedRelay(t *testing.T) {
	t.Parallel()
	s := start(t, server{})
	o := s.options()
	o.Unencrypted, o.TLSConfig = true, nil
	assert.NoError(t, mail.NewSMTP(o).Send(t.Context(), message))
	assert.Contains(t, s.said(), "text body")
}

func TestNewSMTPPanics(t *testing.T) {
	t.Parallel()
	assert.Panics(t, func() { mail.NewSMTP(mail.SMTPOptions{}) })
	assert.Panics(t, func() { mail.NewSMTP(mail.SMTPOptions{Host: "x", Unencrypted: true, Username: "u"}) })
}

func TestErrorsTellTemporaryFromLasting(t *testing.T) {
	t.Parallel()
	busy := start(t, server{starttls: true, reply: map[string]string{"RCPT": "451 busy, try later"}})
	err := mail.NewSMTP(busy.options()).Send(t.Context(), message)
	assert.ErrorIs(t, err, mail.ErrTemporary)
	assert.Contains(t, err.Error(), "451")

	refusing := start(t, server{starttls: true, reply: map[string]string{"RCPT": "550 no such user"}})
	err = mail.NewSMTP(refusing.options()).Send(t.Context(), message)
	assert.Contains(t, err.Error(), "550")
	assert.True(t, !isTemporary(err), "a refusal is called temporary")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	assert.NoError(t, l.Close())
	err = mail.NewSMTP(mail.SMTPOptions{Host: "127.0.0.1", Port: port, From: "a@example.com"}).Send(t.Context(), message)
	assert.ErrorIs(t, err, mail.ErrTemporary)
}

func TestHangingServerIsLeft(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"EHLO", "MAIL", "DATA"} {
		s := start(t, server{starttls: true, hangAt: verb})
		o := s.options()
		o.Timeout = 200 * time.Millisecond
		err := mail.NewSMTP(o).Send(t.Context(), message)
		assert.ErrorIs(t, err, mail.ErrTemporary)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		_ = s.said()
	}
}
