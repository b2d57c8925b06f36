package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/galeweb/gale/internal/ctxkey"
)

const (
	// maxSealed bounds the sealed values in the cookie: browsers keep 4,096
	// bytes of name and value (RFC 6265bis, section 5.6).
	maxSealed = 3 << 10
	// cookieBytes is the default of Options.MaxBytes with a CookieStore. Sealed
	// by a keyring.AEAD, in base64 and with the token, it makes 3.8 KiB.
	cookieBytes = 2 << 10
	// staleAfter is how long the values of a cookie count after the session was
	// saved with others.
	staleAfter = 30 * time.Second
)

// Sealer encrypts and authenticates; a keyring.AEAD is one. What is opened with
// other associated data than it was sealed with is an error. It is safe for
// concurrent use.
type Sealer interface {
	Seal(plaintext, associated []byte) ([]byte, error)
	Open(sealed, associated []byte) ([]byte, error)
}

// CookieStore keeps the values of sessions encrypted in their cookies, and only
// who is signed in since when and from where in another store. So the server
// keeps no user's values, and can end a session all the same: an old cookie
// signs nobody in again. Make one with [NewCookieStore] and give it to one
// [Manager]. It is safe for concurrent use.
//
// Values cannot be changed once the response header has gone. Requests at the
// same time overwrite each other's changes. Whoever keeps an old cookie of a
// session that is still open can show its values for 30 seconds after they were
// changed, and after that has none: do not keep there what is spent, such as a
// balance.
type CookieStore struct {
	index Store
	seal  Sealer
	clock func() time.Time
}

// CookieOptions configure a CookieStore.
type CookieOptions struct {
	// Sealer encrypts the values. It must be used for nothing else. Required.
	Sealer Sealer
	// Index keeps the sessions without their values. Required.
	Index Store
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// NewCookieStore returns a store. It panics when an option is missing.
func NewCookieStore(o CookieOptions) *CookieStore {
	if o.Sealer == nil || o.Index == nil {
		panic("session: NewCookieStore needs a Sealer and an Index")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &CookieStore{index: o.Index, seal: o.Sealer, clock: o.Clock}
}

// sealedCookie is the part of a request's cookie that holds the values.
type sealedCookie struct {
	token  string // of the request
	in     string // as it came
	out    string // to be sent
	closed bool   // nothing can be sent any more
}

var sealedKey = ctxkey.New[*sealedCookie]("session.sealedCookie")

// Load implements [Store] for the session of the request that ctx is of.
func (c *CookieStore) Load(ctx context.Context, h Hash) (Record, error) {
	r, err := c.index.Load(ctx, h)
	if err != nil {
		return Record{}, err
	}
	r.Data = nil
	cookie, ok := sealedKey.Value(ctx)
	if !ok {
		return r, nil
	}
	sealed := cookie.in
	if cookie.out != "" {
		sealed = cookie.out
	}
	if version, data, ok := c.open(sealed, h); ok {
		// A request that was under way when another saved brings an older cookie.
		if version == r.Version || version < r.Version && c.clock().Before(r.Seen.Add(staleAfter)) {
			r.Data = data
		}
	}
	return r, nil
}

// open is false for a cookie that was made up, belongs to another session, or
// is under a key that is gone: the session goes on without values.
func (c *CookieStore) open(sealed string, h Hash) (version int64, data []byte, ok bool) {
	if sealed == "" || len(sealed) > tokenEncoding.EncodedLen(maxSealed) {
		return 0, nil, false
	}
	b, err := tokenEncoding.DecodeString(sealed)
	if err != nil {
		return 0, nil, false
	}
	plain, err := c.seal.Open(b, h[:])
	if err != nil || len(plain) < 8 {
		return 0, nil, false
	}
	return int64(binary.BigEndian.Uint64(plain)), plain[8:], true
}

// Save implements [Store].
func (c *CookieStore) Save(ctx context.Context, was Hash, r Record) error {
	cookie, ok := sealedKey.Value(ctx)
	if !ok {
		return errors.New("session: a CookieStore saves within a request of its Manager only")
	}
	if cookie.closed {
		return ErrHeaderSent
	}
	plain := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(r.Data)), uint64(r.Version+1))
	sealed, err := c.seal.Seal(append(plain, r.Data...), r.Hash[:])
	if err != nil {
		return fmt.Errorf("session: seal the cookie: %w", err)
	}
	if len(sealed) > maxSealed {
		return fmt.Errorf("%w: %d bytes when sealed, a cookie holds %d", ErrTooLarge, len(sealed), maxSealed)
	}
	r.Data = nil
	if err := c.index.Save(ctx, was, r); err != nil {
		return err
	}
	cookie.out = tokenEncoding.EncodeToString(sealed)
	return nil
}

// Delete implements [Store].
func (c *CookieStore) Delete(ctx context.Context, h Hash) error { return c.index.Delete(ctx, h) }

// ByUser implements [Store].
func (c *CookieStore) ByUser(ctx context.Context, user string) ([]Record, error) {
	return c.index.ByUser(ctx, user)
}

// DeleteByUser implements [Store].
func (c *CookieStore) DeleteByUser(ctx context.Context, user, only, except string) ([]Record, error) {
	return c.index.DeleteByUser(ctx, user, only, except)
}

// DeleteExpired implements [Sweeper].
func (c *CookieStore) DeleteExpired(ctx context.Context, now time.Time) error {
	return sweep(ctx, c.index, now)
}
