package galeoidc

import (
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// subset reports whether all of part are in whole.
func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}

// both returns what of a is also in b.
func both(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

// unique drops what was named before.
func unique(scopes []string) []string {
	var out []string
	for _, s := range scopes {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// union joins two lists of scopes.
func union(a, b string) string {
	return strings.Join(unique(append(strings.Fields(a), strings.Fields(b)...)), " ")
}

func hasScope(scopes []string, s string) bool { return slices.Contains(scopes, s) }

// The scopes with a meaning of their own (OpenID Connect Core, 5.4 and 11).
const (
	scopeOpenID  = oidc.ScopeOpenID
	scopeProfile = oidc.ScopeProfile
	scopeEmail   = oidc.ScopeEmail
	scopeOffline = oidc.ScopeOfflineAccess
)
