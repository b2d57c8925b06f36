package galetest

import (
	"context"
	"testing"
	"time"

	"github.com/galeweb/gale/mail"
)

// Outbox is a [mail.Sender] that keeps what is sent. It is safe for concurrent
// use, save for the methods that may fail the test, Last and WaitFor.
type Outbox struct {
	mail.Memory
	tb testing.TB
}

// NewOutbox returns an empty outbox.
func NewOutbox(tb testing.TB) *Outbox { return &Outbox{tb: tb} }

// Last returns the newest message, and fails the test when there is none.
func (o *Outbox) Last() mail.Message {
	o.tb.Helper()
	all := o.Messages()
	if len(all) == 0 {
		o.tb.Fatal("galetest: no mail was sent")
	}
	return all[len(all)-1]
}

// WaitFor returns the first message to the address, waiting for one that a
// goroutine still has to send. After 5 s it fails the test.
func (o *Outbox) WaitFor(address string) mail.Message {
	o.tb.Helper()
	ctx, cancel := context.WithTimeout(o.tb.Context(), 5*time.Second)
	defer cancel()
	m, err := o.Wait(ctx, func(m mail.Message) bool { return m.IsTo(address) })
	if err != nil {
		o.tb.Fatalf("galetest: no mail to %s: %v", address, err)
	}
	return m
}
