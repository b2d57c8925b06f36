// Package auth answers who makes a request and what they may do, for users of
// the application's own type U.
//
//	users := auth.New(auth.Options[User]{
//		Sessions:    sessions,
//		Find:        store.User, // returns auth.ErrNoUser for an unknown id
//		ID:          func(u User) string { return u.ID },
//		Active:      func(u User) bool { return !u.Disabled },
//		Roles:       func(u User) []string { return []string{u.Role} },
//		Permissions: map[string][]string{"admin": {"*"}, "editor": {"posts.write"}},
//	})
//	r.Use(users.Identify)
//	r.Handle("POST /posts", users.Require("posts.write")(create))
//
// Signing in is the application's own handler; the parts are here. Its steps,
// which keep an attacker from guessing, and from learning who has an account:
//
//	ok, err := throttle.Check(ctx, auth.Attempt{Account: email, Addr: addr, Device: devices.Known(r, email)},
//		func(ctx context.Context) (bool, error) {
//			u, err = store.ByEmail(ctx, email) // go on when there is none: u is then empty
//			ok, rehash, err = hasher.Verify(ctx, password, u.PasswordHash)
//			return ok, err
//		})
//	if !ok {                                   // one answer for every reason
//		return wrongNameOrPassword
//	}
//	err = users.SignIn(ctx, u)                 // auth.ErrInactive: the same answer
//	err = devices.Remember(w, r, email)
//	return web.Redirect(w, r, auth.Next(r, "/"), http.StatusSeeOther)
//
// Signing up is the Check of package strength, or at least [CheckPassword];
// [Hasher.Hash], storing the user, and SignIn. [Calibrate] finds the costs of a
// hash for this machine.
//
// Concurrency: [Auth], [Hasher], [Throttle] and [Devices] are shared by all
// requests. Roles and permissions are resolved once a request.
//
// Security: nothing is allowed unless it is listed; a misspelt permission
// panics at start or is denied. The user is read anew for each request, so a
// disabled one is out at once and a changed role applies. Signing in changes
// the session's token. Hashing runs on half the CPUs, whatever is asked of it, and a stored hash
// that would cost more than seconds is refused. Redirects
// after signing in stay on this site. For forms keep middleware.CrossOrigin in
// the chain: cookies alone do not stop other sites from posting. Guesses are
// bounded by account, by network and in all; who floods an account does not keep
// its owner out of browsers that have signed in before. Every secret that can be
// guessed goes through a [Throttle], codes of second factors through one with
// Codes.
//
// Limits: passwords of at most 128 characters; permissions are per user, not
// per object: whether this user may change this very post is the handler's
// question.
package auth
