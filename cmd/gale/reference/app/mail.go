package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"

	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/mail"
)

// OpenMail returns what sends mail: the server of the configuration, or, in
// development without one, an outbox whose mails are shown at /dev/outbox.
func OpenMail(cfg config.Config) (mail.Sender, error) {
	if cfg.SMTPURL.IsZero() && !cfg.Production() {
		return &mail.Memory{From: from(cfg)}, nil
	}
	u, err := url.Parse(cfg.SMTPURL.Reveal())
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("SMTP_URL must be like smtp://user:password@host or smtps://…") // and not shown: it has a password
	}
	o := mail.SMTPOptions{Host: u.Hostname(), ImplicitTLS: u.Scheme == "smtps", From: from(cfg), Username: u.User.Username()}
	o.Password, _ = u.User.Password()
	if u.Port() != "" {
		if o.Port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, errors.New("SMTP_URL: the port is not a number")
		}
	}
	switch tls := u.Query().Get("tls"); tls {
	case "":
	case "off":
		if o.Unencrypted = true; o.Username != "" || o.ImplicitTLS {
			return nil, errors.New("SMTP_URL: tls=off is for a server on this machine, without a password, by smtp://")
		}
	default:
		return nil, fmt.Errorf("SMTP_URL: tls=%q is not known; leave it out, or use tls=off for a server on this machine", tls)
	}
	return mail.NewSMTP(o), nil
}

func from(cfg config.Config) string {
	host := "localhost"
	if u, err := url.Parse(cfg.Public()); err == nil {
		if _, err := netip.ParseAddr(u.Hostname()); err != nil {
			host = u.Hostname()
		}
	}
	return cmp.Or(cfg.MailFrom, "relay <relay@"+host+">")
}

// outbox returns what keeps mails instead of sending them, in development, or
// nil. Whoever could see it in production could take over every account.
func (a *App) outbox() *mail.Memory {
	if o, ok := a.o.Mail.(*mail.Memory); ok && !a.o.Config.Production() {
		return o
	}
	return nil
}

// outboxPage shows them to who is at this machine, or has the key that the log
// has: the links in them open every account. It is not called a token, which the
// log would mask.
func (a *App) outboxPage() *handlers.Outbox {
	mails := a.outbox()
	if mails == nil {
		return &handlers.Outbox{}
	}
	exposed, level := a.o.Config.Exposed(), slog.LevelInfo
	if exposed {
		level = slog.LevelWarn
	}
	h := &handlers.Outbox{Mails: mails, Key: rand.Text(), Local: func(host string) bool { return !exposed && config.LocalHost(host) }}
	a.o.Logger.Log(context.Background(), level, "mails are not sent but shown at this address, which is secret", "url", a.o.Config.Public()+a.outboxPath()+"?key="+h.Key)
	return h
}

// outboxPath is where the mails of an outbox are shown, or "".
func (a *App) outboxPath() string {
	if a.outbox() == nil {
		return ""
	}
	return "/dev/outbox"
}
