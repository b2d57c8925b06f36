package session

import "encoding/json"

// briefKey marks, among the values, a session whose cookie goes with the
// browser: it must hold for every cookie that the session gets.
const briefKey = "gale.brief"

// EndWithBrowser has the cookie go when the browser is closed, or, when end is
// false, last as long as the session can, which is the default. Call it before
// [Session.SignIn], for a sign-in form without and with "remember me". It says
// how long the browser keeps the cookie and not how long the session is valid: a
// browser that restores its tabs may keep it, until Options.Idle ends it.
func (s *Session) EndWithBrowser(end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch brief := s.values().Values[briefKey] != nil; {
	case s.writable() != nil || brief == end:
	case end:
		s.change(briefKey, json.RawMessage("true"))
	default:
		s.change(briefKey, nil)
	}
}
