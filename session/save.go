package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galeweb/gale/internal/backoff"
)

// mergeTimes is how often a save is merged with that of another request. Of those
// that save at once one is stored each time, and pauses of up to 32 ms let the
// others through; in all they take 2 s at most. Who sends more at once, each
// changing the session, is better told than waited for.
const mergeTimes = 64

// Save stores the changes now, for a handler that must know before it goes on.
// It returns [ErrNotFound] when the session was ended meanwhile, by signing
// out or by [Manager.Revoke]; its values are then lost.
func (s *Session) Save(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.save(ctx)
}

// save needs s.mu. The lock is held while the store works, since whoever else
// uses this session would have to wait for the outcome.
func (s *Session) save(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	if s.changes.empty() && !s.touch {
		return nil
	}
	if s.rec.Version == 0 {
		return s.saveNew(ctx)
	}
	return s.merge(ctx, "")
}

// merge saves the changes to what is stored by now, with another token unless that
// is "".
func (s *Session) merge(ctx context.Context, token string) error {
	if s.err != nil {
		return s.err
	}
	rec, was := s.rec, s.rec.Hash
	hash := was
	if token != "" {
		hash, _ = hashToken(token)
	}
	ctx = s.storing(ctx)
	wait := backoff.Backoff{Least: time.Millisecond, Most: 32 * time.Millisecond}
	for range mergeTimes {
		merged := s.changes.apply(decode(rec.Data))
		if err := s.m.fits(merged); err != nil {
			return fmt.Errorf("merge: %w", err)
		}
		var err error
		if rec.Data, err = merged.encode(); err != nil {
			return fmt.Errorf("session: save: %w", err)
		}
		s.see(&rec, s.m.now())
		rec.Hash = hash
		if token != "" && s.bound != "" {
			rec.Stamp = s.bound
		}
		err = s.m.o.Store.Save(ctx, was, rec)
		if err == nil {
			rec.Version++
			s.changes, s.touch = changes{}, false
			s.adopt(rec)
			switch {
			case token != "":
				s.renewed = append(s.renewed, rec)
				s.give(token)
			case s.sealed != nil:
				s.token = s.sealed.token // the same, with other values
			}
			return nil
		}
		if errors.Is(err, ErrHeaderSent) || errors.Is(err, ErrTooLarge) {
			return err
		}
		if !errors.Is(err, ErrConflict) {
			return unavailable(fmt.Errorf("session: save: %w", err))
		}
		if !wait.Pause(ctx) {
			break
		}
		rec, err = s.m.o.Store.Load(ctx, was)
		if errors.Is(err, ErrNotFound) {
			s.reset()
			return fmt.Errorf("session: save: %w", err)
		}
		if err != nil {
			return unavailable(fmt.Errorf("session: save: %w", err))
		}
	}
	return unavailable(fmt.Errorf("session: save, %d times: %w", mergeTimes, ErrConflict))
}

// saveNew stores a session that has no cookie yet. A session whose values were
// all taken back is not begun.
func (s *Session) saveNew(ctx context.Context) error {
	if s.values().empty() {
		s.changes = changes{}
		return nil
	}
	if s.sent {
		return ErrHeaderSent
	}
	rec, token := s.begin("")
	var err error
	if rec.Data, err = s.values().encode(); err != nil {
		return fmt.Errorf("session: save: %w", err)
	}
	s.m.sweep(ctx, rec.Created)
	if err := s.m.o.Store.Save(s.storing(ctx), rec.Hash, rec); err != nil {
		return unavailable(fmt.Errorf("session: save: %w", err))
	}
	rec.Version++
	s.changes = changes{}
	s.adopt(rec)
	s.give(token)
	return nil
}
