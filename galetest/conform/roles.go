package conform

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/internal/assert"
)

// RoleStore runs the suite that every [roles.Store] must pass. open returns an
// empty store and registers its closing with t.Cleanup.
func RoleStore(t *testing.T, open func(t *testing.T) roles.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, roles.Store){
		"RoundTrip":    rolesRoundTrip,
		"Versions":     rolesVersions,
		"KeepsNoSlice": rolesKeepsNoSlice,
		"OneSaveWins":  rolesOneSaveWins,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// rolesAre compares what s has to want.
func rolesAre(t *testing.T, s roles.Store, version int64, want map[string][]string) {
	t.Helper()
	st, err := s.Load(t.Context())
	assert.NoError(t, err)
	if diff := cmp.Diff(roles.State{Version: version, Roles: want}, st, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	v, err := s.Version(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, v, version)
}

func rolesRoundTrip(t *testing.T, s roles.Store) {
	rolesAre(t, s, 0, nil)
	assert.NoError(t, s.Save(t.Context(), 0, "admin", []string{"*", "roles.manage"}))
	assert.NoError(t, s.Save(t.Context(), 1, "none", nil))
	odd := []string{`"quoted"`, "ж", "a,b", "' OR 1=1 --"}
	assert.NoError(t, s.Save(t.Context(), 2, `it's "odd"`, odd))
	rolesAre(t, s, 3, map[string][]string{"admin": {"*", "roles.manage"}, "none": {}, `it's "odd"`: odd})
	assert.NoError(t, s.Save(t.Context(), 3, "admin", []string{"read"}))
	assert.NoError(t, s.Delete(t.Context(), 4, "none"))
	assert.NoError(t, s.Delete(t.Context(), 5, `it's "odd"`))
	rolesAre(t, s, 6, map[string][]string{"admin": {"read"}})
}

func rolesVersions(t *testing.T, s roles.Store) {
	assert.NoError(t, s.Save(t.Context(), 0, "a", []string{"read"}))
	for _, stale := range []int64{0, 2, -1} {
		assert.ErrorIs(t, s.Save(t.Context(), stale, "a", []string{"write"}), roles.ErrConflict)
		assert.ErrorIs(t, s.Save(t.Context(), stale, "b", []string{"write"}), roles.ErrConflict)
		assert.ErrorIs(t, s.Delete(t.Context(), stale, "a"), roles.ErrConflict)
	}
	rolesAre(t, s, 1, map[string][]string{"a": {"read"}})
}

func rolesKeepsNoSlice(t *testing.T, s roles.Store) {
	given := []string{"read"}
	assert.NoError(t, s.Save(t.Context(), 0, "a", given))
	given[0] = "write"
	st, err := s.Load(t.Context())
	assert.NoError(t, err)
	st.Roles["b"] = []string{"write"}
	rolesAre(t, s, 1, map[string][]string{"a": {"read"}})
}

func rolesOneSaveWins(t *testing.T, s roles.Store) {
	var wg sync.WaitGroup
	var won atomic.Int64
	for i := range 8 {
		wg.Go(func() {
			switch err := s.Save(t.Context(), 0, fmt.Sprintf("role-%d", i), []string{"read"}); {
			case err == nil:
				won.Add(1)
			default:
				assert.ErrorIs(t, err, roles.ErrConflict)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, won.Load(), 1)
	st, err := s.Load(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, []int64{int64(len(st.Roles)), st.Version}, []int64{1, 1})
}
