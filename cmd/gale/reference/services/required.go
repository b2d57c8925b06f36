package services

import (
	"context"
	"errors"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// Requirement says who must use a second factor: those whom the configuration
// names, which no admin can change, and those whose role admins have added, see
// [Roles.RequireFactor].
type Requirement struct {
	Everyone bool
	Admins   bool // all roles with [MayAdmin]
	// Grants returns what a role may do now. Needed with Admins.
	Grants func(role string) map[string]bool
}

// Configured reports whether the configuration asks it of a role.
func (q Requirement) Configured(role models.Role) bool {
	return q.Everyone || q.Admins && q.Grants(string(role))[MayAdmin]
}

// Of reports whether u must use a second factor.
func (q Requirement) Of(u models.User) bool { return u.RoleFactor || q.Configured(u.Role) }

// Lack is what a user must do before anything else.
type Lack int

// What may be lacking of a second factor that is required.
const (
	Nothing Lack = iota
	ToShow       // there is one, and this session was opened without it
	ToSetUp      // there is none
)

// Lacks returns what is lacking of u, who has shown a second factor in this
// session or not. A credential of a program was made by a session: of these only
// the user's factors count.
func (q Requirement) Lacks(u models.User, shown bool) Lack {
	switch {
	case !q.Of(u):
		return Nothing
	case !u.HasFactor:
		return ToSetUp
	case !shown:
		return ToShow
	}
	return Nothing
}

// ErrLastFactor is a change that would leave a user without the second factor
// that is required.
var ErrLastFactor = errors.New("services: the last second factor is required")

// FactorStore guards second factors.
type FactorStore interface {
	// KeepFactor returns a context with which a change is undone, with
	// [ErrLastFactor], when the user would be left without a second factor
	// though must says that one is required. It holds for changes of factors,
	// users and roles at the same time.
	KeepFactor(ctx context.Context, userID string, must func(models.User) bool) context.Context
}

// RequireFactor says whether who has the role must use a second factor. The
// caller must hold [MayAdmin].
func (s *Roles) RequireFactor(ctx context.Context, by models.User, name string, must bool) error {
	if err := s.May.require(ctx, MayAdmin); err != nil {
		return err
	}
	if _, ok := s.find(name); !ok {
		return ErrNotFound
	}
	action := "role.factor_required"
	if !must {
		action = "role.factor_not_required"
	}
	if err := s.Store.RequireFactor(record(ctx, s.Audit, by, action, name), models.Role(name), must); err != nil {
		return err
	}
	s.Changed(ctx)
	return nil
}
