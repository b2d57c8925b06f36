package auth

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"net/http"
	"time"
)

// TrustOptions configure [Trust].
type TrustOptions struct {
	// Signer signs the cookie. Bind it to a purpose of its own, other than that
	// of [Devices]. Required.
	Signer Signer
	// Lifetime is how long a browser is trusted after a second factor; use does
	// not lengthen it. Defaults to 30 days. A Signer that refuses what is older
	// than that ends it earlier.
	Lifetime time.Duration
	// Insecure drops Secure and the "__Host-" rule from the cookie, as in
	// session.Options.
	Insecure bool
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Trust remembers browsers in which a user has shown the second factor, so that
// the first is enough there for a while, by a signed cookie. It stands for the
// second factor only: ask it after the first was right, and only then skip
// [Auth.Begin].
//
//	if trust.Trusted(r, u.ID, u.Stamp) {
//		return users.SignIn(ctx, u, auth.MethodPassword)
//	}
//	return users.Begin(ctx, u, auth.MethodPassword)
//
// The stamp is a text of the user that changes with the password, with the
// second factors, and when the user says "forget all browsers": a counter, or
// what [Options].Stamp returns. Nothing remembered under another stamp counts.
//
// Who copies the cookie off a disk has the second factor of these users until
// Lifetime or stamp ends it, and still needs the first. The methods of such a
// sign-in name the first factor only, so that [Auth.RequireRecent] can ask for
// the second. It is safe for concurrent use.
type Trust struct {
	o      TrustOptions
	cookie signedCookie
}

// maxTrusted bounds the users that one browser is remembered for, and so the
// cookie, to about 400 bytes. Who was added longest ago is forgotten.
const maxTrusted = 4

// NewTrust returns a Trust. It panics when an option makes no sense.
func NewTrust(o TrustOptions) *Trust {
	if o.Signer == nil {
		panic("auth: TrustOptions.Signer is missing; pass a keyring's")
	}
	if o.Lifetime < 0 {
		panic("auth: TrustOptions.Lifetime is negative; leave it 0 for the default of 30 days")
	}
	o.Lifetime = cmp.Or(o.Lifetime, 30*24*time.Hour)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Trust{o, newSignedCookie("trust", o.Signer, o.Lifetime, o.Insecure)}
}

// trustEntry is one user in the cookie: 52 bytes.
type trustEntry struct {
	nonce [16]byte // hides whose entry it is
	since uint32   // Unix seconds
	tag   [32]byte // of user and stamp
}

const (
	trustEntryLen = 16 + 4 + 32
	// trustFormat differs from deviceFormat, should one Signer sign both.
	trustFormat = 2
)

func (e *trustEntry) bind(user, stamp string) [32]byte {
	h := sha256.New()
	h.Write(e.nonce[:])
	// The length parts user from stamp: ("ab", "c") is not ("a", "bc").
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(user))))
	h.Write([]byte(user + stamp))
	return [32]byte(h.Sum(nil))
}

func (e *trustEntry) is(user, stamp string) bool {
	tag := e.bind(user, stamp)
	return subtle.ConstantTimeCompare(e.tag[:], tag[:]) == 1
}

// Trusted reports whether the browser that makes r is remembered for the user
// with this id and stamp.
func (t *Trust) Trusted(r *http.Request, user, stamp string) bool {
	for _, e := range t.entries(r) {
		if e.is(user, stamp) {
			return true
		}
	}
	return false
}

// Remember has the browser that makes r remembered for the user, because the
// second factor was right in this request and the user wants it so. Call it
// before the response begins.
func (t *Trust) Remember(w http.ResponseWriter, r *http.Request, user, stamp string) error {
	e := trustEntry{since: uint32(t.o.Clock().Unix())}
	rand.Read(e.nonce[:]) // never fails, see its documentation
	e.tag = e.bind(user, stamp)
	kept := []trustEntry{e}
	for _, old := range t.entries(r) {
		if !old.is(user, stamp) && len(kept) < maxTrusted {
			kept = append(kept, old)
		}
	}
	payload := []byte{trustFormat}
	for _, e := range kept {
		payload = append(payload, e.nonce[:]...)
		payload = binary.BigEndian.AppendUint32(payload, e.since)
		payload = append(payload, e.tag[:]...)
	}
	if err := t.cookie.set(w, payload); err != nil {
		return fmt.Errorf("auth: trust a browser: %w", err)
	}
	return nil
}

// Forget removes the cookie from this browser, for all users. A copy of it
// stays valid: changing the stamp is what ends that.
func (t *Trust) Forget(w http.ResponseWriter) { t.cookie.clear(w) }

// entries returns what the cookie of r says, without what is too old.
func (t *Trust) entries(r *http.Request) []trustEntry {
	payload := t.cookie.get(r)
	if len(payload) == 0 || payload[0] != trustFormat || (len(payload)-1)%trustEntryLen != 0 {
		return nil
	}
	var entries []trustEntry
	for b := payload[1:]; len(b) > 0; b = b[trustEntryLen:] {
		e := trustEntry{nonce: [16]byte(b), since: binary.BigEndian.Uint32(b[16:]), tag: [32]byte(b[20:])}
		if t.o.Clock().Before(time.Unix(int64(e.since), 0).Add(t.o.Lifetime)) {
			entries = append(entries, e)
		}
	}
	return entries
}
