package token_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

func TestMemoryStoreConforms(t *testing.T) {
	t.Parallel()
	conform.RefreshStore(t, func(*testing.T) token.RefreshStore { return token.NewMemoryStore() })
}

// counted is a store that counts what it is asked, and fails when told to.
type counted struct {
	*token.MemoryStore
	loads, saves int
	err          error
}

func (c *counted) Load(ctx context.Context, h token.Hash) (token.RefreshRecord, error) {
	c.loads++
	if c.err != nil {
		return token.RefreshRecord{}, c.err
	}
	return c.MemoryStore.Load(ctx, h)
}

func (c *counted) Save(ctx context.Context, r token.RefreshRecord) error {
	c.saves++
	if c.err != nil {
		return c.err
	}
	return c.MemoryStore.Save(ctx, r)
}

// desk is a Refresh with its store and clock.
type desk struct {
	*token.Refresh
	t      *testing.T
	ctx    context.Context
	clock  *galetest.Clock
	store  *counted
	reused []token.Grant
	log    strings.Builder
}

func newDesk(t *testing.T, o token.RefreshOptions) *desk {
	d := &desk{t: t, clock: galetest.NewClock(t, start), store: &counted{MemoryStore: token.NewMemoryStore()}}
	d.ctx = obs.WithLogger(t.Context(), slog.New(slog.NewTextHandler(&d.log, nil)))
	o.Store, o.Clock = d.store, d.clock.Now
	o.Reused = func(_ context.Context, g token.Grant) { d.reused = append(d.reused, g) }
	d.Refresh = token.NewRefresh(o)
	return d
}

func (d *desk) start(user string) (string, token.Grant) {
	d.t.Helper()
	plain, g, err := d.Start(d.ctx, token.Grant{
		User: user, ClientID: "app", Scopes: []string{"posts.read"}, Authenticated: start, UserAgent: "App/1", Addr: "192.0.2.1",
	})
	assert.NoError(d.t, err)
	return plain, g
}

func (d *desk) rotate(plain string) (string, error) {
	next, _, err := d.Rotate(d.ctx, plain, token.Use{ClientID: "app"})
	return next, err
}

func (d *desk) must(plain string) string {
	d.t.Helper()
	next, err := d.rotate(plain)
	assert.NoError(d.t, err)
	return next
}

func (d *desk) refuses(plain string, why error) {
	d.t.Helper()
	next, err := d.rotate(plain)
	assert.ErrorIs(d.t, err, why)
	assert.ErrorIs(d.t, err, token.ErrInvalid)
	assert.Equal(d.t, next, "")
	assert.True(d.t, plain == "" || !strings.Contains(err.Error(), plain), "the error shows the token")
}

func TestEachTokenWorksOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{})
	first, begun := d.start("alice")
	d.clock.Advance(time.Hour)
	second, g, err := d.Rotate(d.ctx, first, token.Use{ClientID: "app", UserAgent: "App/2", Addr: "192.0.2.2"})
	assert.NoError(t, err)
	assert.True(t, first != second, "not rotated")
	want := begun
	want.Seen, want.Expires, want.UserAgent, want.Addr = start.Add(time.Hour), start.Add(time.Hour+14*24*time.Hour), "App/2", "192.0.2.2"
	assert.Equal(t, g, want)
	assert.Equal(t, g.Authenticated, start)
	third := d.must(second)
	all, err := d.List(d.ctx, "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 1)

	// The oldest of all ends the grant as the last one would.
	d.refuses(first, token.ErrReused)
	d.refuses(third, token.ErrInvalid)
	assert.Equal(t, len(d.reused), 1)
	assert.Equal(t, d.reused[0].ID, begun.ID)
	assert.Contains(t, d.log.String(), "used again")
	for _, plain := range []string{first, second, third} {
		assert.True(t, !strings.Contains(d.log.String(), plain), "the log shows a token")
	}
	all, err = d.List(d.ctx, "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 0)
}

// Whoever is quicker, thief or owner: the other's use ends the grant.
func TestATheftEndsTheGrant(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{})
	stolen, _ := d.start("alice")
	other, _ := d.start("alice")
	thiefs := d.must(stolen)
	thiefs = d.must(thiefs)
	d.refuses(stolen, token.ErrReused) // the owner comes back
	d.refuses(thiefs, token.ErrInvalid)
	d.must(other) // another sign-in is not touched
}

func TestGrace(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{Grace: 10 * time.Second})
	first, _ := d.start("alice")
	second := d.must(first)
	d.clock.Advance(10*time.Second - time.Millisecond)
	assert.Equal(t, d.must(first), second) // the answer was lost
	assert.Equal(t, d.must(first), second)
	third := d.must(second)
	assert.True(t, third != second, "not rotated")

	// Two steps back is reuse within the grace too.
	d.refuses(first, token.ErrReused)
	d.refuses(third, token.ErrInvalid)

	first, _ = d.start("alice")
	second = d.must(first)
	d.clock.Advance(10 * time.Second)
	d.refuses(first, token.ErrReused)
	d.refuses(second, token.ErrInvalid)
}

func TestGraceAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{Grace: 10 * time.Second})
	r := token.NewRefresh(token.RefreshOptions{Store: token.NewMemoryStore(), Grace: 10 * time.Second, Clock: d.clock.Now})
	first, _, err := r.Start(t.Context(), token.Grant{User: "alice", ClientID: "app"})
	assert.NoError(t, err)
	got := make([]string, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			next, _, err := r.Rotate(t.Context(), first, token.Use{ClientID: "app"})
			assert.NoError(t, err)
			got[i] = next
		})
	}
	wg.Wait()
	for _, next := range got {
		assert.Equal(t, next, got[0])
	}
}

func TestNothingToRepeatIsStoredWithoutGrace(t *testing.T) {
	t.Parallel()
	for grace, want := range map[time.Duration]int{0: 0, time.Second: 32} {
		d := newDesk(t, token.RefreshOptions{Grace: grace})
		first, _ := d.start("alice")
		second := d.must(first)
		recs, err := d.store.ByUser(t.Context(), "alice")
		assert.NoError(t, err)
		assert.Equal(t, len(recs[0].Seed), want)
		for _, h := range []token.Hash{recs[0].Lookup, recs[0].Current, recs[0].Previous} {
			assert.True(t, !strings.Contains(first+second, b64(string(h[:]))), "stored in the clear")
		}
	}
}

func TestGrantsEnd(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{Idle: 24 * time.Hour, Lifetime: 60 * time.Hour})
	idle, _ := d.start("alice")
	d.clock.Advance(24*time.Hour - time.Millisecond)
	used := d.must(idle)
	d.clock.Advance(24 * time.Hour)
	d.refuses(used, token.ErrExpired)
	all, err := d.List(d.ctx, "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(all), 0)

	// However much it is used.
	plain, g := d.start("bob")
	for range 3 {
		d.clock.Advance(19 * time.Hour)
		plain = d.must(plain)
	}
	all, err = d.List(d.ctx, "bob")
	assert.NoError(t, err)
	assert.Equal(t, all[0].Expires, g.Created.Add(60*time.Hour))
	d.clock.Advance(3 * time.Hour)
	d.refuses(plain, token.ErrExpired)

	// Swept when another begins.
	d.start("carol")
	recs, err := d.store.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(recs), 0)
}

func TestAnotherClientsToken(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{})
	plain, _ := d.start("alice")
	for _, client := range []string{"", "evil", "APP"} {
		_, _, err := d.Rotate(d.ctx, plain, token.Use{ClientID: client})
		assert.ErrorIs(t, err, token.ErrInvalid)
		assert.NoError(t, d.RevokeToken(d.ctx, plain, client))
	}
	d.must(plain)
}

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{})
	plain, g := d.start("alice")
	loads := d.store.loads
	for _, bad := range []string{
		"", "gr1_", g.ID, plain[:len(plain)-1], plain + "A", " " + plain, plain + "\n", strings.ToUpper(plain),
		strings.Replace(plain, "~", ".", 1), strings.Replace(plain, "gr1_", "gr2_", 1), plain[:50] + "\n" + plain[51:],
		strings.Repeat("A", 1<<20), "gr1_" + strings.Repeat("~", 87), plain[:90] + "=",
	} {
		d.refuses(bad, token.ErrMalformed)
		assert.NoError(t, d.RevokeToken(d.ctx, bad, "app"))
	}
	assert.Equal(t, d.store.loads, loads) // none reached the store
	// Well formed, and of no grant.
	d.refuses("gr1_"+b64(strings.Repeat("x", 32))+"~"+b64(strings.Repeat("y", 32)), token.ErrInvalid)
	assert.Equal(t, len(d.reused), 0)
	d.must(plain)
}

// The last letter of 32 bytes in base64 has bits that mean nothing: a token
// must not be spent under one spelling and fresh under another.
func TestATokenHasOneSpelling(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{})
	plain, _ := d.start("alice")
	n := 0
	for _, at := range []int{46, len(plain) - 1} {
		for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
			if _, err := d.rotate(plain[:at] + string(c) + plain[at+1:]); errors.Is(err, token.ErrMalformed) {
				n++
			}
			plain, _ = d.start("alice")
		}
	}
	assert.Equal(t, n, 2*48)
}

func TestSignedInApps(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{})
	phone, first := d.start("alice")
	d.clock.Advance(time.Minute)
	tablet, second := d.start("alice")
	bobs, other := d.start("bob")
	all, err := d.List(d.ctx, "alice")
	assert.NoError(t, err)
	assert.Equal(t, all, []token.Grant{second, first})

	// Another user's grant is not there.
	assert.ErrorIs(t, d.Revoke(d.ctx, "alice", other.ID), token.ErrNotFound)
	assert.NoError(t, d.Revoke(d.ctx, "alice", first.ID))
	assert.ErrorIs(t, d.Revoke(d.ctx, "alice", first.ID), token.ErrNotFound)
	d.refuses(phone, token.ErrInvalid)
	tablet = d.must(tablet)
	assert.NoError(t, d.RevokeToken(d.ctx, tablet, "app"))
	assert.NoError(t, d.RevokeToken(d.ctx, tablet, "app"))
	d.refuses(tablet, token.ErrInvalid)

	more, _ := d.start("alice")
	again, _ := d.start("alice")
	assert.NoError(t, d.RevokeAll(d.ctx, "alice"))
	d.refuses(more, token.ErrInvalid)
	d.refuses(again, token.ErrInvalid)
	d.must(bobs)
	for _, err := range []error{d.RevokeAll(d.ctx, ""), d.Revoke(d.ctx, "", "x")} {
		assert.True(t, err != nil, "no user")
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{})
	for _, g := range []token.Grant{{ClientID: "app"}, {User: "alice"}, {User: "alice", ClientID: "app", Scopes: []string{"a b"}}} {
		_, _, err := d.Start(d.ctx, g)
		assert.True(t, err != nil, "started")
	}
	_, g, err := d.Start(d.ctx, token.Grant{User: "alice", ClientID: "app", ID: "mine", UserAgent: strings.Repeat("ж\x00", 500), Addr: "\xff1"})
	assert.NoError(t, err)
	assert.True(t, g.ID != "mine" && len(g.UserAgent) <= 256 && !strings.Contains(g.UserAgent, "\x00") && g.Addr == "1", "what the client says is not bounded")
}

func TestAStoreThatIsDownIsNoRefusal(t *testing.T) {
	t.Parallel()
	d := newDesk(t, token.RefreshOptions{})
	plain, _ := d.start("alice")
	d.store.err = errors.New("connection refused")
	_, err := d.rotate(plain)
	assert.ErrorIs(t, err, d.store.err)
	assert.True(t, !errors.Is(err, token.ErrInvalid), "taken for a refusal")
	assert.ErrorIs(t, d.RevokeToken(d.ctx, plain, "app"), d.store.err)
	_, _, err = d.Start(d.ctx, token.Grant{User: "alice", ClientID: "app"})
	assert.ErrorIs(t, err, d.store.err)
	d.store.err = token.ErrConflict // a store that contradicts itself
	_, err = d.rotate(plain)
	assert.True(t, err != nil && d.store.loads < 10, "tried for ever")
	d.store.err = nil
	d.must(plain)
}

// FuzzRotate: what is no token of a grant is refused, and leaves it as it is.
func FuzzRotate(f *testing.F) {
	store := token.NewMemoryStore()
	r := token.NewRefresh(token.RefreshOptions{Store: store, Clock: func() time.Time { return start }})
	plain, _, err := r.Start(f.Context(), token.Grant{User: "alice", ClientID: "app"})
	assert.NoError(f, err)
	for _, seed := range []string{"", "gr1_", "gr1_~", strings.Repeat("~", 91), "gr1_" + b64(strings.Repeat("x", 32)) + "~" + b64(strings.Repeat("y", 32))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if strings.HasPrefix(in, plain[:40]) {
			return
		}
		if _, _, err := r.Rotate(t.Context(), in, token.Use{ClientID: "app"}); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%q: %v", in, err)
		}
		if all, err := r.List(t.Context(), "alice"); err != nil || len(all) != 1 {
			t.Errorf("%q ended the grant", in)
		}
	})
}
