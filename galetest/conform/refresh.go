package conform

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/internal/assert"
)

// RefreshStore runs the suite that every [token.RefreshStore] must pass. open
// returns an empty store and registers its closing with t.Cleanup.
func RefreshStore(t *testing.T, open func(t *testing.T) token.RefreshStore) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, token.RefreshStore){
		"UnknownLookup": refreshUnknownLookup,
		"RoundTrip":     refreshRoundTrip,
		"Versions":      refreshVersions,
		"NoComingBack":  refreshNoComingBack,
		"KeepsNoSlice":  refreshKeepsNoSlice,
		"ByUser":        refreshByUser,
		"DeleteExpired": refreshDeleteExpired,
		"OneSaveWins":   refreshOneSaveWins,
		"OneUseWins":    refreshOneUseWins,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func refreshRecord(n int, user string) token.RefreshRecord {
	r := token.RefreshRecord{
		Grant: token.Grant{
			ID: fmt.Sprintf("id-%d", n), User: user, ClientID: "app", Scopes: []string{"posts.read", "posts.write"},
			Authenticated: sessionBase.Add(-time.Minute), UserAgent: "App/1 (ж)", Addr: "2001:db8::1",
			Created: sessionBase,
			Seen:    sessionBase.Add(time.Duration(n) * time.Second),
			Expires: sessionBase.Add(time.Hour + time.Duration(n)*time.Second),
		},
		Seed: []byte("0123456789abcdef0123456789abcdef"),
	}
	for i, h := range []*token.Hash{&r.Lookup, &r.Current, &r.Previous} {
		binary.BigEndian.PutUint64(h[:], uint64(n))
		h[30], h[31] = byte(i), 0xff
	}
	return r
}

// saveRefresh saves r and returns it as the store should have it now.
func saveRefresh(t *testing.T, s token.RefreshStore, r token.RefreshRecord) token.RefreshRecord {
	t.Helper()
	assert.NoError(t, s.Save(t.Context(), r))
	r.Version++
	return r
}

func equalRefresh(t *testing.T, s token.RefreshStore, want token.RefreshRecord) {
	t.Helper()
	got, err := s.Load(t.Context(), want.Lookup)
	assert.NoError(t, err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func refreshUnknownLookup(t *testing.T, s token.RefreshStore) {
	_, err := s.Load(t.Context(), refreshRecord(1, "").Lookup)
	assert.ErrorIs(t, err, token.ErrNotFound)
	assert.NoError(t, s.Delete(t.Context(), refreshRecord(1, "").Lookup))
}

func refreshRoundTrip(t *testing.T, s token.RefreshStore) {
	full := saveRefresh(t, s, refreshRecord(1, "alice"))
	bare := refreshRecord(2, "bob")
	bare.Scopes, bare.Seed, bare.UserAgent, bare.Addr = nil, nil, "", ""
	bare.Authenticated, bare.Previous = time.Time{}, token.Hash{}
	bare = saveRefresh(t, s, bare)
	equalRefresh(t, s, full)
	equalRefresh(t, s, bare)
}

func refreshVersions(t *testing.T, s token.RefreshStore) {
	first := refreshRecord(1, "alice")
	r := saveRefresh(t, s, first)
	assert.ErrorIs(t, s.Save(t.Context(), first), token.ErrConflict)

	r.Seen, r.Expires = r.Seen.Add(time.Minute), r.Expires.Add(time.Minute)
	r.Previous, r.Current, r.Seed = r.Current, token.Hash{7}, nil
	r.UserAgent, r.Addr, r.Scopes = "curl", "192.0.2.1", []string{"posts.read"}
	next := saveRefresh(t, s, r)
	equalRefresh(t, s, next)

	r.Current = token.Hash{8}
	assert.ErrorIs(t, s.Save(t.Context(), r), token.ErrConflict)
	equalRefresh(t, s, next)
}

// refreshNoComingBack: a rotation that began before a revocation and ends
// after it.
func refreshNoComingBack(t *testing.T, s token.RefreshStore) {
	r := saveRefresh(t, s, refreshRecord(1, "alice"))
	assert.NoError(t, s.Delete(t.Context(), r.Lookup))
	assert.ErrorIs(t, s.Save(t.Context(), r), token.ErrConflict)
	_, err := s.Load(t.Context(), r.Lookup)
	assert.ErrorIs(t, err, token.ErrNotFound)
	all, err := s.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 0)
}

func refreshKeepsNoSlice(t *testing.T, s token.RefreshStore) {
	r := refreshRecord(1, "alice")
	saveRefresh(t, s, r)
	want := refreshRecord(1, "alice")
	want.Version = 1
	clear(r.Seed)
	clear(r.Scopes)
	equalRefresh(t, s, want)
	got, err := s.Load(t.Context(), r.Lookup)
	assert.NoError(t, err)
	clear(got.Seed)
	clear(got.Scopes)
	equalRefresh(t, s, want)
	all, err := s.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	clear(all[0].Scopes)
	equalRefresh(t, s, want)
}

func refreshByUser(t *testing.T, s token.RefreshStore) {
	a1 := saveRefresh(t, s, refreshRecord(1, "alice"))
	b2 := saveRefresh(t, s, refreshRecord(2, "alice2"))
	a3 := saveRefresh(t, s, refreshRecord(3, "alice"))
	for user, want := range map[string][]token.RefreshRecord{"alice": {a3, a1}, "alice2": {b2}, "ali": nil, "ALICE": nil, "%": nil} {
		got, err := s.ByUser(t.Context(), user)
		assert.NoError(t, err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", user, diff)
		}
	}
}

func refreshDeleteExpired(t *testing.T, s token.RefreshStore) {
	gone, edge, kept := saveRefresh(t, s, refreshRecord(1, "alice")), saveRefresh(t, s, refreshRecord(2, "bob")), saveRefresh(t, s, refreshRecord(3, "alice"))
	assert.NoError(t, s.DeleteExpired(t.Context(), edge.Expires))
	for _, r := range []token.RefreshRecord{gone, edge} {
		_, err := s.Load(t.Context(), r.Lookup)
		assert.ErrorIs(t, err, token.ErrNotFound)
	}
	equalRefresh(t, s, kept)
	all, err := s.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 1)
}

func refreshOneSaveWins(t *testing.T, s token.RefreshStore) {
	r := saveRefresh(t, s, refreshRecord(1, "alice"))
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if s.Save(t.Context(), r) == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, won.Load(), 1)
}

// refreshOneUseWins is a stolen token that thief and owner use at one moment:
// at most one gets a successor, and the grant has ended.
func refreshOneUseWins(t *testing.T, s token.RefreshStore) {
	refresh := token.NewRefresh(token.RefreshOptions{Store: s})
	first, _, err := refresh.Start(t.Context(), token.Grant{User: "alice", ClientID: "app"})
	assert.NoError(t, err)
	var mu sync.Mutex
	var won []string
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			next, _, err := refresh.Rotate(t.Context(), first, token.Use{ClientID: "app"})
			if err != nil {
				assert.ErrorIs(t, err, token.ErrInvalid)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			won = append(won, next)
		})
	}
	wg.Wait()
	assert.Equal(t, len(won), 1)
	_, _, err = refresh.Rotate(t.Context(), won[0], token.Use{ClientID: "app"})
	assert.ErrorIs(t, err, token.ErrInvalid)
}
