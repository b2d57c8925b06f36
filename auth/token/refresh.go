package token

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/obs"
)

// RefreshOptions configure [Refresh].
type RefreshOptions struct {
	// Store keeps the grants. Required.
	Store RefreshStore
	// Idle ends a grant that was not refreshed for so long. Defaults to 14
	// days.
	Idle time.Duration
	// Lifetime ends a grant however much it is used, counted from the sign-in.
	// Defaults to 90 days.
	Lifetime time.Duration
	// Grace is how long the token that was used last is answered again, with
	// the same successor, as long as that was not used. Defaults to 0. Mobile
	// clients that lose answers, and pages with several tabs, need some 10 s; a
	// thief has as long to use a copy before it ends the grant. At most 1
	// minute.
	Grace time.Duration
	// Reused is told of each grant that ends because a token was used twice:
	// a copy is about, so tell the user. It must be quick. Defaults to a
	// warning in the log, which there is in any case.
	Reused func(ctx context.Context, g Grant)
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Refresh makes and rotates refresh tokens: each works once and brings its
// successor; all that come from one sign-in are a grant, and end together. It
// is safe for concurrent use.
type Refresh struct {
	o         RefreshOptions
	nextSweep atomic.Int64 // Unix nanoseconds
}

// Grant is what a user allowed a client, at one sign-in.
type Grant struct {
	// ID names the grant in lists; it opens nothing.
	ID string
	// User and ClientID are who allowed it, and which program got it.
	User, ClientID string
	// Scopes is what access tokens from it may do at most.
	Scopes []string
	// Authenticated is when the user proved who they are, if known.
	Authenticated time.Time
	// UserAgent and Addr are where the grant was last used.
	UserAgent, Addr string
	// Created, Seen and Expires are the sign-in, the last refresh, and when
	// the grant ends unless it is refreshed before; in UTC and milliseconds.
	Created, Seen, Expires time.Time
}

const (
	refreshPrefix = "gr1_" // for secret scanners, and without dots: no JWT
	refreshBytes  = 32
	refreshLength = len(refreshPrefix) + 2*43 + 1
	// sweepEvery is how often expired grants are looked for. They are refused
	// from the moment they expire; sweeping only frees their room.
	sweepEvery = 10 * time.Minute
)

// NewRefresh returns a Refresh. It panics when an option is missing or makes no
// sense.
func NewRefresh(o RefreshOptions) *Refresh {
	o.Idle = cmp.Or(o.Idle, 14*24*time.Hour)
	o.Lifetime = cmp.Or(o.Lifetime, 90*24*time.Hour)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Reused == nil {
		o.Reused = func(context.Context, Grant) {}
	}
	switch {
	case o.Store == nil:
		panic("token: RefreshOptions.Store is missing; use NewSQLStore")
	case o.Idle < 0 || o.Lifetime < 0:
		panic("token: an option is negative; leave it 0 for its default")
	case o.Grace < 0 || o.Grace > time.Minute:
		panic("token: RefreshOptions.Grace is not between 0 and 1 minute; 10 s are enough for lost answers")
	}
	return &Refresh{o: o}
}

// Start begins a grant, after the user has signed in and allowed it, and
// returns its first token. g needs User and ClientID; ID and the times but
// Authenticated are set here.
func (r *Refresh) Start(ctx context.Context, g Grant) (token string, _ Grant, err error) {
	if g.User == "" || g.ClientID == "" {
		return "", Grant{}, errors.New("token: Start needs User and ClientID")
	}
	if err := checkScopes(g.Scopes); err != nil {
		return "", Grant{}, err
	}
	now := r.now()
	r.sweep(ctx, now)
	g.ID, g.Created, g.Seen = rand.Text(), now, now
	g.Authenticated = g.Authenticated.UTC().Truncate(time.Millisecond)
	g.UserAgent, g.Addr = bounded(g.UserAgent), bounded(g.Addr)
	g.Expires = r.expires(g)
	selector, secret := random(), random()
	token = formatRefresh(selector, secret)
	rec := RefreshRecord{Grant: g, Lookup: sha256.Sum256(selector), Current: sha256.Sum256([]byte(token))}
	if err := r.o.Store.Save(ctx, rec); err != nil {
		return "", Grant{}, fmt.Errorf("token: start a grant: %w", err)
	}
	return token, g, nil
}

// Use is where a refresh token comes from.
type Use struct {
	// ClientID is the program, once it has proved that it is. It must be the
	// one that the token was given to. Required.
	ClientID string
	// UserAgent and Addr are shown in the user's list. Optional.
	UserAgent, Addr string
}

// Rotate takes a refresh token and returns its successor, and the grant to make
// an access token of. Check that the user may still sign in.
//
// A token that was used before ends its grant with [ErrReused]: of a thief and
// the owner one is late, and it is unknown who. So it is when two uses come at
// the same moment: one wins, the other ends the grant, successor included;
// within [RefreshOptions].Grace both get the same successor. Other refusals are
// [ErrMalformed], [ErrExpired], and [ErrInvalid] for one that is unknown, ended,
// or another client's.
func (r *Refresh) Rotate(ctx context.Context, token string, use Use) (next string, _ Grant, err error) {
	selector, secret, err := parseRefresh(token)
	if err != nil {
		return "", Grant{}, err
	}
	// The second round is for who lost against another use; a third would
	// mean that the store contradicts itself.
	for range 3 {
		next, g, err := r.rotate(ctx, token, selector, secret, use)
		if !errors.Is(err, ErrConflict) {
			return next, g, err
		}
	}
	return "", Grant{}, fmt.Errorf("token: rotate: %w", ErrConflict)
}

func (r *Refresh) rotate(ctx context.Context, token string, selector, secret []byte, use Use) (next string, _ Grant, err error) {
	rec, err := r.o.Store.Load(ctx, sha256.Sum256(selector))
	if errors.Is(err, ErrNotFound) {
		return "", Grant{}, fmt.Errorf("%w: no such grant, or one that has ended", ErrInvalid)
	}
	if err != nil {
		return "", Grant{}, fmt.Errorf("token: load a grant: %w", err)
	}
	now := r.now()
	sum := Hash(sha256.Sum256([]byte(token)))
	switch {
	case !now.Before(r.expires(rec.Grant)):
		return "", Grant{}, fmt.Errorf("%w: grant %s", ErrExpired, rec.ID)
	case rec.ClientID != use.ClientID:
		return "", Grant{}, fmt.Errorf("%w: grant %s is another client's", ErrInvalid, rec.ID)
	case equal(sum, rec.Current):
		return r.advance(ctx, rec, selector, secret, sum, use, now)
	case equal(sum, rec.Previous) && len(rec.Seed) > 0 && now.Before(rec.Seen.Add(r.o.Grace)):
		next := formatRefresh(selector, successor(rec.Seed, secret))
		return next, rec.Grant, nil
	}
	// Who knows the selector has held a token of this grant.
	if err := r.o.Store.Delete(ctx, rec.Lookup); err != nil {
		return "", Grant{}, fmt.Errorf("token: end a grant: %w", err)
	}
	obs.Logger(ctx).WarnContext(ctx, "token: a refresh token was used again; its grant has ended",
		"grant", rec.ID, "user", rec.User, "client", rec.ClientID, "addr", bounded(use.Addr))
	r.o.Reused(ctx, rec.Grant)
	return "", Grant{}, fmt.Errorf("%w: grant %s of %q", ErrReused, rec.ID, rec.User)
}

func (r *Refresh) advance(ctx context.Context, rec RefreshRecord, selector, secret []byte, sum Hash, use Use, now time.Time) (next string, _ Grant, err error) {
	// The seed lets who still holds the last token ask for the successor again.
	// It is kept only for that: with it, a stolen database and a stolen old
	// token would make the current one.
	seed := random()
	next = formatRefresh(selector, successor(seed, secret))
	rec.Seed = nil
	if r.o.Grace > 0 {
		rec.Seed = seed
	}
	rec.Previous, rec.Current = sum, sha256.Sum256([]byte(next))
	rec.Seen, rec.UserAgent, rec.Addr = now, bounded(use.UserAgent), bounded(use.Addr)
	rec.Expires = r.expires(rec.Grant)
	if err := r.o.Store.Save(ctx, rec); err != nil {
		return "", Grant{}, fmt.Errorf("token: save a grant: %w", err)
	}
	return next, rec.Grant, nil
}

// List returns what a user has allowed, the last used first.
func (r *Refresh) List(ctx context.Context, user string) ([]Grant, error) {
	recs, err := r.byUser(ctx, user)
	if err != nil {
		return nil, err
	}
	var all []Grant
	for _, rec := range recs {
		if r.now().Before(r.expires(rec.Grant)) {
			all = append(all, rec.Grant)
		}
	}
	return all, nil
}

// Revoke ends one grant of a user, or returns [ErrNotFound]. Access tokens that
// it gave are valid until they expire.
func (r *Refresh) Revoke(ctx context.Context, user, id string) error {
	recs, err := r.byUser(ctx, user)
	if err != nil {
		return err
	}
	for _, rec := range recs {
		if rec.ID == id {
			return r.o.Store.Delete(ctx, rec.Lookup)
		}
	}
	return fmt.Errorf("token: grant %.64q: %w", id, ErrNotFound)
}

// RevokeAll ends all grants of a user: call it when the password changes, and
// when the user is disabled.
func (r *Refresh) RevokeAll(ctx context.Context, user string) error {
	recs, err := r.byUser(ctx, user)
	for _, rec := range recs {
		err = errors.Join(err, r.o.Store.Delete(ctx, rec.Lookup))
	}
	return err
}

// RevokeToken ends the grant of a token that its client gives back (RFC 7009).
// One that is unknown, or another client's, is no error and changes nothing.
func (r *Refresh) RevokeToken(ctx context.Context, token, clientID string) error {
	selector, _, err := parseRefresh(token)
	if err != nil {
		return nil //nolint:nilerr // section 2.2: an invalid token is no error
	}
	rec, err := r.o.Store.Load(ctx, sha256.Sum256(selector))
	if errors.Is(err, ErrNotFound) || err == nil && rec.ClientID != clientID {
		return nil
	}
	if err != nil {
		return fmt.Errorf("token: load a grant: %w", err)
	}
	return r.o.Store.Delete(ctx, rec.Lookup)
}

func (r *Refresh) byUser(ctx context.Context, user string) ([]RefreshRecord, error) {
	if user == "" {
		return nil, errors.New("token: no user")
	}
	recs, err := r.o.Store.ByUser(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("token: grants of a user: %w", err)
	}
	return recs, nil
}

// now is the time as records hold it.
func (r *Refresh) now() time.Time { return r.o.Clock().UTC().Truncate(time.Millisecond) }

// expires is computed, not read, so that a shorter Idle or Lifetime applies to
// old grants too.
func (r *Refresh) expires(g Grant) time.Time {
	idle, end := g.Seen.Add(r.o.Idle), g.Created.Add(r.o.Lifetime)
	if idle.Before(end) {
		return idle
	}
	return end
}

// sweep runs where a grant begins, since only that makes the store grow.
func (r *Refresh) sweep(ctx context.Context, now time.Time) {
	next := r.nextSweep.Load()
	if now.UnixNano() < next || !r.nextSweep.CompareAndSwap(next, now.Add(sweepEvery).UnixNano()) {
		return
	}
	if err := r.o.Store.DeleteExpired(ctx, now); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "token: expired grants were not removed", "error", err)
	}
}

func random() []byte {
	b := make([]byte, refreshBytes)
	rand.Read(b) // never fails, see its documentation
	return b
}

// successor is as random as the seed to who does not know it.
func successor(seed, secret []byte) []byte {
	h := hmac.New(sha256.New, seed)
	h.Write(secret)
	return h.Sum(nil)
}

func equal(a, b Hash) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

func formatRefresh(selector, secret []byte) string {
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(selector) + "~" + base64.RawURLEncoding.EncodeToString(secret)
}

// parseRefresh reads the one form that formatRefresh writes. The error does not
// show the token.
func parseRefresh(token string) (selector, secret []byte, err error) {
	body, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok || len(token) != refreshLength {
		return nil, nil, fmt.Errorf("%w: not a refresh token", ErrMalformed)
	}
	first, second, _ := strings.Cut(body, "~")
	selector, err1 := base64.RawURLEncoding.Strict().DecodeString(first)
	secret, err2 := base64.RawURLEncoding.Strict().DecodeString(second)
	if err1 != nil || err2 != nil || len(selector) != refreshBytes || len(secret) != refreshBytes {
		return nil, nil, fmt.Errorf("%w: not a refresh token", ErrMalformed)
	}
	return selector, secret, nil
}

// bounded cuts what a client said about itself, and takes out what no database
// keeps.
func bounded(s string) string {
	const most = 256
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
