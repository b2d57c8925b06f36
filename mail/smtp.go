package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// SMTPOptions say how to reach a server. Host is required.
type SMTPOptions struct {
	// Host is the server's name, which its certificate must bear.
	Host string
	// Port defaults to 587 with STARTTLS, and to 465 with ImplicitTLS.
	Port int
	// ImplicitTLS begins with the handshake instead of STARTTLS.
	ImplicitTLS bool
	// Unencrypted sends in the clear, for a relay on this machine. It is
	// refused together with a Username.
	Unencrypted bool
	// TLSConfig overrides the one made from Host, TLS 1.2 at least.
	TLSConfig *tls.Config
	// Username and Password sign in by PLAIN or LOGIN. Optional.
	Username, Password string
	// From is the author of messages that name none. Optional.
	From string
	// Hostname is what we call ourselves in EHLO. Defaults to the system's.
	Hostname string
	// Timeout limits a Send from dialling to the end. Defaults to 30 s.
	Timeout time.Duration
}

// SMTP is a [Sender] over SMTP. Make it by [NewSMTP].
type SMTP struct{ o SMTPOptions }

// NewSMTP returns a sender; it does not connect. It panics when o has no Host,
// or would send a password in the clear.
func NewSMTP(o SMTPOptions) *SMTP {
	switch {
	case o.Host == "":
		panic("mail: SMTPOptions has no Host; set it to the server's name")
	case o.Unencrypted && (o.Username != "" || o.ImplicitTLS):
		panic("mail: SMTPOptions has Unencrypted with a Username or ImplicitTLS; remove Unencrypted")
	}
	port := 587
	if o.ImplicitTLS {
		port = 465
	}
	o.Port = cmp.Or(o.Port, port)
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	return &SMTP{o}
}

// Send delivers m to the server on a connection of its own.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	m.From = cmp.Or(m.From, s.o.From)
	if err := m.Check(); err != nil {
		return err
	}
	msg, err := compose(m)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	client, err := s.client(ctx)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return s.explain(ctx, client.DialAndSendWithContext(ctx, msg))
}

func (s *SMTP) client(ctx context.Context) (*gomail.Client, error) {
	opts := []gomail.Option{
		gomail.WithTimeout(s.o.Timeout + time.Second), // so that the context's deadline, which tells why, comes first
		gomail.WithTLSPolicy(gomail.TLSMandatory),
		gomail.WithPort(s.o.Port),
		gomail.WithDialContextFunc(s.dial(ctx)),
	}
	if s.o.Unencrypted {
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.o.ImplicitTLS {
		opts = append(opts, gomail.WithSSL())
	}
	if s.o.TLSConfig != nil {
		opts = append(opts, gomail.WithTLSConfig(s.o.TLSConfig))
	}
	if s.o.Username != "" {
		opts = append(opts, gomail.WithSMTPAuthCustom(&signIn{
			host: s.o.Host, username: s.o.Username, password: s.o.Password,
		}))
	}
	if s.o.Hostname != "" {
		opts = append(opts, gomail.WithHELO(s.o.Hostname))
	}
	return gomail.NewClient(s.o.Host, opts...)
}

// dial closes the connection when ctx ends: go-mail heeds the context while it
// connects, but a server may hang at any later step.
func (s *SMTP) dial(ctx context.Context) gomail.DialContextFunc {
	return func(dialCtx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		if !s.o.ImplicitTLS {
			return conn, nil
		}
		config := s.o.TLSConfig.Clone()
		if config == nil {
			config = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		config.ServerName = cmp.Or(config.ServerName, s.o.Host)
		return tls.Client(conn, config), nil
	}
}

// explain tells apart what may pass from what will not.
func (s *SMTP) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %s did not take the message in time: %w", ErrTemporary, s.o.Host, ctx.Err())
	}
	if se, ok := errors.AsType[*gomail.SendError](err); ok {
		if se.IsTemp() {
			return fmt.Errorf("%w: %s: %w", ErrTemporary, s.o.Host, err)
		}
		return fmt.Errorf("mail: %s refused the message: %w", s.o.Host, err)
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%w: %s: %w", ErrTemporary, s.o.Host, err)
	}
	return fmt.Errorf("mail: %s: %w", s.o.Host, err)
}

func compose(m Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.From(m.From); err != nil {
		return nil, err
	}
	for _, set := range []struct {
		addresses []string
		set       func(...string) error
	}{{m.To, msg.To}, {m.Cc, msg.Cc}, {m.Bcc, msg.Bcc}} {
		if len(set.addresses) == 0 {
			continue
		}
		if err := set.set(set.addresses...); err != nil {
			return nil, err
		}
	}
	if m.ReplyTo != "" {
		if err := msg.ReplyTo(m.ReplyTo); err != nil {
			return nil, err
		}
	}
	msg.Subject(m.Subject)
	for name, value := range m.Header {
		msg.SetGenHeader(gomail.Header(name), value)
	}
	msg.SetDate()
	msg.SetMessageID()
	if m.Text != "" {
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	}
	switch {
	case m.HTML != "" && m.Text != "":
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	case m.HTML != "":
		msg.SetBodyString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}
