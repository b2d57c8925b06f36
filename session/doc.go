// Package session remembers who is signed in, and a little more, from request
// to request: a random token in a cookie, everything else in a [Store].
//
//	sessions := session.New(session.Options{Store: session.NewSQLStore(db)})
//	handler = sessions.Middleware(handler)
//
//	s := session.From(r.Context())
//	err := s.SignIn(r.Context(), user.ID)  // a new token; the old one is dead
//	err = s.Put("cart", cart)              // saved before the header goes
//	cart, ok := session.Get[Cart](s, "cart")
//	s.Flash("info", "Welcome back.")
//
// Package auth builds users, guards and permissions on it.
//
// Concurrency: a [Manager] is shared by all requests; a [Session] is the
// request's. Requests of one session do not wait for each other: each applies
// its own changes to what is stored by then, key by key.
//
// Security: the token has 256 random bits and only its SHA-256 is stored. The
// cookie is "__Host-", Secure, HttpOnly and SameSite=Lax. Signing in changes
// the token, signing out deletes the session at once, and no late request
// brings it back. Sessions end by idling and by age. Users can see where they
// are signed in ([Manager.List]) and end it ([Manager.Revoke]). SameSite=Lax
// is not all of CSRF protection: keep middleware.CrossOrigin in the chain.
//
// A [CookieStore] keeps the values encrypted in the cookie instead, and nothing
// but who, when and where on the server, so that sessions can be ended there too.
//
// Limits: 4 KiB of values a session, 2 KiB in a cookie. A WebSocket's handshake sends no header
// through the Writer, so that a session cannot begin there. The [MemoryStore]
// is bounded and for one process.
package session
