package mail

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sender delivers messages or hands them to someone who does.
type Sender interface {
	// Send returns nil once the message was taken, [ErrInvalid] when it can
	// never be sent, and [ErrTemporary] when trying later may help.
	Send(ctx context.Context, m Message) error
}

// ErrInvalid is the error of a message that no server should see.
var ErrInvalid = errors.New("mail: invalid message")

// ErrTemporary is the error of a failure that may pass, such as a server that
// cannot be reached or is busy.
var ErrTemporary = errors.New("mail: temporary failure")

const (
	maxRecipients = 100
	maxBody       = 1 << 20
)

// Message is one message. Addresses are "ada@example.com" or
// "Ada <ada@example.com>", one a string.
type Message struct {
	// From is the author. Defaults to the From of the sender's options.
	From string
	// To, Cc and Bcc are the recipients; at least one is required. Nobody sees
	// those in Bcc.
	To, Cc, Bcc []string
	// ReplyTo is where answers go. Optional.
	ReplyTo string
	// Subject is a single line.
	Subject string
	// Text and HTML are the body; at least one is required. With both, HTML is
	// the alternative of Text.
	Text, HTML string
	// Header holds further headers, such as List-Unsubscribe. Those that have a
	// field above, or that describe the body, are refused.
	Header map[string]string
}

// Check returns an error that is [ErrInvalid] and says what is wrong, or nil.
func (m Message) Check() error {
	for _, c := range []func() error{m.checkFrom, m.checkRecipients, m.checkHeader, m.checkBody} {
		if err := c(); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return nil
}

// IsTo reports whether address, without a name, is among To, Cc and Bcc.
func (m Message) IsTo(address string) bool {
	for _, list := range [][]string{m.To, m.Cc, m.Bcc} {
		for _, to := range list {
			if a, err := netmail.ParseAddress(to); err == nil && strings.EqualFold(a.Address, address) {
				return true
			}
		}
	}
	return false
}

func (m Message) checkFrom() error {
	if m.From == "" {
		return errors.New("no From")
	}
	if err := checkAddress("From", m.From); err != nil {
		return err
	}
	if m.ReplyTo == "" {
		return nil
	}
	return checkAddress("ReplyTo", m.ReplyTo)
}

func (m Message) checkRecipients() error {
	n := len(m.To) + len(m.Cc) + len(m.Bcc)
	if n == 0 {
		return errors.New("no recipient in To, Cc or Bcc")
	}
	if n > maxRecipients {
		return fmt.Errorf("%d recipients, at most %d", n, maxRecipients)
	}
	for _, field := range []struct {
		name      string
		addresses []string
	}{{"To", m.To}, {"Cc", m.Cc}, {"Bcc", m.Bcc}} {
		for i, a := range field.addresses {
			if err := checkAddress(fmt.Sprintf("%s[%d]", field.name, i), a); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkAddress never repeats the address: the error is logged, and addresses
// are personal data.
func checkAddress(field, address string) error {
	if err := checkLine(field, address); err != nil {
		return err
	}
	a, err := netmail.ParseAddress(address)
	if err != nil {
		return fmt.Errorf("%s is not one address", field)
	}
	// A quoted local part may hold anything, which servers disagree about.
	if strings.ContainsAny(a.Address, "\" ,;<>") || checkLine(field, a.Name) != nil {
		return fmt.Errorf("%s has characters that no mail address needs", field)
	}
	return nil
}

// checkLine refuses what would begin another header (CWE-93).
func checkLine(field, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not UTF-8", field)
	}
	if i := strings.IndexFunc(s, unicode.IsControl); i >= 0 {
		return fmt.Errorf("%s has a control character at byte %d", field, i)
	}
	return nil
}

var ownHeaders = []string{
	"From", "Sender", "To", "Cc", "Bcc", "Reply-To", "Subject", "Date", "Message-Id", "Mime-Version", "Return-Path",
}

func (m Message) checkHeader() error {
	if err := checkLine("Subject", m.Subject); err != nil {
		return err
	}
	for name, value := range m.Header {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if !isToken(name) {
			return fmt.Errorf("a header has a malformed name %q", name)
		}
		if slices.Contains(ownHeaders, canonical) || strings.HasPrefix(canonical, "Content-") {
			return fmt.Errorf("a header sets %s, which is not its to set", canonical)
		}
		if err := checkLine("Header "+canonical, value); err != nil {
			return err
		}
	}
	return nil
}

// isToken reports whether s is a header name as sane servers know it, which is
// less than RFC 5322 allows.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

func (m Message) checkBody() error {
	switch n := len(m.Text) + len(m.HTML); {
	case n == 0:
		return errors.New("no Text and no HTML")
	case n > maxBody:
		return fmt.Errorf("the body has %d bytes, at most %d", n, maxBody)
	}
	if !utf8.ValidString(m.Text) || !utf8.ValidString(m.HTML) {
		return errors.New("the body is not UTF-8")
	}
	return nil
}
