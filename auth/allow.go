package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/galeweb/gale/web"
)

// Allow returns nil when the user of the request may do what permission stands
// for with one object: when a role grants it for all objects, or when any of
// owns says that the object is theirs. Otherwise it returns a [*web.Error]: 401
// for nobody, 403 for a user.
//
//	if err := users.Allow(ctx, "posts.write", func(u User) bool { return post.Author == u.ID }); err != nil {
//		return err
//	}
//
// Owning does not widen a credential: an API key without the scope is refused
// its owner's own objects. A misspelt permission is denied to everybody.
func (a *Auth[U]) Allow(ctx context.Context, permission string, owns ...func(U) bool) error {
	id := a.identity(ctx)
	if !id.known {
		return a.unauthenticated()
	}
	if id.rights.allow(permission) ||
		id.rights.within(permission) && slices.ContainsFunc(owns, func(own func(U) bool) bool { return own(id.user) }) {
		return nil
	}
	a.refused(ctx, id, permission, codeForbidden)
	return forbidden(permission)
}

// Hide turns a refusal, 401 or 403, into 404, for objects whose existence is
// nobody's business. Other errors, and nil, are returned as they are.
func Hide(err error) error {
	var e *web.Error
	if !errors.As(err, &e) || e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden {
		return err
	}
	return &web.Error{Status: http.StatusNotFound, Err: err}
}

// Grants are the permissions of one request, for templates; see [Auth.Grants].
type Grants struct{ r rights }

// Grants returns what the user of the request may do. Put it into what every
// page gets, and ask {{if .App.Grants.Can "posts.write"}}.
func (a *Auth[U]) Grants(ctx context.Context) Grants {
	r := a.identity(ctx).rights
	r.known = a.known // for nobody too
	return Grants{r}
}

// Can reports whether the permission is granted, as [Auth.Can] does. One that
// no role lists is an error, so that a misspelt one fails the page and does not
// quietly hide a part of it.
func (g Grants) Can(permission string) (bool, error) {
	if !g.r.known[permission] {
		return false, fmt.Errorf("auth: no role lists permission %q; correct it, or add it to Options.Permissions", permission)
	}
	return g.r.allow(permission), nil
}
