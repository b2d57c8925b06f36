package app

import (
	"context"
	"errors"

	"github.com/galeweb/gale/obs"
)

// Recover takes the second factors of an account away, ends its sessions and what
// apps may do for it, and returns a link that sets a new password. It is for the
// command of that name, and works while another process serves: live connections
// that are open there end at once by a broker that both share, and go on without
// one until the link is used, that process starts anew or the session would end.
func (a *App) Recover(ctx context.Context, email string) (link string, err error) {
	ctx = obs.WithLogger(ctx, a.o.Logger)
	u, link, err := a.factors.Recover(ctx, email)
	if err != nil {
		return "", err
	}
	return link, errors.Join(a.sessions.RevokeAll(ctx, u.ID, ""), a.apps.End(ctx, u.ID))
}
