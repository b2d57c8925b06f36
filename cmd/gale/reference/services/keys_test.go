package services_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func TestCreateKey(t *testing.T) {
	t.Parallel()
	store := &keys{}
	s := services.NewKeys(store, clock)
	s.Standing = standing{}
	owner := models.User{ID: "u", Role: models.Operator}
	assert.Equal(t, len(s.Scopes(owner)), 0) // nobody has said what roles may do
	s.Grants = func(role string) map[string]bool {
		set := map[string]bool{}
		for _, p := range services.Permissions()[role] {
			set[p] = true
		}
		return set
	}
	good := services.KeyWish{Name: "probe", Scopes: []string{services.MaySend, services.MayWatch, services.MaySend}, Life: "30 days"}
	for _, name := range []string{"", "Probe", "a b", "-", strings.Repeat("a", 33)} {
		_, err := s.Create(t.Context(), owner, services.KeyWish{Name: name, Scopes: []string{services.MaySend}, Life: "never"})
		wantInvalid(t, err, "name")
	}
	for _, scopes := range [][]string{nil, {""}, {"*"}, {services.MayAdmin}, {services.MayKey}, {"packets.send channels.manage"}, {services.MaySend, "nothing"}} {
		_, err := s.Create(t.Context(), owner, services.KeyWish{Name: "probe", Scopes: scopes, Life: "never"})
		wantInvalid(t, err, "scopes")
	}
	_, err := s.Create(t.Context(), models.User{Role: models.Viewer}, good) // more than the owner may
	wantInvalid(t, err, "scopes")
	for _, life := range []string{"", "100 years", "-1"} {
		_, err := s.Create(t.Context(), owner, services.KeyWish{Name: "probe", Scopes: good.Scopes, Life: life})
		wantInvalid(t, err, "life")
	}
	assert.Equal(t, len(store.created), 0)
	plain, err := s.Create(t.Context(), owner, good)
	assert.NoError(t, err)
	parsed, err := apikey.Parse(services.KeyPrefix, plain)
	assert.NoError(t, err)
	k := store.created[0]
	assert.Equal(t, k.ID, parsed.ID)
	assert.Equal(t, k.Hash, parsed.Hash)
	assert.Equal(t, k.UserID, "u")
	assert.Equal(t, k.CreatedAt, now.UTC())
	assert.Equal(t, k.Scopes, "packets.read packets.send")
	assert.Equal(t, *k.ExpiresAt, now.UTC().AddDate(0, 0, 30))
	store.err = services.ErrTooManyKeys
	_, err = s.Create(t.Context(), owner, good)
	wantInvalid(t, err, "name")
	store.err = &services.TakenError{Field: "name"}
	_, err = s.Create(t.Context(), owner, good)
	assert.ErrorIs(t, err, store.err)
}

func TestRevokeKey(t *testing.T) {
	t.Parallel()
	store := &keys{}
	assert.NoError(t, services.NewKeys(store, clock).Revoke(t.Context(), models.User{ID: "u"}, "k"))
	assert.Equal(t, store.revoked, []string{"u k " + now.UTC().Format(time.RFC3339)})
}

// A key in use by many requests at once is written down once a minute.
func TestUsedIsNotedOnceInAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &keys{}
		s := services.NewKeys(store, time.Now)
		go s.Run(t.Context())
		begin := time.Now().UTC()
		use := func() {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() { s.Used("k", time.Minute) })
			}
			wg.Wait()
			synctest.Wait()
		}
		use()
		time.Sleep(59 * time.Second)
		use()
		assert.Equal(t, len(store.touched), 1)
		time.Sleep(time.Second)
		store.err = errors.New("locked") // is no reason to stop
		use()
		time.Sleep(time.Minute)
		use()
		assert.Equal(t, store.touched, []time.Time{begin, begin.Add(time.Minute), begin.Add(2 * time.Minute)})
	})
}

// Nobody waits while the database cannot be written, and memory does not grow.
func TestUsedOfManyKeys(t *testing.T) {
	t.Parallel()
	store := &keys{}
	s := services.NewKeys(store, clock)
	const n = 10_001 // one more than are remembered
	for i := range n {
		s.Used(fmt.Sprint(i), time.Minute)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	store.wait = func(touched int) {
		if touched == 256 { // what is more was dropped
			stop()
		}
	}
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	<-done
	assert.Equal(t, len(store.touched), 256)
}
