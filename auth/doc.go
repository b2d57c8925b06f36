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
//	if u.HasSecondFactor && !trust.Trusted(r, u.ID, u.Stamp) {
//		return users.Begin(ctx, u, auth.MethodPassword) // and go on at the page for the code
//	}
//	err = users.SignIn(ctx, u, auth.MethodPassword) // auth.ErrInactive: the same answer
//	err = devices.Remember(w, r, email)
//	return web.Redirect(w, r, auth.Next(r, "/"), http.StatusSeeOther)
//
// Signing up is the Check of package strength, or at least [CheckPassword];
// [Hasher.Hash], storing the user, and SignIn. [Calibrate] finds the costs of a
// hash for this machine.
//
// What is dangerous asks again who it is ([Auth.RequireRecent], [Auth.Confirm]);
// what is about one object asks [Auth.Allow]; [CheckRoutes] finds routes that
// nobody thought of, and [Auth.Explain] says why somebody may not.
//
// Concurrency: [Auth], [Hasher], [Throttle], [Devices] and [Trust] are shared by
// all requests. Roles and permissions are resolved once a request.
//
// Security: nothing is allowed unless it is listed; a misspelt permission
// panics at start or is denied. The user is read anew for each request, so a
// disabled one is out at once and a changed role applies. Signing in changes
// the session's token, and so do the steps to it and a confirmation. A sign-in
// that is half done passes no guard and ends with the password it began with. A
// second factor alone signs nobody in. Keys and tokens never count as recent and
// are held to their scopes, also for what their owner owns. Hashing leaves
// a CPU to others, and a stored hash that would cost more than seconds is
// refused. Redirects after signing in stay on this site. For forms keep
// middleware.CrossOrigin in the chain: cookies alone do not stop other sites
// from posting. Guesses are bounded by account, by network and in all; who
// floods an account does not keep its owner out of browsers that have signed in
// before. Every secret that can be guessed goes through a [Throttle], codes of
// second factors through one with Codes.
//
// Limits: passwords of at most 128 characters; 10 minutes for a second factor.
// A form that RequireRecent refuses has to be filled in again.
package auth
