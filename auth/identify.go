package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Identify finds out who makes the request; [Auth.User] and the guards answer
// from it. It brings the session middleware along. A request without a
// credential costs nothing; one with a session costs one read of the session
// and one Find, so keep assets outside of it.
//
// A credential in the header is judged first and decides alone: a wrong one is
// refused with 401 though the session would do, since whoever sends a key
// means to act with the key's rights, and must not get others by mistyping it.
// An Authorization of a scheme other than Bearer that no Authenticator takes
// is left to the proxy that asked for it.
//
// When the session or the user cannot be read, the answer is an error, not the
// page for people who are signed out. A user who does not exist any more is
// signed out; one who is not active, or whose [Options].Stamp is not that of the
// session any more, is treated so.
func (a *Auth[U]) Identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, done := r.Context(), func() {}
		if a.o.Sessions != nil {
			w, ctx, done = a.o.Sessions.Attach(w, r)
		}
		if _, ok := a.key.Value(ctx); ok { // inside another Identify, but perhaps another session.Manager
			next.ServeHTTP(w, r.WithContext(ctx))
			done()
			return
		}
		p := &principal[U]{}
		ctx = a.key.Put(ctx, &p.node, p)
		r = r.WithContext(ctx)
		if err := a.identify(ctx, r, p); err != nil {
			web.Fail(w, r, err)
		} else {
			next.ServeHTTP(w, r)
		}
		done()
	})
}

// identify sets who makes the request.
func (a *Auth[U]) identify(ctx context.Context, r *http.Request, p *principal[U]) error {
	id, err := a.byCredential(r)
	var half *pending[U]
	if err == nil && !id.known && a.o.Sessions != nil {
		id, half, err = a.bySession(ctx)
	}
	if err != nil {
		return err
	}
	if id.known {
		a.become(ctx, p, id)
	}
	p.pending = half
	return nil
}

func (a *Auth[U]) byCredential(r *http.Request) (id identity[U], err error) {
	for _, au := range a.o.Authenticators {
		if id.user, id.known, err = au.Authenticate(r.Context(), r); err != nil || id.known {
			id.credential = "credential"
			if named, ok := au.(interface{ Name() string }); ok {
				id.credential = named.Name()
			}
			break
		}
	}
	switch {
	case err != nil:
		return identity[U]{}, err
	case id.known && !a.o.Active(id.user):
		return identity[U]{}, refused(ErrInactive)
	case !id.known && len(a.o.Authenticators) > 0:
		if scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
			return identity[U]{}, refused(errors.New("auth: a bearer token that no Authenticator knows"))
		}
	}
	return id, nil
}

// refused is the answer to a credential that is wrong, RFC 6750 section 3.1.
func refused(err error) error {
	return &web.Error{
		Status:  http.StatusUnauthorized,
		Code:    "invalid_token",
		Message: "The credential in the request is not valid.",
		Header:  http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}},
		Err:     err,
	}
}

// bySession returns who is signed in or, where nobody is, who has begun to.
func (a *Auth[U]) bySession(ctx context.Context) (id identity[U], half *pending[U], err error) {
	s := session.From(ctx)
	if err := s.Err(); err != nil {
		return id, nil, err
	}
	user := s.User()
	if user == "" {
		half, err = a.resume(ctx, s)
		return id, half, err
	}
	u, err := a.o.Find(ctx, user)
	if err == nil && !a.bound(s, u) && a.found != nil {
		a.found.Forget(user) // the session may be newer than what is believed of the user
		u, err = a.o.Find(ctx, user)
	}
	if errors.Is(err, ErrNoUser) {
		return id, nil, s.SignOut(ctx)
	}
	if err != nil || !a.o.Active(u) {
		return id, nil, err
	}
	if !a.bound(s, u) {
		// Not signed out: while the user changes the password in this session, its
		// other requests come here too.
		s.Disown()
		return id, nil, nil
	}
	return identity[U]{user: u, known: true, credential: bySession, session: s}, nil, nil
}
