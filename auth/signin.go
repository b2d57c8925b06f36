package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Method is a way in which somebody proved who they are. An application may
// have others than these.
type Method string

// The methods that gale has parts for.
const (
	MethodPassword Method = "password"
	MethodTOTP     Method = "totp"
	MethodPasskey  Method = "passkey"
	MethodRecovery Method = "recovery" // a recovery code
	MethodOAuth    Method = "oauth"
	MethodMail     Method = "mail" // a link or code that was sent by mail
)

// secondOnly reports whether m proves nothing by itself: six digits are
// guessed, a recovery code stands in for a factor that was lost.
func (m Method) secondOnly() bool { return m == MethodTOTP || m == MethodRecovery }

// pendingLifetime is how long the second factor may take, from the first on.
const pendingLifetime = 10 * time.Minute

// The keys of the session's values.
const (
	proofKey   = "auth.proof"
	pendingKey = "auth.pending"
)

// proof is what was proved, and when, in Unix milliseconds.
type proof struct {
	// User binds it: values may stay in a session whose user changes.
	User    string           `json:"u"`
	At      int64            `json:"t"`
	Methods map[Method]int64 `json:"m,omitempty"`
	// Stamp is that of a pending sign-in.
	Stamp string `json:"s,omitempty"`
}

// pending is a sign-in of which the first factor was right.
type pending[U any] struct {
	user  U
	proof proof
}

// readProof returns what the user of the session has proved: nothing in a
// session that an older release has opened.
func readProof(s *session.Session) proof {
	p, _ := session.Get[proof](s, proofKey)
	if p.User != s.User() {
		return proof{}
	}
	return p
}

// proof returns what the user has proved. Most requests do not ask.
func (id identity[U]) proof() proof {
	if id.session == nil {
		return proof{}
	}
	return readProof(id.session)
}

// with returns p with methods proved at now.
func (p proof) with(now time.Time, methods ...Method) proof {
	p.At = now.UnixMilli()
	p.Methods = maps.Clone(p.Methods)
	for _, m := range methods {
		if m == "" {
			panic("auth: empty Method; use one of the constants or a name of your own")
		}
		if p.Methods == nil {
			p.Methods = map[Method]int64{}
		}
		p.Methods[m] = p.At
	}
	return p
}

// list returns the methods, the first proved first.
func (p proof) list() []Method {
	return slices.SortedFunc(maps.Keys(p.Methods), func(m, n Method) int {
		return cmp.Or(cmp.Compare(p.Methods[m], p.Methods[n]), cmp.Compare(m, n))
	})
}

// since returns when the last of methods was proved, or anything when there
// are none.
func (p proof) since(methods []Method) (at time.Time, ok bool) {
	ms := p.At
	if len(methods) > 0 {
		ms = 0
		for _, m := range methods {
			ms = max(ms, p.Methods[m])
		}
	}
	return time.UnixMilli(ms).UTC(), ms > 0
}

// stamp is what is kept of Options.Stamp.
type stamp [43]byte

func (a *Auth[U]) stamp(u U) (s stamp) {
	sum := sha256.Sum256([]byte(a.o.Stamp(u)))
	base64.RawURLEncoding.Encode(s[:], sum[:])
	return s
}

// bound reports whether s was begun with what u signs in with today.
func (a *Auth[U]) bound(s *session.Session, u U) bool {
	if a.o.Stamp == nil {
		return true
	}
	now := a.stamp(u) // compared where it is: requests make no garbage for it
	return s.Stamp() == string(now[:])
}

// bind has the next token of s be good for as long as u's stamp stays.
func (a *Auth[U]) bind(s *session.Session, u U) {
	if a.o.Stamp != nil {
		now := a.stamp(u)
		s.Bind(string(now[:]))
	}
}

// session returns the session, for a caller that cannot do without.
func (a *Auth[U]) session(ctx context.Context, caller string) *session.Session {
	if a.o.Sessions == nil {
		panic("auth: " + caller + " without Options.Sessions; set it")
	}
	return session.From(ctx)
}

// Begin notes that the first factor of u was right and a second is needed. It
// signs nobody in: guards treat the request, and those that follow, as before a
// sign-in, and whoever was signed in is signed out. [Auth.Pending] returns u for
// 10 minutes, until anybody signs in, [Options].Stamp changes, or u is not
// active any more. The session gets a new token.
//
// A user who is not active is refused with [ErrInactive].
func (a *Auth[U]) Begin(ctx context.Context, u U, method Method) error {
	p := a.principal(ctx, "Begin")
	s := a.session(ctx, "Begin")
	if a.o.Stamp == nil {
		panic("auth: Begin without Options.Stamp; a changed password could not end what is pending")
	}
	if !a.o.Active(u) {
		return ErrInactive
	}
	now := a.stamp(u)
	half := proof{User: a.o.ID(u), Stamp: string(now[:])}.with(a.o.Clock(), method)
	if err := a.hold(ctx, s, half); err != nil {
		return fmt.Errorf("auth: begin: %w", err)
	}
	a.become(ctx, p, identity[U]{})
	p.mu.Lock()
	p.pending = &pending[U]{u, half}
	p.mu.Unlock()
	return nil
}

// hold makes s a session of nobody in which half is pending.
func (a *Auth[U]) hold(ctx context.Context, s *session.Session, half proof) error {
	if s.User() != "" {
		if err := s.SignOut(ctx); err != nil {
			return err
		}
	}
	s.Delete(proofKey)
	if err := s.Put(pendingKey, half); err != nil {
		return err
	}
	return s.Renew(ctx)
}

// resume returns the pending sign-in of a session, and removes one that is
// over.
func (a *Auth[U]) resume(ctx context.Context, s *session.Session) (*pending[U], error) {
	half, ok := session.Get[proof](s, pendingKey)
	if !ok {
		return nil, nil
	}
	if a.o.Stamp != nil && a.o.Clock().Before(time.UnixMilli(half.At).Add(pendingLifetime)) {
		u, err := a.o.Find(ctx, half.User)
		if err != nil && !errors.Is(err, ErrNoUser) {
			return nil, err
		}
		if now := a.stamp(u); err == nil && a.o.Active(u) && string(now[:]) == half.Stamp {
			return &pending[U]{u, half}, nil
		}
	}
	s.Delete(pendingKey)
	return nil, nil
}

// Pending returns whose sign-in was begun in this session by [Auth.Begin], and
// the methods so far. Check the second factor of this user, never of one that
// the request names.
func (a *Auth[U]) Pending(ctx context.Context) (u U, methods []Method, ok bool) {
	p, found := a.key.Value(ctx)
	if !found {
		return u, nil, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending == nil {
		return u, nil, false
	}
	return p.pending.user, p.pending.proof.list(), true
}

// SignIn makes u the user of this session and request. Call it after the
// password, and every further factor, was found right, with the methods used
// in this request; those of the pending sign-in of u are added, and whatever
// is pending ends. The session gets a new token, and is good until [Options].Stamp
// of u is another than that of the value that is passed: pass the user as it was
// read to check the password, not as it is read after that.
//
// A user who is not active is refused with [ErrInactive]. Methods that are
// second factors only, [MethodTOTP] and [MethodRecovery], are refused with
// [ErrNoPending], as a 401, unless the first was right before and is pending.
func (a *Auth[U]) SignIn(ctx context.Context, u U, methods ...Method) error {
	p := a.principal(ctx, "SignIn")
	s := a.session(ctx, "SignIn")
	if !a.o.Active(u) {
		return ErrInactive
	}
	id := a.o.ID(u)
	proved := proof{User: id}
	p.mu.Lock()
	half := p.pending
	p.mu.Unlock()
	if half != nil && half.proof.User == id {
		proved.Methods = half.proof.Methods
	} else if len(methods) > 0 && !slices.ContainsFunc(methods, func(m Method) bool { return !m.secondOnly() }) {
		return &web.Error{
			Status:  http.StatusUnauthorized,
			Code:    "sign_in_again",
			Message: "This sign-in is over. Please start again.",
			Header:  http.Header{"Www-Authenticate": {a.challenge()}},
			Err:     ErrNoPending,
		}
	}
	proved = proved.with(a.o.Clock(), methods...)
	a.bind(s, u)
	if err := a.enter(ctx, s, id, proved); err != nil {
		return fmt.Errorf("auth: sign in: %w", err)
	}
	a.become(ctx, p, identity[U]{user: u, known: true, credential: bySession, session: s})
	return nil
}

// enter opens the session of id. What is pending goes with the same write that
// brings the user, lest it outlive the sign-in.
func (a *Auth[U]) enter(ctx context.Context, s *session.Session, id string, proved proof) error {
	before := readProof(s)
	half, _ := session.Get[proof](s, pendingKey)
	s.Delete(pendingKey)
	if err := s.Put(proofKey, proved); err != nil {
		return err
	}
	if err := s.SignIn(ctx, id); err != nil {
		return errors.Join(err, putBack(s, proofKey, before), putBack(s, pendingKey, half))
	}
	if readProof(s).User == id {
		return nil
	}
	return s.Put(proofKey, proved) // the values were those of another user
}

// putBack makes the value of a session what it was before a change that failed:
// the session is saved when the request ends all the same.
func putBack(s *session.Session, key string, p proof) error {
	if p.User == "" {
		s.Delete(key)
		return nil
	}
	return s.Put(key, p)
}

// SignOut ends the session. From then on nobody is signed in, nor is anything
// pending.
func (a *Auth[U]) SignOut(ctx context.Context) error {
	p := a.principal(ctx, "SignOut")
	if err := a.session(ctx, "SignOut").SignOut(ctx); err != nil {
		return fmt.Errorf("auth: sign out: %w", err)
	}
	a.become(ctx, p, identity[U]{})
	return nil
}

// Methods returns by what the user of the session has proved who they are,
// since signing in, the first proved first; none for who came by a credential.
func (a *Auth[U]) Methods(ctx context.Context) []Method { return a.identity(ctx).proof().list() }

// AuthenticatedAt returns when the user of the session last proved who they
// are, by [Auth.SignIn] or [Auth.Confirm]: the auth_time of OpenID Connect. It
// is the zero time when that is not known, and for who came by a credential.
func (a *Auth[U]) AuthenticatedAt(ctx context.Context) time.Time {
	at, ok := a.identity(ctx).proof().since(nil)
	if !ok {
		return time.Time{}
	}
	return at
}
