package auth

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

// DevicesOptions configure [Devices].
type DevicesOptions struct {
	// Signer signs the cookie. Required.
	Signer Signer
	// Lifetime is how long a browser is known after its last sign-in. Defaults
	// to 180 days.
	Lifetime time.Duration
	// Insecure drops Secure and the "__Host-" rule from the cookie, as in
	// session.Options.
	Insecure bool
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Devices recognises browsers from which an account was signed in to before, by
// a signed cookie that says so, for [Throttle]. It proves nothing else: it signs
// nobody in. It is safe for concurrent use.
type Devices struct {
	o      DevicesOptions
	cookie signedCookie
}

// Device is a browser; the zero value is one that is not known.
type Device struct {
	account string // see accountKey
	id      string
	since   time.Time
}

// maxDeviceAccounts bounds the cookie of a browser that many share: about 200
// bytes. Who signs in longest ago is forgotten.
const maxDeviceAccounts = 4

// NewDevices returns Devices. It panics when an option makes no sense.
func NewDevices(o DevicesOptions) *Devices {
	if o.Signer == nil {
		panic("auth: DevicesOptions.Signer is missing; pass a keyring's")
	}
	if o.Lifetime < 0 {
		panic("auth: DevicesOptions.Lifetime is negative; leave it 0 for the default of 180 days")
	}
	o.Lifetime = cmp.Or(o.Lifetime, 180*24*time.Hour)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Devices{o, newSignedCookie("device", o.Signer, o.Lifetime, o.Insecure)}
}

// deviceEntry is one account in the cookie: 28 bytes.
type deviceEntry struct {
	// id is random. With it the account is hashed, so that the next one at
	// this browser does not see at a glance whose it was.
	id      [8]byte
	account [16]byte
	since   uint32 // Unix seconds
}

const (
	deviceEntryLen = 8 + 16 + 4
	deviceFormat   = 1
)

func (e *deviceEntry) bind(account string) (tag [16]byte) {
	sum := sha256.Sum256(append(e.id[:], account...))
	copy(tag[:], sum[:])
	return tag
}

func (e *deviceEntry) time() time.Time { return time.Unix(int64(e.since), 0).UTC() }

// Known returns the browser that makes r, if account was signed in to from it.
func (d *Devices) Known(r *http.Request, account string) Device {
	key := accountKey(account)
	for _, e := range d.entries(r) {
		if e.account == e.bind(key) {
			return Device{account: key, id: hex.EncodeToString(e.id[:]), since: e.time()}
		}
	}
	return Device{}
}

// Remember makes the browser that makes r a known one of account. Call it before
// the response begins, each time that somebody has signed in to account with
// all that it asks for, or has proved to own it, as by a link in a mail.
func (d *Devices) Remember(w http.ResponseWriter, r *http.Request, account string) error {
	key := accountKey(account)
	e := deviceEntry{since: uint32(d.o.Clock().Unix())}
	rand.Read(e.id[:]) // never fails, see its documentation
	var others []deviceEntry
	for _, old := range d.entries(r) {
		if old.account == old.bind(key) {
			e.id = old.id // with what it has failed so far
		} else if len(others) < maxDeviceAccounts-1 {
			others = append(others, old)
		}
	}
	e.account = e.bind(key)
	payload := []byte{deviceFormat}
	for _, e := range append([]deviceEntry{e}, others...) {
		payload = append(payload, e.id[:]...)
		payload = append(payload, e.account[:]...)
		payload = binary.BigEndian.AppendUint32(payload, e.since)
	}
	if err := d.cookie.set(w, payload); err != nil {
		return fmt.Errorf("auth: remember a device: %w", err)
	}
	return nil
}

// entries returns what the cookie of r says, without what is too old.
func (d *Devices) entries(r *http.Request) []deviceEntry {
	payload := d.cookie.get(r)
	if len(payload) == 0 || payload[0] != deviceFormat || (len(payload)-1)%deviceEntryLen != 0 {
		return nil
	}
	now := d.o.Clock()
	var entries []deviceEntry
	for b := payload[1:]; len(b) > 0; b = b[deviceEntryLen:] {
		var e deviceEntry
		copy(e.id[:], b)
		copy(e.account[:], b[8:])
		e.since = binary.BigEndian.Uint32(b[24:])
		if now.Before(e.time().Add(d.o.Lifetime)) {
			entries = append(entries, e)
		}
	}
	return entries
}
