package mail_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/mail"
)

func isTemporary(err error) bool { return errors.Is(err, mail.ErrTemporary) }

func valid() mail.Message {
	return mail.Message{From: "a@example.com", To: []string{"b@example.com"}, Subject: "s", Text: "t"}
}

// An attacker types these into a contact form.
func TestHeaderInjectionIsRefused(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{
		"x\r\nBcc: victim@example.com", "x\nBcc: victim@example.com", "x\rBcc: v@example.com",
		"x\x00", "x\u0085Bcc: v@example.com", "x\xff",
	} {
		for field, set := range map[string]func(*mail.Message){
			"Subject": func(m *mail.Message) { m.Subject = evil },
			"From":    func(m *mail.Message) { m.From = evil + " <a@example.com>" },
			"To[0]":   func(m *mail.Message) { m.To = []string{`"` + evil + `" <b@example.com>`} },
			"Cc[0]":   func(m *mail.Message) { m.Cc = []string{"b@example.com" + evil} },
			"Bcc[0]":  func(m *mail.Message) { m.Bcc = []string{evil} },
			"ReplyTo": func(m *mail.Message) { m.ReplyTo = evil + " <a@example.com>" },
			"X-Note":  func(m *mail.Message) { m.Header = map[string]string{"X-Note": evil} },
			"name":    func(m *mail.Message) { m.Header = map[string]string{evil: "x"} },
		} {
			m := valid()
			set(&m)
			var outbox mail.Memory
			for name, sender := range map[string]mail.Sender{
				"memory": &outbox,
				"smtp":   mail.NewSMTP(mail.SMTPOptions{Host: "192.0.2.1"}), // never reached
			} {
				err := sender.Send(t.Context(), m)
				if !errors.Is(err, mail.ErrInvalid) {
					t.Errorf("%s: %s = %q gave %v", name, field, evil, err)
					continue
				}
				assert.Contains(t, err.Error(), field)
			}
			assert.Equal(t, len(outbox.Messages()), 0)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	assert.NoError(t, valid().Check())
	for want, set := range map[string]func(*mail.Message){
		"no From":                      func(m *mail.Message) { m.From = "" },
		"no recipient":                 func(m *mail.Message) { m.To = nil },
		"no Text and no HTML":          func(m *mail.Message) { m.Text = "" },
		"To[0] is not one address":     func(m *mail.Message) { m.To = []string{"a@example.com, b@example.com"} },
		"To[1] is not one address":     func(m *mail.Message) { m.To = append(m.To, "nobody") },
		"no mail address needs":        func(m *mail.Message) { m.To = []string{`"a b"@example.com`} },
		"101 recipients":               func(m *mail.Message) { m.Bcc = make([]string, 100) },
		"1048577 bytes":                func(m *mail.Message) { m.Text = strings.Repeat("x", 1<<20+1) },
		"sets Bcc":                     func(m *mail.Message) { m.Header = map[string]string{"bcc": "x@example.com"} },
		"sets Content-Type":            func(m *mail.Message) { m.Header = map[string]string{"content-type": "x"} },
		`malformed name "X Y"`:         func(m *mail.Message) { m.Header = map[string]string{"X Y": "x"} },
		"the body is not UTF-8":        func(m *mail.Message) { m.HTML = "\xff" },
		"ReplyTo is not one address":   func(m *mail.Message) { m.ReplyTo = "@" },
		"From has a control character": func(m *mail.Message) { m.From = "a@example.com\t" },
	} {
		m := valid()
		set(&m)
		err := m.Check()
		assert.ErrorIs(t, err, mail.ErrInvalid)
		if err != nil {
			assert.Contains(t, err.Error(), want)
		}
	}
}

func TestIsTo(t *testing.T) {
	t.Parallel()
	m := mail.Message{To: []string{"Ada <ada@example.com>"}, Bcc: []string{"Eve@example.com"}}
	assert.True(t, m.IsTo("ada@example.com"), "a named address is not found")
	assert.True(t, m.IsTo("eve@example.com"), "a blind copy is not found")
	assert.True(t, !m.IsTo("bob@example.com"), "a stranger is found")
}

func TestMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var outbox mail.Memory
		got := make(chan mail.Message)
		go func() {
			m, err := outbox.Wait(t.Context(), func(m mail.Message) bool { return m.Subject == "second" })
			assert.NoError(t, err)
			got <- m
		}()
		synctest.Wait()
		for _, subject := range []string{"first", "second"} {
			m := valid()
			m.From, m.Subject = "", subject
			assert.NoError(t, outbox.Send(t.Context(), m))
		}
		assert.Equal(t, (<-got).From, "gale@localhost")

		for range 100 {
			assert.NoError(t, outbox.Send(t.Context(), valid()))
		}
		assert.Equal(t, len(outbox.Messages()), 100)
		assert.Equal(t, outbox.Messages()[0].Subject, "s")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := outbox.Wait(ctx, func(mail.Message) bool { return false })
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, outbox.Send(ctx, valid()), context.Canceled)
	})
}
