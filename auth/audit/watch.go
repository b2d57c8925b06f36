package audit

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Checked is what a verification of the whole log has found.
type Checked struct {
	// At is when, by Options.Clock; the zero time for not yet.
	At time.Time
	// Head is the last record that was verified, when the log was last whole.
	Head Head
	// Broken is where the log is broken, or nil.
	Broken *BrokenError
	// Err is why the log could not be read to its end, or nil. It says nothing
	// of the records.
	Err error
}

// Run verifies the whole log a while after it was called and then every
// Options.VerifyEvery, until ctx is done, and returns nil. See [Log.Check]. One
// that could not be read is tried again at the next look.
func (l *Log) Run(ctx context.Context) error {
	look := time.NewTicker(l.o.VerifyLook)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			if last := l.Checked(); last.At.IsZero() || last.Err != nil || l.o.Clock().Sub(last.At) >= l.o.VerifyEvery {
				l.Check(ctx)
			}
		}
	}
}

// Check verifies the whole log now, and that it still has the record up to which
// it was whole when this process verified it before: one that was emptied, cut
// or rolled back meanwhile is broken. What it finds is a line of the log, with the
// head to be compared with from elsewhere ([Log.VerifyHead]), or an ERROR that
// names the place; it is in the metrics gale_audit_broken and
// gale_audit_verified_timestamp_seconds, and is what [Log.Checked] returns.
func (l *Log) Check(ctx context.Context) Checked {
	before := l.Checked()
	now := Checked{At: l.o.Clock()}
	now.Head, now.Err = l.verify(ctx, 0, 0)
	if now.Err == nil {
		if now.Err = l.has(ctx, before.Head); errors.Is(now.Err, ErrRetained) {
			now.Err = nil
		}
	}
	if now.Err != nil {
		now.Head = before.Head // to be looked for again
	}
	if b, ok := errors.AsType[*BrokenError](now.Err); ok {
		now.Broken, now.Err = b, nil
	}
	if now.Err != nil {
		if ctx.Err() != nil {
			return now // nobody waits for it any more
		}
		now.Broken = before.Broken // what is known stays true
	}
	switch {
	case now.Err != nil:
		if before.Err == nil {
			l.logger(ctx).WarnContext(ctx, "audit: the log could not be verified; it is tried again", "err", now.Err)
		}
	case now.Broken != nil:
		l.metrics.broken.Set(1)
		l.logger(ctx).ErrorContext(ctx, "audit: the log is broken", slog.Int64("seq", now.Broken.Seq), slog.String("reason", now.Broken.Reason))
	default:
		l.metrics.broken.Set(0)
		l.logger(ctx).InfoContext(ctx, "audit: the log is whole", slog.Int64("seq", now.Head.Seq), slog.String("head", now.Head.Hash))
	}
	if now.Err == nil {
		l.metrics.checked.Set(float64(now.At.Unix()))
	}
	l.checked.Store(&now)
	return now
}

// Checked returns what the last verification by [Log.Run] or [Log.Check] in this
// process has found.
func (l *Log) Checked() Checked {
	if c := l.checked.Load(); c != nil {
		return *c
	}
	return Checked{}
}
