package passkey

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// challengeLife is how long a ceremony may take; WebAuthn Level 3, §15.1
	// recommends 5 to 10 minutes.
	challengeLife = 5 * time.Minute
	// cookieLife outlives every challenge that was made for the cookie, which
	// each begin sends again.
	cookieLife = 15 * time.Minute
	// maxRecent bounds the challenges that a credential remembers.
	maxRecent = 16
)

// purpose keeps a challenge of one ceremony from serving another.
type purpose string

const (
	registering purpose = "register"
	signingIn   purpose = "sign-in"
	confirming  purpose = "confirm"
)

// challenge is what the state of a ceremony says.
type challenge struct {
	Purpose purpose `json:"p"`
	Value   []byte  `json:"c"`
	Browser []byte  `json:"b"`           // SHA-256 of the cookie
	UserID  string  `json:"u,omitempty"` // of the ceremonies where it is known
	Handle  []byte  `json:"h,omitempty"` // of a registration
	Expires int64   `json:"e"`           // Unix milliseconds
}

// begin makes a challenge for the browser that r came from.
func (p *Passkeys) begin(w http.ResponseWriter, r *http.Request, ch challenge) (value []byte, state string, err error) {
	browser := p.browser(r)
	if browser == "" {
		browser = rand.Text()
	}
	http.SetCookie(w, &http.Cookie{
		Name: p.cookie, Value: browser, Path: "/", MaxAge: int(cookieLife / time.Second),
		Secure: !p.o.Insecure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	w.Header().Set("Cache-Control", "no-store")
	ch.Value = make([]byte, 32)
	rand.Read(ch.Value) // never fails, see its documentation
	ch.Browser = hash(browser)
	ch.Expires = p.o.Clock().Add(challengeLife).UnixMilli()
	payload, err := json.Marshal(ch)
	if err != nil {
		return nil, "", fmt.Errorf("passkey: %w", err)
	}
	if state, err = p.o.Signer.Sign(payload); err != nil {
		return nil, "", fmt.Errorf("passkey: sign a challenge: %w", err)
	}
	return ch.Value, state, nil
}

// open returns the challenge in state if it was made for this purpose, browser
// and user, and has not expired.
func (p *Passkeys) open(r *http.Request, state string, as purpose, user string) (challenge, error) {
	payload, err := p.o.Signer.Verify(state)
	if err != nil {
		return challenge{}, fmt.Errorf("%w: %w", ErrExpired, err)
	}
	var ch challenge
	if err := json.Unmarshal(payload, &ch); err != nil {
		return challenge{}, fmt.Errorf("%w: %w", ErrExpired, err)
	}
	browser := p.browser(r)
	switch {
	case ch.Purpose != as:
		return challenge{}, fmt.Errorf("%w: it is for %s", ErrExpired, ch.Purpose)
	case browser == "" || subtle.ConstantTimeCompare(hash(browser), ch.Browser) != 1:
		return challenge{}, fmt.Errorf("%w: it is of another browser", ErrExpired)
	case ch.UserID != user:
		return challenge{}, fmt.Errorf("%w: it is of another user", ErrExpired)
	case p.o.Clock().UnixMilli() >= ch.Expires:
		return challenge{}, fmt.Errorf("%w: its time has passed", ErrExpired)
	}
	return ch, nil
}

// browser returns the value of the cookie, or "".
func (p *Passkeys) browser(r *http.Request) string {
	c, err := r.Cookie(p.cookie)
	if err != nil || len(c.Value) != len(rand.Text()) {
		return ""
	}
	return c.Value
}

func hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// spend adds ch to the recent challenges of a credential and drops those that
// have expired. Stored with the credential, by its version, that makes a
// challenge good for one response.
func spend(recent string, ch challenge, now time.Time) (string, error) {
	name := base64.RawURLEncoding.EncodeToString(hash(string(ch.Value))[:16])
	kept := []string{strconv.FormatInt(ch.Expires, 10) + ":" + name}
	for _, entry := range strings.Fields(recent) {
		expires, old, _ := strings.Cut(entry, ":")
		if old == name {
			return "", ErrReplayed
		}
		if at, err := strconv.ParseInt(expires, 10, 64); err == nil && at > now.UnixMilli() {
			kept = append(kept, entry)
		}
	}
	if len(kept) > maxRecent {
		return "", fmt.Errorf("%w: more than %d uses in %v", ErrRefused, maxRecent, challengeLife)
	}
	return strings.Join(kept, " "), nil
}
