package session

import (
	"context"
	"fmt"
)

// Renew gives the session a new token, at once in the store, and ends the old
// one: for the moment when rights grow and the user stays, such as a password
// that was asked for again (OWASP ASVS 5.0, 7.2.4). ID, user, Created and
// values stay, so that what the session opened besides requests is still ended
// with it; see also Options.Renewed. A session that is not stored begins if it has values.
//
// It returns [ErrNotFound] when the session was ended meanwhile.
func (s *Session) Renew(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.sent {
		return ErrHeaderSent
	}
	// Saved even without changes: it fails when the session was revoked, and
	// brings in what other requests have changed, lest the copy undo either.
	s.touch = s.rec.Version > 0
	begun := s.rec.Version == 0
	if err := s.save(ctx); err != nil || begun {
		return err
	}
	rec, token := s.rec, newToken()
	rec.Hash, _ = hashToken(token)
	rec.Version = 0
	if err := s.m.o.Store.Save(s.storing(ctx), rec); err != nil {
		return unavailable(fmt.Errorf("session: renew: %w", err))
	}
	// On failure nobody has the new token, so that only the old session stays.
	if err := s.m.o.Store.Delete(ctx, s.rec.Hash); err != nil {
		return unavailable(fmt.Errorf("session: renew: end the old token: %w", err))
	}
	s.renewed = append(s.renewed, s.rec)
	rec.Version++
	s.adopt(rec)
	s.give(token)
	return nil
}

// tellRenewed comes when the response is about to bring the new token: who
// connects again sooner would do so with the old one, and be nobody.
func (s *Session) tellRenewed() {
	if s.m.o.Renewed == nil {
		return
	}
	s.mu.Lock()
	var all []Record
	if s.state != nil {
		all, s.renewed = s.renewed, nil
	}
	s.mu.Unlock()
	for _, r := range all {
		if r.User != "" {
			s.m.o.Renewed(context.WithoutCancel(s.r.Context()), r.User, r.ID)
		}
	}
}
