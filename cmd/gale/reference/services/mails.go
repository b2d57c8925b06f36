package services

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/mail"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/ratelimit"
)

// ErrBusy is returned when too much is waiting to be mailed.
var ErrBusy = errors.New("services: too many mails are waiting")

const (
	// mailQueue bounds the memory of what waits in each queue, and mailWorkers
	// how many connections the mail server sees.
	mailQueue   = 1000
	mailWorkers = 4
	// mailGrace is how long mails may take once relay stops. What is not sent by
	// then is lost, as in a crash: who waits for it asks again.
	mailGrace = 3 * time.Second
	// mailTries is how often a mail is tried, with mailPause between: greylisting
	// servers take the second.
	mailTries = 3
	mailPause = 20 * time.Second
)

// errUnsent is that of a letter that is not to be tried again.
var errUnsent = errors.New("services: mail not sent")

// mailLimit bounds what strangers can have sent to one address by one form. Who
// is kept out by it has five links of that form in the mailbox that work: were
// they counted together, letters that are no help would block those that are.
var mailLimit = ratelimit.Limit{Name: "mail", Rate: 5, Per: time.Hour}

// Mails sends mail in the background, for two reasons: a mail server may take
// seconds, and whether a mail is sent at all must not show in the time of an
// answer, or it would tell who has an account. Make one by [NewMails].
type Mails struct {
	sender mail.Sender
	limits *ratelimit.Limiter
	// What strangers ask for, from however many addresses, waits apart: a flood of
	// it keeps neither notices from their owners nor links from who has forgotten a
	// password. The workers take from all of them alike.
	own, signUps, resets chan mailJob

	stopping chan struct{} // closed when Run is to end
}

type mailJob = func(context.Context) error

// NewMails returns a queue; call Run, once, to have it worked on.
func NewMails(sender mail.Sender, limits *ratelimit.Limiter) *Mails {
	queue := func() chan mailJob { return make(chan mailJob, mailQueue) }
	return &Mails{sender, limits, queue(), queue(), queue(), make(chan struct{})}
}

// Later has job run, again when it fails, and its error logged. It does not wait:
// when too many jobs do, it returns ErrBusy.
func (m *Mails) Later(job func(context.Context) error) error { return later(m.own, job) }

func later(queue chan<- mailJob, job mailJob) error {
	select {
	case queue <- job:
		return nil
	default:
		return ErrBusy
	}
}

// Run works until ctx ends and, for a few seconds, on what has been accepted by
// then.
func (m *Mails) Run(ctx context.Context) {
	working, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var wg sync.WaitGroup
	for range mailWorkers {
		wg.Go(func() { m.work(working) })
	}
	<-ctx.Done()
	close(m.stopping)
	end := time.AfterFunc(mailGrace, cut)
	defer end.Stop()
	wg.Wait()
}

func (m *Mails) work(ctx context.Context) {
	for {
		var job mailJob
		select {
		case job = <-m.own:
		case job = <-m.signUps:
		case job = <-m.resets:
		case <-m.stopping:
			if job = m.left(); job == nil {
				return
			}
		}
		m.do(ctx, job)
	}
}

// left returns a job that waits, or nil.
func (m *Mails) left() (job mailJob) {
	select {
	case job = <-m.own:
	case job = <-m.signUps:
	case job = <-m.resets:
	default:
	}
	return job
}

func (m *Mails) do(ctx context.Context, job func(context.Context) error) {
	err := m.retry(func() error { return job(ctx) }, func(err error) bool { return !errors.Is(err, errUnsent) && !errors.Is(err, ErrUnreadable) })
	if err != nil {
		obs.Logger(ctx).WarnContext(ctx, "a mail was not sent", "err", err)
	}
}

// retry tries what may succeed later. It does not wait once relay stops.
func (m *Mails) retry(f func() error, passing func(error) bool) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == mailTries || !passing(err) {
			return err
		}
		select {
		case <-time.After(mailPause):
		case <-m.stopping:
			return err
		}
	}
}

// allowed returns an error when strangers have asked for too many to an address.
func (m *Mails) allowed(ctx context.Context, l letter) error {
	if l.asked == "" {
		return nil
	}
	res, err := m.limits.Allow(ctx, mailLimit, l.asked+" "+l.to)
	if err == nil && !res.Allowed {
		err = fmt.Errorf("%w: too many were asked for: %q", errUnsent, l.subject)
	}
	return err
}

func (m *Mails) send(ctx context.Context, l letter) error {
	if l.to == "" {
		return fmt.Errorf("%w: %q: %w", errUnsent, l.subject, ErrUnreadable)
	}
	err := m.retry(func() error {
		return m.sender.Send(ctx, mail.Message{To: []string{l.to}, Subject: l.subject, Text: l.text})
	}, func(err error) bool { return errors.Is(err, mail.ErrTemporary) })
	if err != nil {
		err = fmt.Errorf("%w: %w", errUnsent, err)
	}
	return err
}

// mailLink stores a link and sends the letter that has it.
func (a *Accounts) mailLink(ctx context.Context, l models.Link, text letter) error {
	if err := a.Mails.allowed(ctx, text); err != nil {
		return err
	}
	if err := a.Links.AddLinks(ctx, l); err != nil {
		return err
	}
	return a.Mails.send(ctx, text)
}

// notify tells the user what has happened. The change stands also when the
// notice cannot be sent.
func (a *Accounts) notify(ctx context.Context, l letter) {
	if err := a.Mails.Later(func(ctx context.Context) error { return a.Mails.send(ctx, l) }); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "a notice was not sent", "subject", l.subject, "err", err)
	}
}
