package conform

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

// SessionStore runs the suite that every [session.Store] must pass. open
// returns an empty store and registers its closing with t.Cleanup.
func SessionStore(t *testing.T, open func(t *testing.T) session.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, session.Store){
		"UnknownHash":   sessionUnknownHash,
		"RoundTrip":     sessionRoundTrip,
		"Versions":      sessionVersions,
		"NoComingBack":  sessionNoComingBack,
		"KeepsNoSlice":  sessionKeepsNoSlice,
		"ByUser":        sessionByUser,
		"DeleteExpired": sessionDeleteExpired,
		"OneSaveWins":   sessionOneSaveWins,
		"NewHash":       sessionNewHash,
		"DeleteByUser":  sessionDeleteByUser,
		"Escape":        sessionEscape,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// sessionBase is far enough in the future that no store has dropped the records.
var sessionBase = time.Date(2100, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

func sessionRecord(n int, user string) session.Record {
	r := session.Record{
		ID:        fmt.Sprintf("id-%d", n),
		User:      user,
		Created:   sessionBase,
		Seen:      sessionBase.Add(time.Duration(n) * time.Second),
		Expires:   sessionBase.Add(time.Hour + time.Duration(n)*time.Second),
		UserAgent: "Mozilla/5.0 (ж)",
		Addr:      "2001:db8::1",
		Stamp:     "stamp",
		Data:      []byte(`{"v":{"n":` + fmt.Sprint(n) + `}}`),
	}
	binary.BigEndian.PutUint64(r.Hash[:], uint64(n))
	r.Hash[31] = 0xff
	return r
}

// saveSession inserts r and returns it as the store should have it now.
func saveSession(t *testing.T, s session.Store, r session.Record) session.Record {
	t.Helper()
	assert.NoError(t, s.Save(t.Context(), r.Hash, r))
	r.Version++
	return r
}

func loadSession(t *testing.T, s session.Store, h session.Hash) session.Record {
	t.Helper()
	r, err := s.Load(t.Context(), h)
	assert.NoError(t, err)
	return r
}

func equalSessions(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func sessionUnknownHash(t *testing.T, s session.Store) {
	_, err := s.Load(t.Context(), sessionRecord(1, "").Hash)
	assert.ErrorIs(t, err, session.ErrNotFound)
	assert.NoError(t, s.Delete(t.Context(), sessionRecord(1, "").Hash))
}

func sessionRoundTrip(t *testing.T, s session.Store) {
	full := saveSession(t, s, sessionRecord(1, "alice"))
	bare := sessionRecord(2, "")
	bare.UserAgent, bare.Addr, bare.Data = "", "", nil
	bare = saveSession(t, s, bare)
	equalSessions(t, loadSession(t, s, full.Hash), full)
	equalSessions(t, loadSession(t, s, bare.Hash), bare)
}

func sessionVersions(t *testing.T, s session.Store) {
	first := sessionRecord(1, "alice")
	r := saveSession(t, s, first)
	assert.ErrorIs(t, s.Save(t.Context(), first.Hash, first), session.ErrConflict)

	r.Seen, r.Expires = r.Seen.Add(time.Minute), r.Expires.Add(time.Minute)
	r.Data, r.Addr, r.UserAgent = []byte(`{"v":{}}`), "192.0.2.1", "curl"
	next := saveSession(t, s, r)
	equalSessions(t, loadSession(t, s, r.Hash), next)

	r.Data = []byte(`{"late":true}`)
	assert.ErrorIs(t, s.Save(t.Context(), r.Hash, r), session.ErrConflict)
	equalSessions(t, loadSession(t, s, r.Hash), next)
}

// sessionNoComingBack is the attack on sign-out: a request that began before
// it and saves after it.
func sessionNoComingBack(t *testing.T, s session.Store) {
	r := saveSession(t, s, sessionRecord(1, "alice"))
	assert.NoError(t, s.Delete(t.Context(), r.Hash))
	assert.ErrorIs(t, s.Save(t.Context(), r.Hash, r), session.ErrConflict)
	_, err := s.Load(t.Context(), r.Hash)
	assert.ErrorIs(t, err, session.ErrNotFound)
	assert.Equal(t, alices(t, s), nil)
}

// alices returns the numbers of alice's records.
func alices(t *testing.T, s session.Store) (ns []int) {
	t.Helper()
	all, err := s.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	for _, r := range all {
		ns = append(ns, int(r.Hash[7]))
	}
	return ns
}

// rehashed returns r with the hash of record n.
func rehashed(r session.Record, n int) session.Record {
	r.Hash = sessionRecord(n, "").Hash
	return r
}

// sessionNewHash: the old token opens nothing, at once, and comes back by no save.
func sessionNewHash(t *testing.T, s session.Store) {
	for _, user := range []string{"alice", ""} {
		old := saveSession(t, s, sessionRecord(1, user))
		r := rehashed(old, 2)
		r.Stamp = "another"
		assert.NoError(t, s.Save(t.Context(), old.Hash, r))
		assert.ErrorIs(t, s.Save(t.Context(), old.Hash, r), session.ErrConflict)
		assert.ErrorIs(t, s.Save(t.Context(), old.Hash, old), session.ErrConflict)
		_, err := s.Load(t.Context(), old.Hash)
		assert.ErrorIs(t, err, session.ErrNotFound)
		r.Version++
		equalSessions(t, loadSession(t, s, r.Hash), r)
		assert.NoError(t, s.Delete(t.Context(), r.Hash))
	}
}

func sessionDeleteByUser(t *testing.T, s session.Store) {
	for n, user := range []string{"alice", "alice", "alice", "alice2", ""} {
		saveSession(t, s, sessionRecord(n, user))
	}
	for _, step := range []struct {
		user, only, except string
		want               []int // what is left of alice
	}{
		{"alice2", "id-1", "", []int{2, 1, 0}},
		{"alice", "id-1", "", []int{2, 0}},
		{"alice", "", "id-2", []int{2}},
		{"alice", "", "id-7", nil},
	} {
		gone, err := s.DeleteByUser(t.Context(), step.user, step.only, step.except)
		assert.NoError(t, err)
		for _, r := range gone {
			_, err := s.Load(t.Context(), r.Hash)
			assert.ErrorIs(t, err, session.ErrNotFound)
			assert.Equal(t, r.ID, fmt.Sprintf("id-%d", r.Hash[7]))
		}
		assert.Equal(t, alices(t, s), step.want)
	}
	loadSession(t, s, sessionRecord(3, "").Hash)
	loadSession(t, s, sessionRecord(4, "").Hash)
}

// sessionEscape is the attack on a reset: whoever has stolen sessions gives them new
// tokens again and again while all are ended.
func sessionEscape(t *testing.T, s session.Store) {
	var wg sync.WaitGroup
	var renewed atomic.Int64
	under := make(chan struct{})
	for thief := range 4 {
		r := saveSession(t, s, sessionRecord(thief, "alice"))
		wg.Go(func() {
			for n := thief + 4; n < 40_000 && s.Save(t.Context(), sessionRecord(n-4, "").Hash, rehashed(r, n)) == nil; n += 4 {
				r.Version++
				if renewed.Add(1) == 20 {
					close(under)
				}
			}
		})
	}
	<-under
	_, err := s.DeleteByUser(t.Context(), "alice", "", "")
	wg.Wait()
	assert.NoError(t, err)
	assert.Equal(t, alices(t, s), nil)
}

func sessionKeepsNoSlice(t *testing.T, s session.Store) {
	r := sessionRecord(1, "alice")
	want := string(r.Data)
	saveSession(t, s, r)
	clear(r.Data)
	got := loadSession(t, s, r.Hash)
	assert.Equal(t, string(got.Data), want)
	clear(got.Data)
	assert.Equal(t, string(loadSession(t, s, r.Hash).Data), want)
}

func sessionByUser(t *testing.T, s session.Store) {
	a1 := saveSession(t, s, sessionRecord(1, "alice"))
	saveSession(t, s, sessionRecord(2, ""))
	a3 := saveSession(t, s, sessionRecord(3, "alice"))
	b4 := saveSession(t, s, sessionRecord(4, "alice2"))
	a1.Data, a3.Data, b4.Data = nil, nil, nil
	for user, want := range map[string][]session.Record{"alice": {a3, a1}, "alice2": {b4}, "ali": nil, "ALICE": nil, "%": nil} {
		got, err := s.ByUser(t.Context(), user)
		assert.NoError(t, err)
		equalSessions(t, got, want)
	}
	assert.NoError(t, s.Delete(t.Context(), a3.Hash))
	assert.Equal(t, alices(t, s), []int{1})
}

// sessionDeleteExpired accepts both kinds of store: those that remove expired
// records when they are told to, and those whose server does it by its own
// clock; but not one that does neither.
func sessionDeleteExpired(t *testing.T, s session.Store) {
	gone, edge, kept := saveSession(t, s, sessionRecord(1, "alice")), saveSession(t, s, sessionRecord(2, "")), saveSession(t, s, sessionRecord(3, "alice"))
	if s, ok := s.(session.Sweeper); ok {
		assert.NoError(t, s.DeleteExpired(t.Context(), edge.Expires))
	}
	left := 0
	for _, h := range []session.Hash{gone.Hash, edge.Hash} {
		if _, err := s.Load(t.Context(), h); err == nil {
			left++
		} else {
			assert.ErrorIs(t, err, session.ErrNotFound)
		}
	}
	equalSessions(t, loadSession(t, s, kept.Hash), kept)
	if left == 0 {
		assert.Equal(t, alices(t, s), []int{3})
		return
	}
	assert.Equal(t, left, 2)
	sessionExpiresByItself(t, s, kept.Hash)
}

func sessionExpiresByItself(t *testing.T, s session.Store, kept session.Hash) {
	short := sessionRecord(4, "bob")
	short.Expires = time.Now().Add(20 * time.Millisecond).UTC().Truncate(time.Millisecond)
	assert.NoError(t, s.Save(t.Context(), short.Hash, short))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := s.Load(ctx, short.Hash)
		if err != nil {
			assert.ErrorIs(t, err, session.ErrNotFound)
			break
		}
		<-tick.C
	}
	all, err := s.ByUser(t.Context(), "bob")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 0)
	loadSession(t, s, kept)
}

func sessionOneSaveWins(t *testing.T, s session.Store) {
	r := saveSession(t, s, sessionRecord(1, "alice"))
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if s.Save(t.Context(), r.Hash, r) == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, won.Load(), 1)
	assert.Equal(t, loadSession(t, s, r.Hash).Version, 2)
}
