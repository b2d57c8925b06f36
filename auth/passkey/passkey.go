package passkey

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Signer signs challenges, so that a begun ceremony takes no storage; a
// keyring.Signer is one. It must be used for nothing else. It is safe for
// concurrent use.
type Signer interface {
	// Sign returns a text that holds payload.
	Sign(payload []byte) (string, error)
	// Verify returns the payload, or an error for a text that Sign has not
	// made.
	Verify(signed string) ([]byte, error)
}

// Account is a user as authenticators show it.
type Account struct {
	// ID is the application's id of the user; authenticators do not see it.
	ID string
	// Name tells accounts apart, such as a mail address or user name.
	Name string
	// DisplayName is a person's name. Defaults to Name.
	DisplayName string
}

// Done is told of a finished ceremony and returns the path that the page goes to
// next, or "" to load the page again. It may set cookies but writes no response;
// its error is the response. What the page added to the address of the finish
// request, such as a "next", is in r.URL: pass it through web.LocalPath.
type Done func(w http.ResponseWriter, r *http.Request, c Credential) (next string, err error)

// Failure is a response that was refused.
type Failure struct {
	// UserID is whose passkey it is, "" where that is not known. The response
	// does not prove that the user had a part in it.
	UserID string
	// CredentialID is what the response names.
	CredentialID string
	// Err has ErrExpired, ErrReplayed, ErrSignCount, ErrNotFound, ErrExists or
	// ErrRefused in its tree.
	Err error
}

// Options configure [Passkeys].
type Options struct {
	// RPID is the domain that passkeys are for, such as "example.com": pages of
	// it and of its subdomains can use them. It cannot be an IP address, and
	// must not change. Required.
	RPID string
	// RPName is the name of the site that authenticators show. Required.
	RPName string
	// Origins are those of the pages that use passkeys, such as
	// "https://example.com": https, or http on localhost, with the host RPID or
	// below it. Required.
	Origins []string
	// Verifier checks responses. Required.
	Verifier Verifier
	// Store keeps the credentials. Required.
	Store Store
	// Signer signs challenges. Required.
	Signer Signer
	// Account returns who is signed in, for registration, or the error to
	// answer. Have a fresh sign-in asked for (auth.RequireRecent or its like):
	// who registers a passkey can sign in from then on. Required.
	Account func(r *http.Request) (Account, error)
	// SignedIn begins the session of c.UserID, whose passkey is proof of
	// possession and, by PIN or biometrics, of a second factor. Required.
	SignedIn Done
	// Pending returns the id of the user who has to confirm by a passkey:
	// because only the password is given yet, or before a dangerous action.
	// Without it the confirm handlers answer 404.
	Pending func(r *http.Request) (user string, err error)
	// Confirmed is told that the pending user has confirmed. Required with
	// Pending.
	Confirmed Done
	// Registered is told of a new credential, once it is stored: tell the user
	// by mail. Optional.
	Registered Done
	// Failed is told of refused responses, for the audit log. It must be quick.
	// Optional.
	Failed func(ctx context.Context, f Failure)
	// AllowUnverified also registers authenticators that know neither PIN nor
	// biometrics nor have room for a discoverable credential, as a second
	// factor only: the confirm handlers accept those, the sign-in handlers do
	// not.
	AllowUnverified bool
	// MaxPerUser bounds the passkeys of a user. Defaults to 20.
	MaxPerUser int
	// Insecure drops Secure and the "__Host-" rule from the cookie, for
	// development over plain HTTP where the browser is not Chromium or Firefox
	// on localhost.
	Insecure bool
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Passkeys has the handlers of the ceremonies and the list of a user's
// credentials. It is safe for concurrent use.
type Passkeys struct {
	o      Options
	cookie string
}

// New returns Passkeys. It panics when an option is missing or makes no sense.
func New(o Options) *Passkeys {
	if err := checkRPID(o.RPID); err != "" {
		panic(fmt.Sprintf("passkey: Options.RPID is %q, %s; use the site's domain, such as example.com", o.RPID, err))
	}
	if len(o.Origins) == 0 {
		panic("passkey: Options.Origins is empty; name the site's, such as https://example.com")
	}
	for _, origin := range o.Origins {
		if err := checkOrigin(origin, o.RPID); err != "" {
			panic(fmt.Sprintf("passkey: Options.Origins has %q, %s", origin, err))
		}
	}
	for name, missing := range map[string]bool{
		"RPName": o.RPName == "", "Verifier": o.Verifier == nil, "Store": o.Store == nil, "Signer": o.Signer == nil,
		"Account": o.Account == nil, "SignedIn": o.SignedIn == nil, "Confirmed": o.Pending != nil && o.Confirmed == nil,
	} {
		if missing {
			panic("passkey: Options." + name + " is missing; see its documentation")
		}
	}
	if o.MaxPerUser < 0 {
		panic("passkey: Options.MaxPerUser is negative; leave it 0 for the default of 20")
	}
	if o.MaxPerUser == 0 {
		o.MaxPerUser = 20
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	p := &Passkeys{o: o, cookie: "__Host-passkey"}
	if o.Insecure {
		p.cookie = "passkey"
	}
	return p
}

// now returns the time as stores keep it.
func (p *Passkeys) now() time.Time { return p.o.Clock().UTC().Truncate(time.Millisecond) }

// checkRPID returns what is wrong with a relying party's id, which browsers
// compare byte by byte after their own normalisation.
func checkRPID(id string) string {
	if id == "localhost" {
		return ""
	}
	if _, err := netip.ParseAddr(id); err == nil {
		return "an IP address, which WebAuthn does not allow"
	}
	if strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}) {
		return "not a domain in lower-case ASCII (xn--… for others)"
	}
	if !strings.Contains(id, ".") || strings.HasPrefix(id, ".") || strings.HasSuffix(id, ".") || strings.Contains(id, "..") {
		return "not a full domain"
	}
	return ""
}

func checkOrigin(origin, rpID string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return "which is no origin: scheme, host and, where not the default, port"
	}
	host := u.Hostname()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return "which is neither https nor http on localhost"
	}
	if host != rpID && !strings.HasSuffix(host, "."+rpID) {
		return fmt.Sprintf("whose host is not the RPID %q or below it", rpID)
	}
	return ""
}
