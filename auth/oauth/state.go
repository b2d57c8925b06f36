package oauth

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// tripTime is how long somebody may stay at the provider: to find a
	// password and a phone, not to have lunch.
	tripTime = 10 * time.Minute
	// maxCookie is what browsers take of a cookie, 4096 bytes, without name and
	// attributes.
	maxCookie = 3800
)

// trip is what the browser keeps, encrypted, while it is at the provider.
type trip struct {
	State    string  `json:"s"`
	Verifier string  `json:"v"`
	Nonce    string  `json:"n"`
	Provider string  `json:"p"`
	Purpose  Purpose `json:"f"`
	User     string  `json:"u,omitempty"`
	Next     string  `json:"x,omitempty"`
	Started  int64   `json:"t"` // Unix milliseconds
}

// tripData keeps the cookie apart from whatever else the AEAD encrypts.
const tripData = "gale oauth trip 1"

var cookieEncoding = base64.RawURLEncoding.Strict()

// token returns 256 random bits, as text for a URL.
func token() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails, see its documentation
	return cookieEncoding.EncodeToString(b)
}

// setTrip sends t to the browser. Where the cookie would be too large, Next is
// left out.
func (c *Client) setTrip(w http.ResponseWriter, t trip) error {
	value, err := c.sealTrip(t)
	if err == nil && len(value) > maxCookie {
		t.Next = ""
		value, err = c.sealTrip(t)
	}
	if err == nil && len(value) > maxCookie {
		err = errors.New("the id of the user is too long for a cookie")
	}
	if err != nil {
		return fmt.Errorf("oauth: seal a state: %w", err)
	}
	c.setCookie(w, value, int(tripTime/time.Second))
	return nil
}

func (c *Client) sealTrip(t trip) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // six bytes for each & of a query
	if err := enc.Encode(t); err != nil {
		return "", err
	}
	sealed, err := c.o.AEAD.Seal(b.Bytes(), []byte(tripData))
	if err != nil {
		return "", err
	}
	return cookieEncoding.EncodeToString(sealed), nil
}

func (c *Client) setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: c.cookie, Value: value, Path: "/", MaxAge: maxAge,
		Secure: !c.o.Insecure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// takeTrip returns the trip of this browser that state belongs to, once, and
// removes its cookie. A state that is not the cookie's leaves the cookie alone,
// or else any site could end a sign-in by sending the browser here.
func (c *Client) takeTrip(w http.ResponseWriter, r *http.Request, p *provider, state string) (trip, error) {
	// Of two cookies one was planted, and nothing says which.
	cookies := r.CookiesNamed(c.cookie)
	if len(cookies) != 1 {
		return trip{}, noTrip(fmt.Sprintf("%d cookies", len(cookies)))
	}
	sealed, err := cookieEncoding.DecodeString(cookies[0].Value)
	if err != nil {
		return trip{}, noTrip("the cookie is no base64")
	}
	plain, err := c.o.AEAD.Open(sealed, []byte(tripData))
	if err != nil {
		return trip{}, noTrip("the cookie is not ours: " + err.Error())
	}
	var t trip
	if err := json.Unmarshal(plain, &t); err != nil {
		return trip{}, noTrip("the cookie is no trip")
	}
	if subtle.ConstantTimeCompare([]byte(t.State), []byte(state)) != 1 {
		return trip{}, badState("the state is another browser's, or another trip's")
	}
	c.setCookie(w, "", -1)
	now, started := c.o.Clock(), time.UnixMilli(t.Started)
	switch {
	case t.Provider != p.Name:
		return trip{}, badState("the trip went to " + t.Provider + ", and came back from " + p.Name)
	case !now.Before(started.Add(tripTime)):
		return trip{}, badState("the trip took too long")
	case !c.spent.take(t.State, now, started.Add(tripTime)):
		return trip{}, badState("the state was used before")
	}
	return t, nil
}

// spent remembers the states that came back, until they would be refused as
// too old anyway.
type spent struct {
	mu  sync.Mutex
	all map[string]time.Time // to the end of the trip
}

// maxSpent bounds the memory to some megabytes. Who makes so many trips within
// ten minutes has some forgotten, which helps to replay only cookies that
// somebody has copied, with codes that the provider takes once.
const maxSpent = 20_000

// take reports whether the state was not taken before.
func (s *spent) take(state string, now, end time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, used := s.all[state]; used {
		return false
	}
	if len(s.all) >= maxSpent {
		s.makeRoom(now)
	}
	s.all[state] = end
	return true
}

func (s *spent) makeRoom(now time.Time) {
	for state, end := range s.all {
		if !now.Before(end) {
			delete(s.all, state)
		}
	}
	if len(s.all) < maxSpent {
		return
	}
	// Half at once, or a flood would have every callback search the whole.
	for state := range s.all {
		if len(s.all) <= maxSpent/2 {
			return
		}
		delete(s.all, state)
	}
}
