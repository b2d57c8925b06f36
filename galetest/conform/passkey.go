package conform

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/internal/assert"
)

// PasskeyStore runs the suite that every [passkey.Store] must pass. open returns
// an empty store and registers its closing with t.Cleanup.
func PasskeyStore(t *testing.T, open func(t *testing.T) passkey.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, passkey.Store){
		"Unknown":      passkeyUnknown,
		"RoundTrip":    passkeyRoundTrip,
		"Taken":        passkeyTaken,
		"Versions":     passkeyVersions,
		"NoComingBack": passkeyNoComingBack,
		"KeepsNoSlice": passkeyKeepsNoSlice,
		"ByUser":       passkeyByUser,
		"Delete":       passkeyDelete,
		"OneUseWins":   passkeyOneUseWins,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var passkeyBase = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

func passkeyCredential(n int, user string) passkey.Credential {
	return passkey.Credential{
		ID: fmt.Sprintf("Aa-_%d", n), UserID: user, UserHandle: []byte("\x00handle of " + user), Name: "Schlüssel ж 🔑",
		PublicKey: []byte{0xa5, 0x00, 0xff, byte(n)}, SignCount: 1<<32 - 1, Transports: []string{"internal", "hybrid"},
		UserVerified: true, BackupEligible: true, BackedUp: true, Created: passkeyBase.Add(time.Duration(n) * time.Second),
	}
}

// createPasskey stores c and returns it as the store should have it now.
func createPasskey(t *testing.T, s passkey.Store, c passkey.Credential) passkey.Credential {
	t.Helper()
	assert.NoError(t, s.Create(t.Context(), c))
	c.Version = 1
	return c
}

func loadPasskey(t *testing.T, s passkey.Store, id string) passkey.Credential {
	t.Helper()
	c, err := s.ByID(t.Context(), id)
	assert.NoError(t, err)
	return c
}

func equalPasskeys(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func passkeyUnknown(t *testing.T, s passkey.Store) {
	_, err := s.ByID(t.Context(), "nobody")
	assert.ErrorIs(t, err, passkey.ErrNotFound)
	assert.ErrorIs(t, s.Delete(t.Context(), "alice", "nobody"), passkey.ErrNotFound)
	c := passkeyCredential(1, "alice")
	c.Version = 1
	assert.ErrorIs(t, s.Update(t.Context(), c), passkey.ErrConflict)
	all, err := s.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 0)
}

func passkeyRoundTrip(t *testing.T, s passkey.Store) {
	full := passkeyCredential(1, "alice")
	full.LastUsed, full.Suspected, full.Recent = passkeyBase.Add(time.Hour), passkeyBase.Add(2*time.Hour), "1:a 2:b"
	full.ID = strings.Repeat("x", 1364) // 1,023 bytes in base64
	full = createPasskey(t, s, full)
	bare := createPasskey(t, s, passkey.Credential{ID: "b", UserID: "alice", Name: "b", Created: passkeyBase})
	eligible := passkeyCredential(2, "bob")
	eligible.UserVerified, eligible.BackedUp, eligible.SignCount = false, false, 0
	eligible = createPasskey(t, s, eligible)
	for _, want := range []passkey.Credential{full, bare, eligible} {
		equalPasskeys(t, loadPasskey(t, s, want.ID), want)
	}
}

func passkeyTaken(t *testing.T, s passkey.Store) {
	c := createPasskey(t, s, passkeyCredential(1, "alice"))
	// The id of somebody's passkey, registered by another.
	thief := passkeyCredential(1, "mallory")
	assert.ErrorIs(t, s.Create(t.Context(), thief), passkey.ErrExists)
	equalPasskeys(t, loadPasskey(t, s, c.ID), c)
	// Ids are not text: case matters.
	other := passkeyCredential(1, "mallory")
	other.ID = strings.ToLower(c.ID)
	createPasskey(t, s, other)
}

func passkeyVersions(t *testing.T, s passkey.Store) {
	old := createPasskey(t, s, passkeyCredential(1, "alice"))
	c := old
	c.Name, c.SignCount, c.BackedUp, c.Recent = "renamed", 7, false, "9:z"
	c.LastUsed, c.Suspected = passkeyBase.Add(time.Hour), passkeyBase.Add(2*time.Hour)
	assert.NoError(t, s.Update(t.Context(), c))
	c.Version++
	equalPasskeys(t, loadPasskey(t, s, c.ID), c)

	old.SignCount = 3
	assert.ErrorIs(t, s.Update(t.Context(), old), passkey.ErrConflict)
	equalPasskeys(t, loadPasskey(t, s, c.ID), c)
}

// passkeyNoComingBack is a sign-in that began before the passkey was deleted
// and is written down after it.
func passkeyNoComingBack(t *testing.T, s passkey.Store) {
	c := createPasskey(t, s, passkeyCredential(1, "alice"))
	assert.NoError(t, s.Delete(t.Context(), "alice", c.ID))
	assert.ErrorIs(t, s.Update(t.Context(), c), passkey.ErrConflict)
	_, err := s.ByID(t.Context(), c.ID)
	assert.ErrorIs(t, err, passkey.ErrNotFound)
}

func passkeyKeepsNoSlice(t *testing.T, s passkey.Store) {
	c := passkeyCredential(1, "alice")
	createPasskey(t, s, c)
	clear(c.PublicKey)
	clear(c.UserHandle)
	clear(c.Transports)
	got := loadPasskey(t, s, c.ID)
	clear(got.PublicKey)
	want := passkeyCredential(1, "alice")
	want.Version = 1
	equalPasskeys(t, loadPasskey(t, s, c.ID), want)
}

func passkeyByUser(t *testing.T, s passkey.Store) {
	a2 := createPasskey(t, s, passkeyCredential(2, "alice"))
	a1 := createPasskey(t, s, passkeyCredential(1, "alice"))
	b := createPasskey(t, s, passkeyCredential(3, "alice2"))
	for user, want := range map[string][]passkey.Credential{"alice": {a1, a2}, "alice2": {b}, "ali": nil, "ALICE": nil, "%": nil, "": nil} {
		got, err := s.ByUser(t.Context(), user)
		assert.NoError(t, err)
		equalPasskeys(t, got, want)
	}
}

func passkeyDelete(t *testing.T, s passkey.Store) {
	a, b := createPasskey(t, s, passkeyCredential(1, "alice")), createPasskey(t, s, passkeyCredential(2, "alice"))
	for _, other := range []string{"mallory", "", "%"} {
		assert.ErrorIs(t, s.Delete(t.Context(), other, a.ID), passkey.ErrNotFound)
	}
	assert.NoError(t, s.Delete(t.Context(), "alice", a.ID))
	assert.ErrorIs(t, s.Delete(t.Context(), "alice", a.ID), passkey.ErrNotFound)
	got, err := s.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	equalPasskeys(t, got, []passkey.Credential{b})
}

func passkeyOneUseWins(t *testing.T, s passkey.Store) {
	c := createPasskey(t, s, passkeyCredential(1, "alice"))
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if s.Update(t.Context(), c) == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, won.Load(), 1)
	assert.Equal(t, loadPasskey(t, s, c.ID).Version, 2)
}
