package services

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/obs"
)

// KeyStore keeps API keys.
type KeyStore interface {
	// CreateKey stores k; a name that the user has already is a [TakenError], and
	// more than max keys that are not revoked are [ErrTooManyKeys], also when two
	// are made at once.
	CreateKey(ctx context.Context, k models.APIKey, max int) error
	// Key returns a key and its owner, or ErrNotFound for an unknown id; a
	// revoked key is returned.
	Key(ctx context.Context, id string) (models.APIKey, models.User, error)
	// Keys lists a user's newest 200 keys, those that work before the revoked,
	// newest first.
	Keys(ctx context.Context, userID string) ([]models.APIKey, error)
	// RevokeKey ends a key of that user; ErrNotFound when there is none.
	RevokeKey(ctx context.Context, userID, id string, at time.Time) error
	// TouchKey notes that a key was used at a time, unless an earlier use after
	// since is noted already.
	TouchKey(ctx context.Context, id string, at, since time.Time) error
}

// maxKeys is how many keys a user can have at once: all of them are on the page
// that revokes them.
const maxKeys = 100

// ErrTooManyKeys is a key for a user who has as many as one can have.
var ErrTooManyKeys = errors.New("services: too many keys")

// KeyRotation gives keys new secrets.
type KeyRotation interface {
	// RotateKey sets the hash of a key of that user which works at a time; the one
	// of before is accepted until another time. ErrNotFound when there is none.
	RotateKey(ctx context.Context, userID, id string, hash []byte, at, until time.Time) error
}

// Keys makes and revokes the API keys of users. Make one by [NewKeys].
type Keys struct {
	Store    KeyStore
	Rotation KeyRotation
	// Grants returns what a role may do; without it no key can be made.
	Grants   func(role string) map[string]bool
	Standing Standing
	Audit    Recorder
	// Accounts mails users that a key was made; without it nothing is mailed.
	Accounts *Accounts
	Now      func() time.Time

	mu   sync.Mutex
	used map[string]time.Time // by key, when its use was last noted
	uses chan use
}

// use is one that Run has to note.
type use struct {
	key   string
	at    time.Time
	every time.Duration
}

const (
	// maxUsed bounds the memory for keys in use; beyond it all are forgotten,
	// at the price of one write more for each.
	maxUsed = 10_000
	// maxUses is how many may wait to be noted; what is more is dropped.
	maxUses = 256
)

// NewKeys returns the service; call Run to have the use of keys noted.
func NewKeys(store KeyStore, now func() time.Time) *Keys {
	return &Keys{Store: store, Now: now, used: make(map[string]time.Time), uses: make(chan use, maxUses)}
}

// KeyPrefix marks the keys, so that scanners find one that leaked.
const KeyPrefix = "pkt"

// KeyWish is what a user says of a new key.
type KeyWish struct {
	Name   string
	Scopes []string // some of [KeyScopes]
	Life   string   // one of [KeyLives]
}

// KeyLives are how long a key can live, as a form names it.
func KeyLives() []string { return []string{"30 days", "90 days", "a year", "never"} }

// lifeDays is a life in days; 0 is for ever.
func lifeDays(life string) (days int, ok bool) {
	i := slices.Index(KeyLives(), life)
	if i < 0 {
		return 0, false
	}
	return []int{30, 90, 365, 0}[i], true
}

// overlap is how long the secret from before a rotation is still accepted.
const overlap = 24 * time.Hour

// Create makes a key for the user and returns its secret, which is shown this
// once and never again. It is [ErrOutdated] for an owner who is not what was read.
func (s *Keys) Create(ctx context.Context, owner models.User, wish KeyWish) (plain string, err error) {
	var bad Invalid
	bad.check("name", models.CheckKeyName(wish.Name))
	bad.check("scopes", checkScopes(s.Scopes(owner), wish.Scopes))
	days, ok := lifeDays(wish.Life)
	if !ok {
		bad.check("life", "must be one of "+strings.Join(KeyLives(), ", "))
	}
	if err := bad.err(); err != nil {
		return "", err
	}
	k, err := apikey.New(KeyPrefix)
	if err != nil {
		return "", err
	}
	now := s.Now().UTC()
	key := models.APIKey{
		ID: k.ID, UserID: owner.ID, Name: wish.Name, Hash: k.Hash, CreatedAt: now,
		Scopes: strings.Join(slices.Compact(slices.Sorted(slices.Values(wish.Scopes))), " "),
	}
	if days > 0 {
		expires := now.AddDate(0, 0, days)
		key.ExpiresAt = &expires
	}
	err = s.Store.CreateKey(record(s.Standing.Unchanged(ctx, owner), s.Audit, owner, "key.created", key.ID, "name", key.Name, "scopes", key.Scopes), key, maxKeys)
	if errors.Is(err, ErrTooManyKeys) {
		return "", Invalid{{"name", "cannot be that of a key more: you have " + strconv.Itoa(maxKeys) + ", expired ones included; revoke one first"}}
	}
	if err != nil {
		return "", err
	}
	s.notify(ctx, keyMade(owner, key))
	return k.Plain, nil
}

func (s *Keys) notify(ctx context.Context, l letter) {
	if s.Accounts != nil {
		s.Accounts.notify(ctx, l)
	}
}

// Scopes are the permissions that the user can hand to a key.
func (s *Keys) Scopes(owner models.User) []string {
	if s.Grants == nil {
		return nil
	}
	return KeyScopes(s.Grants(string(owner.Role)))
}

// checkScopes returns what is wrong with the scopes of a new key, or "".
func checkScopes(mine, scopes []string) string {
	if len(scopes) == 0 {
		return "must be at least one"
	}
	if slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(mine, scope) }) {
		return "must be permissions that you have yourself: " + strings.Join(mine, ", ")
	}
	return ""
}

// Rotate gives a key of the user a new secret, which is shown this once. The old
// one works for 24 hours more; one from before that does not. When the key
// expires stays as it was. ErrNotFound when there is no such key, or it has ended,
// and [ErrOutdated] as for Create.
func (s *Keys) Rotate(ctx context.Context, owner models.User, id string) (plain string, err error) {
	k, err := apikey.Rotate(KeyPrefix, id)
	if err != nil { // no key has such an id
		return "", ErrNotFound
	}
	now := s.Now().UTC()
	if err := s.Rotation.RotateKey(record(s.Standing.Unchanged(ctx, owner), s.Audit, owner, "key.rotated", id), owner.ID, id, k.Hash, now, now.Add(overlap)); err != nil {
		return "", err
	}
	s.notify(ctx, keyRotated(owner, id))
	return k.Plain, nil
}

// Revoke ends a key of the user; ErrNotFound when there is none.
func (s *Keys) Revoke(ctx context.Context, owner models.User, id string) error {
	return s.Store.RevokeKey(record(ctx, s.Audit, owner, "key.revoked", id), owner.ID, id, s.Now().UTC())
}

// Used has the use of a key noted, at most once in every period: a busy key must
// not write with each request. It does not wait, since a request is not to fail
// or hang because its key's last use cannot be written down.
func (s *Keys) Used(id string, every time.Duration) {
	now := s.Now().UTC()
	if !s.due(id, now, every) {
		return
	}
	select {
	case s.uses <- use{id, now, every}:
	default:
	}
}

// due reports whether the use of a key is to be noted, and that it now is: of
// many requests at once one does it.
func (s *Keys) due(id string, now time.Time, every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.used[id]; ok && now.Sub(last) < every {
		return false
	}
	if len(s.used) >= maxUsed {
		clear(s.used)
	}
	s.used[id] = now
	return true
}

// Run notes the uses until ctx ends.
func (s *Keys) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case u := <-s.uses:
			if err := s.Store.TouchKey(ctx, u.key, u.at, u.at.Add(-u.every)); err != nil && ctx.Err() == nil {
				obs.Logger(ctx).WarnContext(ctx, "last use of a key not noted", "key", u.key, "err", err)
			}
		}
	}
}
