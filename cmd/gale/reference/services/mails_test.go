package services_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/mail"
	"github.com/galeweb/gale/ratelimit"
)

// run has m work until the function that it returns is called, which waits for
// the end.
func run(m *services.Mails) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func newMails() *services.Mails {
	return services.NewMails(&mail.Memory{}, ratelimit.New(ratelimit.Options{}))
}

// What fails is tried three times, with pauses; nobody waits for it.
func TestJobsAreTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMails()
		stop := run(m)
		begin := time.Now()
		var at []time.Duration
		assert.NoError(t, m.Later(func(context.Context) error {
			at = append(at, time.Since(begin))
			return errors.New("locked")
		}))
		assert.Equal(t, time.Since(begin), 0)
		time.Sleep(time.Hour)
		stop()
		assert.Equal(t, at, []time.Duration{0, 20 * time.Second, 40 * time.Second})
	})
}

// What was accepted is done before the end; what takes too long is cut.
func TestMailsAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMails()
		stop := run(m)
		var done, cut atomic.Int32
		for range 20 {
			assert.NoError(t, m.Later(func(ctx context.Context) error {
				select {
				case <-time.After(100 * time.Millisecond):
					done.Add(1)
				case <-ctx.Done():
				}
				return nil
			}))
		}
		stop()
		assert.Equal(t, done.Load(), 20)

		m = newMails()
		stop = run(m)
		assert.NoError(t, m.Later(func(ctx context.Context) error {
			<-ctx.Done()
			cut.Add(1)
			return ctx.Err()
		}))
		synctest.Wait()
		begin := time.Now()
		stop()
		assert.Equal(t, cut.Load(), 1)
		assert.Equal(t, time.Since(begin), 3*time.Second)
	})
}

// A mail server that hangs does not make relay grow.
func TestMailsAreBounded(t *testing.T) {
	t.Parallel()
	m := newMails() // and nobody works
	var err error
	n := 0
	for ; err == nil; n++ {
		err = m.Later(func(context.Context) error { return nil })
	}
	assert.ErrorIs(t, err, services.ErrBusy)
	assert.Equal(t, n, 1001)
}

// Strangers who have mails wait without end keep nobody else's from being sent.
func TestFloodsOfMailsWaitApart(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, _ := newAccounts(t, store)
	a.Mails, a.Open = newMails(), true // and nobody works
	var err error
	for i := 0; err == nil; i++ {
		_, _, err = a.SignUp(t.Context(), fmt.Sprintf("bot%d", i), fmt.Sprintf("bot%d@example.com", i), password, "")
	}
	assert.ErrorIs(t, err, services.ErrBusy)
	for i := 0; err == nil || i == 0; i++ {
		err = a.AskReset(t.Context(), fmt.Sprintf("bot%d@example.com", i))
		if i == 0 {
			assert.NoError(t, err)
		}
	}
	assert.ErrorIs(t, err, services.ErrBusy)
	assert.NoError(t, a.Mails.Later(func(context.Context) error { return nil })) // a notice
}

// flaky is a server that is busy at first.
type flaky struct {
	mail.Memory
	left atomic.Int32
	err  error
}

func (f *flaky) Send(ctx context.Context, m mail.Message) error {
	if f.left.Add(-1) >= 0 {
		return f.err
	}
	return f.Memory.Send(ctx, m)
}

// Only what may pass is tried again, and a mail that was sent is not sent twice.
func TestSendingAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		sent int
	}{{mail.ErrTemporary, 1}, {mail.ErrInvalid, 0}} {
		synctest.Test(t, func(t *testing.T) {
			sender := &flaky{err: test.err}
			sender.left.Store(2)
			store := &users{}
			a, _ := newAccounts(t, store)
			a.Mails = services.NewMails(sender, ratelimit.New(ratelimit.Options{}))
			stop := run(a.Mails)
			_, _, err := a.SignUp(t.Context(), "ada", "ada@example.com", password, "")
			assert.NoError(t, err)
			assert.NoError(t, a.AskReset(t.Context(), "ada@example.com"))
			time.Sleep(time.Hour)
			stop()
			assert.Equal(t, len(sender.Messages()), test.sent)
			assert.Equal(t, len(store.links), 1) // one link for all tries
		})
	}
}
