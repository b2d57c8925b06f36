package app

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/keyring/reencrypt"
	"github.com/galeweb/gale/ratelimit"
)

// appSecrets is what the secrets of authenticator apps are encrypted for. It
// must never change.
const appSecrets = "totp_authenticators.secret"

// sealed are the tables with encrypted columns, which follow when the keys are
// rotated. Their columns are also in the table keyring_columns, by which gale
// secret counts. It has two tables more, which need no moving: links of mails
// end within a week, and recovery codes, of which only a hash is known, are used
// or made anew some day.
func (a *App) sealed(store *database.Store) []*reencrypt.Table {
	return []*reencrypt.Table{
		store.Sealed(), store.SealedLinks(),
		reencrypt.NewTable(a.o.DB, reencrypt.TableOptions{
			Table: "totp_authenticators", Row: totp.UserOf,
			Columns: []reencrypt.Column{{Name: "secret", AEAD: a.o.Keys.AEAD(appSecrets)}},
		}),
	}
}

// resealEvery is how often keepSealed looks whether another key makes the new
// values by now: after a rotation that is some minutes later.
const resealEvery = time.Minute

// keepSealed moves what is encrypted to the current keys, at the start and
// after each rotation, and forgets links of mails that have ended.
func (a *App) keepSealed(ctx context.Context, store *database.Store) {
	tables := a.sealed(store)
	a.running.Go(func() {
		tick := time.NewTicker(resealEvery)
		defer tick.Stop()
		done := "" // the keys under which everything was found
		for {
			if err := store.ForgetLinks(ctx, a.o.Now().UTC()); err != nil && ctx.Err() == nil {
				a.o.Logger.WarnContext(ctx, "links that have ended were not removed", "err", err)
			}
			if now := a.currentKeys(); now != done && a.reseal(ctx, tables) {
				done = now
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-a.reloaded:
			}
		}
	})
}

// lookAtKeys has keepSealed look now.
func (a *App) lookAtKeys() {
	select {
	case a.reloaded <- struct{}{}:
	default: // it is to look already
	}
}

// currentKeys names the keys that make new values.
func (a *App) currentKeys() string {
	encryption, err := a.o.Keys.AEAD(appSecrets).KeyID()
	if err != nil {
		return "" // OpenKeys has asked for one, and a reload leaves none out
	}
	index, err := a.o.Keys.BlindIndex(limitKeys, keyring.IndexOptions{}).KeyID()
	if err != nil {
		return ""
	}
	return encryption + "," + index
}

// reseal goes through the tables and reports whether it need not be done again
// with these keys. It need when something was moved: a process that got the
// keys later may have added more meanwhile.
func (a *App) reseal(ctx context.Context, tables []*reencrypt.Table) bool {
	done := true
	for _, t := range tables {
		p, err := reencrypt.Run(ctx, t, reencrypt.Options{Logger: a.o.Logger})
		switch {
		case ctx.Err() != nil:
			return false
		case errors.Is(err, reencrypt.ErrFailed): // and would again
			a.o.Logger.ErrorContext(ctx, "some values stay under their key", "err", err)
		case err != nil:
			a.o.Logger.WarnContext(ctx, "values were not moved to the current key; it is tried again", "err", err)
			done = false
		}
		done = done && p.Changed == 0
	}
	return done
}

// sealedLimits keeps what limits are counted by, such as mail addresses, out of
// stores that others may read. Memory is none.
func sealedLimits(store ratelimit.Store, keys *keyring.Ring) ratelimit.Store {
	if _, ok := store.(*ratelimit.Memory); ok {
		return store
	}
	same := func(s string) string { return s }
	return hashedLimits{store, keys.BlindIndex(limitKeys, keyring.IndexOptions{Normalize: same})}
}

const limitKeys = "rate_limits.bucket"

// hashedLimits has keyed hashes in place of the keys. With a new key for
// indexes all counts begin anew.
type hashedLimits struct {
	store ratelimit.Store
	index *keyring.BlindIndex
}

// Charge implements [ratelimit.Store].
func (h hashedLimits) Charge(ctx context.Context, charges []ratelimit.Charge) (bool, error) {
	hashed := make([]ratelimit.Charge, len(charges))
	for i, c := range charges {
		sum, err := h.index.Sum(c.Key)
		if err != nil {
			return false, err
		}
		hashed[i], hashed[i].Key = c, hex.EncodeToString(sum)
	}
	ok, err := h.store.Charge(ctx, hashed)
	for i := range charges {
		charges[i].Level = hashed[i].Level
	}
	return ok, err
}
