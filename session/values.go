package session

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
)

// Get returns the value under key. ok is false when there is none, or when
// what is stored does not decode into T, since an older release may have
// stored it.
func Get[T any](s *Session, key string) (v T, ok bool) {
	s.mu.Lock()
	raw, ok := s.values().Values[key]
	s.mu.Unlock()
	if !ok {
		return v, false
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		var zero T
		return zero, false
	}
	return v, true
}

// Put sets key to v, which is kept as JSON. It is stored before the response
// header goes, see [Manager.Middleware]; [Session.Save] does it now. When two
// requests of one session change values at the same time, both changes are
// kept, and where both changed one key, that of the later save.
//
// Put returns [ErrTooLarge] when the values would exceed [Options].MaxBytes,
// and then changes nothing.
func (s *Session) Put(key string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("session: put %q: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	c := changes{values: map[string]json.RawMessage{key: raw}}
	if err := s.m.fits(c.apply(s.values())); err != nil {
		return fmt.Errorf("put %q: %w", key, err)
	}
	s.change(key, raw)
	return nil
}

// Delete removes key.
func (s *Session) Delete(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.values().Values[key] != nil {
		s.change(key, nil)
	}
}

func (s *Session) change(key string, raw json.RawMessage) {
	if s.changes.values == nil {
		s.changes.values = map[string]json.RawMessage{}
	}
	s.changes.values[key] = raw
	s.changed()
}

// writable returns why the session cannot be changed, or nil.
func (s *Session) writable() error {
	if s.err == nil && s.rec.Version == 0 && s.sent {
		return ErrHeaderSent
	}
	return s.err
}

// fits returns ErrTooLarge when the values of d exceed the limit.
func (m *Manager) fits(d data) error {
	d.Flashes = nil // bounded on their own
	b, err := d.encode()
	if err == nil && len(b) > m.o.MaxBytes {
		err = fmt.Errorf("%w (%d bytes, %d allowed)", ErrTooLarge, len(b), m.o.MaxBytes)
	}
	return err
}

// Flash is a message for the next page that the user sees.
type Flash struct {
	// Kind is for the page to style by, such as "info" or "error".
	Kind string `json:"k"`
	// Message is shown to the user, as text.
	Message string `json:"m"`
}

// maxFlashes and maxFlash bound messages that no page shows.
const (
	maxFlashes = 8
	maxFlash   = 512
)

// Flash keeps a message until [Session.Flashes] returns it, mostly on the page
// that the response redirects to. Of more than 8 the oldest are dropped; a
// message is cut after 512 bytes. Like a value it is stored before the header
// goes; without a store or after the header it is lost.
func (s *Session) Flash(kind, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writable() != nil {
		return
	}
	s.changes.added = append(s.changes.added, flash{rand.Text(), Flash{clip(kind, maxFlash), clip(message, maxFlash)}})
	s.changed()
	for len(s.values().Flashes) > maxFlashes {
		s.show(s.values().Flashes[0].ID)
	}
}

// Flashes returns the messages, the oldest first, and removes them.
func (s *Session) Flashes() []Flash {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil
	}
	var all []Flash
	for _, f := range s.values().Flashes {
		all = append(all, f.Flash)
		s.show(f.ID)
	}
	return all
}

// show removes one flash, whether it is stored or of this request.
func (s *Session) show(id string) {
	for i, f := range s.changes.added {
		if f.ID == id {
			s.changes.added = append(s.changes.added[:i:i], s.changes.added[i+1:]...)
			s.changed()
			return
		}
	}
	s.changes.shown = append(s.changes.shown, id)
	s.changed()
}
