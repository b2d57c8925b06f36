package session

import "context"

// Renew gives the session a new token, at once in the store, and ends the old
// one: for the moment when rights grow and the user stays, such as a password
// that was asked for again (OWASP ASVS 5.0, 7.2.4). ID, user, Created and
// values stay, so that what the session opened besides requests is still ended
// with it; see also Options.Renewed. A session that is not stored begins if it has values.
//
// It returns [ErrNotFound] when the session was ended meanwhile, or somebody else
// who holds its token has renewed it first. On another error it is not known which
// token counts.
func (s *Session) Renew(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.sent {
		return ErrHeaderSent
	}
	if s.err == nil && s.rec.Version == 0 {
		return s.save(ctx)
	}
	// Even without changes: what is bound is stored, and it fails when the session
	// was revoked.
	return s.merge(ctx, newToken())
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
