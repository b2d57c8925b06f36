package ratelimit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/netip"
	"strings"

	"github.com/galeweb/gale/obs"
)

// KeyFunc returns whose limit a request counts against, or "" when the rule is
// not meant for it.
type KeyFunc func(*http.Request) string

// ByAddr returns the key of the client's address: for IPv4 the address, for
// IPv6 its /64 network. addr is middleware.ClientAddr, which sees through
// trusted proxies and nothing else. Clients without a known address, as over a
// Unix socket, share one key.
func ByAddr(addr func(context.Context) netip.Addr) KeyFunc { return ByNetwork(addr, 32, 64) }

// ByNetwork is like [ByAddr] for networks of other sizes, in bits: a second,
// higher limit for each /48 bounds those who own many a /64. It panics when
// one of the sizes is not of its kind of address.
func ByNetwork(addr func(context.Context) netip.Addr, v4, v6 int) KeyFunc {
	if addr == nil {
		panic("ratelimit: ByAddr or ByNetwork without a function; pass middleware.ClientAddr")
	}
	if v4 < 0 || v4 > 32 || v6 < 0 || v6 > 128 {
		panic("ratelimit: ByNetwork takes 0 to 32 bits of IPv4 and 0 to 128 of IPv6")
	}
	return func(r *http.Request) string { return "addr:" + Network(addr(r.Context()), v4, v6) }
}

// Network returns the network of a in CIDR form, or the address alone where it
// is all of it, or "unknown" when a is not valid.
func Network(a netip.Addr, v4, v6 int) string {
	if !a.IsValid() {
		return "unknown"
	}
	a = a.Unmap().WithZone("")
	n := v6
	if a.Is4() {
		n = v4
	}
	if p, err := a.Prefix(n); err == nil && !p.IsSingleIP() {
		return p.String()
	}
	return a.String()
}

// ByUser returns the key of the signed-in user, whose id the function returns,
// and "" for nobody. It must run inside of what finds that out, such as
// auth.Identify.
func ByUser(user func(context.Context) string) KeyFunc {
	if user == nil {
		panic("ratelimit: ByUser without a function; pass one that returns the user's id")
	}
	return func(r *http.Request) string {
		if id := user(r.Context()); id != "" {
			return "user:" + id
		}
		return ""
	}
}

// ByAPIKey returns a key for the credential in X-API-Key or Authorization, and
// "" for none. It is the credential's hash, so that the store holds no secret
// and nobody can use up the limit of a key of which he knows only the public
// part. How the header is written does not matter: neither the scheme nor the
// spaces, nor which of the two headers it is.
//
// The credential need not be valid: add a limit by address, or someone who
// makes up a new one each time has no limit. And one owner may have several,
// such as the secret of before, or a JWT, whose signature can be written in
// several ways: where the limit is that of an owner, find out who it is first,
// and use [ByUser] with the id of the owner or of the key.
func ByAPIKey(r *http.Request) string {
	credential := r.Header.Get("X-Api-Key")
	if credential == "" {
		credential = r.Header.Get("Authorization")
		if _, token, ok := strings.Cut(credential, " "); ok { // as apikey and token read it
			credential = token
		}
	}
	credential = strings.TrimSpace(credential)
	if credential == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(credential))
	return "key:" + base64.RawURLEncoding.EncodeToString(sum[:16])
}

// FirstOf returns the first key that is not "": the user's, or that of the
// address for who is not signed in.
func FirstOf(keys ...KeyFunc) KeyFunc {
	return func(r *http.Request) string {
		for _, key := range keys {
			if k := key(r); k != "" {
				return k
			}
		}
		return ""
	}
}

// PerRoute gives each route a limit of its own under key. It must run where
// the route is known: in the Use of a router or around a single handler.
// Requests for which it is not share one limit.
func PerRoute(key KeyFunc) KeyFunc {
	if key == nil {
		panic("ratelimit: PerRoute without a key; pass ByAddr(middleware.ClientAddr), or another")
	}
	return func(r *http.Request) string {
		k := key(r)
		if k == "" {
			return ""
		}
		route := r.Pattern
		if route == "" {
			route = obs.RequestFrom(r.Context()).Route()
		}
		return route + " " + k
	}
}
