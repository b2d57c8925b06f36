package services_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func TestCreateKey(t *testing.T) {
	t.Parallel()
	store := &keys{}
	s := &services.Keys{Store: store, Now: clock}
	for _, name := range []string{"", "Probe", "a b", "-", strings.Repeat("a", 33)} {
		_, err := s.Create(t.Context(), "u", name)
		wantInvalid(t, err, "name")
	}
	equal(t, len(store.created), 0)
	plain, err := s.Create(t.Context(), "u", "probe")
	noError(t, err)
	parsed, err := apikey.Parse(services.KeyPrefix, plain)
	noError(t, err)
	k := store.created[0]
	equal(t, k.ID, parsed.ID)
	equal(t, k.Hash, parsed.Hash)
	equal(t, k.UserID, "u")
	equal(t, k.CreatedAt, now.UTC())
	store.err = &services.TakenError{Field: "name"}
	_, err = s.Create(t.Context(), "u", "probe")
	wantError(t, err, store.err)
}

func TestRevokeKey(t *testing.T) {
	t.Parallel()
	store := &keys{}
	noError(t, (&services.Keys{Store: store, Now: clock}).Revoke(t.Context(), "u", "k"))
	equal(t, store.revoked, []string{"u k " + now.UTC().Format(time.RFC3339)})
}

// A key in use by many requests at once is written down once a minute.
func TestUsedIsNotedOnceInAWhile(t *testing.T) {
	t.Parallel()
	store := &keys{}
	at := now
	s := &services.Keys{Store: store, Now: func() time.Time { return at }}
	use := func() {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := s.Used(t.Context(), "k", time.Minute); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	use()
	at = at.Add(59 * time.Second)
	use()
	equal(t, len(store.touched), 1)
	at = at.Add(time.Second)
	use()
	equal(t, store.touched, []time.Time{now.UTC(), now.UTC().Add(time.Minute)})
}

func TestUsedOfManyKeys(t *testing.T) {
	t.Parallel()
	store := &keys{}
	s := &services.Keys{Store: store, Now: clock}
	const n = 10_001 // one more than are remembered
	for i := range n {
		noError(t, s.Used(t.Context(), fmt.Sprint(i), time.Minute))
	}
	equal(t, len(store.touched), n)
	noError(t, s.Used(t.Context(), fmt.Sprint(n-1), time.Minute))
	equal(t, len(store.touched), n)
	noError(t, s.Used(t.Context(), "0", time.Minute)) // was forgotten
	equal(t, len(store.touched), n+1)
}
