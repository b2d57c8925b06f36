package session

import "net/http"

// Unattended has a request be no use of its session, for what a page asks for by
// itself, such as to connect again or to be told news: a page that is left open would
// otherwise keep its session from idling out. What the request changes in the session
// counts as use all the same. It goes inside of Manager.Middleware, and panics
// outside of it.
func Unattended(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, ok := sessionKey.Value(r.Context())
		if !ok {
			panic("session: Unattended outside of Manager.Middleware; put that around the router")
		}
		s.leaveUntouched()
		next.ServeHTTP(w, r)
	})
}

func (s *Session) leaveUntouched() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unattended = true
	if s.state != nil {
		s.touch = false
	}
}
