package token

import (
	"net/http"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"github.com/galeweb/gale/web"
)

// JWKS serves the public keys (RFC 7517, section 5), for other services that
// verify the tokens; GET /.well-known/jwks.json is its usual place. It may be
// cached for 5 minutes, less than the 10 that gale secret rotate lets pass
// before a new key signs. It is public: no guard belongs before it.
func JWKS(keys KeySource) http.Handler {
	if keys == nil {
		panic("token: JWKS without keys; use NewRingKeys or ParsePEM")
	}
	return web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return &web.Error{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {"GET, HEAD"}}}
		}
		all, err := keys.VerifyKeys()
		if err != nil {
			return err
		}
		set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
		for _, k := range all {
			// Only the public half is in reach here: a slip of the encoder
			// could not show the other.
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.public.key, KeyID: k.public.id, Algorithm: string(k.public.alg), Use: "sig"})
		}
		body, err := json.Marshal(set)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, err = w.Write(body)
		return err
	})
}
