package auth

import (
	"fmt"
	"net/http"
	"time"
)

// Signer signs what clients keep, so that they cannot make it up; a
// keyring.Signer is one. It must be used for nothing else: bind it to a purpose
// of its own. It is safe for concurrent use.
type Signer interface {
	// Sign returns a text of A-Z, a-z, 0-9 and ".-_=" that holds payload.
	Sign(payload []byte) (string, error)
	// Verify returns the payload, or an error for a text that Sign has not
	// made.
	Verify(signed string) ([]byte, error)
}

// signedCookie is a cookie of this host whose payload the client cannot make up.
type signedCookie struct {
	name     string
	signer   Signer
	lifetime time.Duration
	secure   bool
}

func newSignedCookie(name string, signer Signer, lifetime time.Duration, insecure bool) signedCookie {
	if !insecure {
		name = "__Host-" + name
	}
	return signedCookie{name, signer, lifetime, !insecure}
}

func (c signedCookie) set(w http.ResponseWriter, payload []byte) error {
	value, err := c.signer.Sign(payload)
	if err != nil {
		return err
	}
	cookie := &http.Cookie{
		Name: c.name, Value: value, Path: "/", MaxAge: int(c.lifetime / time.Second),
		Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if err := cookie.Valid(); err != nil {
		return fmt.Errorf("the Signer's text is no cookie value: %w", err)
	}
	http.SetCookie(w, cookie)
	return nil
}

func (c signedCookie) clear(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{
		Name: c.name, Path: "/", MaxAge: -1, Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// get returns the payload, or nil. Of two cookies one was planted, and nothing
// says which: they count as none.
func (c signedCookie) get(r *http.Request) []byte {
	cookies := r.CookiesNamed(c.name)
	if len(cookies) != 1 {
		return nil
	}
	payload, err := c.signer.Verify(cookies[0].Value)
	if err != nil {
		return nil
	}
	return payload
}
