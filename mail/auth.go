package mail

import (
	"errors"
	"slices"

	gosmtp "github.com/wneessen/go-mail/smtp"
)

// signIn is the PLAIN mechanism, or LOGIN where a server offers only that.
// Both show the password to the server, which [SMTP] allows only over verified
// TLS; go-mail's own discovery does not know that a connection from a dialer of
// ours is encrypted.
type signIn struct {
	host, username, password string
	chosen                   gosmtp.Auth
}

func (a *signIn) Start(server *gosmtp.ServerInfo) (string, []byte, error) {
	switch {
	case slices.Contains(server.Auth, "PLAIN"):
		a.chosen = gosmtp.PlainAuth("", a.username, a.password, a.host, false)
	case slices.Contains(server.Auth, "LOGIN"):
		a.chosen = gosmtp.LoginAuth(a.username, a.password, a.host, false)
	default:
		return "", nil, errors.New("the server offers neither AUTH PLAIN nor AUTH LOGIN")
	}
	return a.chosen.Start(server)
}

func (a *signIn) Next(fromServer []byte, more bool) ([]byte, error) {
	return a.chosen.Next(fromServer, more)
}
