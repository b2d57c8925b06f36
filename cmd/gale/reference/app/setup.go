package app

import (
	"context"
	"fmt"

	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/keyring"
)

// newSetup guards the very first account where strangers may come before its
// owner. Where a developer's machine listens for itself there are none.
func (a *App) newSetup() *services.Setup {
	if !a.o.Config.Production() && !a.o.Config.Exposed() {
		return nil
	}
	return &services.Setup{Index: a.o.Keys.BlindIndex("users.first", keyring.IndexOptions{Bytes: 20})}
}

// announceSetup says in the log where the very first account is made, at each
// start until there is one.
func (a *App) announceSetup(ctx context.Context) error {
	if a.accounts.Setup == nil {
		return nil
	}
	first, err := a.accounts.IsNew(ctx)
	if err != nil || !first {
		return err
	}
	token, err := a.accounts.Setup.Token()
	if err != nil {
		return fmt.Errorf("setup token: %w", err)
	}
	a.o.Logger.WarnContext(ctx, "there is no account yet: make the first, the admin's, at this address, which is secret", "url", a.o.Config.Public()+"/sign-up?setup="+token)
	return nil
}
