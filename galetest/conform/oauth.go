package conform

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
)

// OAuthLinks runs the suite that every [oauth.Links] must pass. open returns an
// empty store and registers its closing with t.Cleanup.
func OAuthLinks(t *testing.T, open func(t *testing.T) oauth.Links) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, oauth.Links){
		"Unknown":       linksUnknown,
		"RoundTrip":     linksRoundTrip,
		"OneUserEach":   linksOneUserEach,
		"ByUser":        linksByUser,
		"Touch":         linksTouch,
		"Remove":        linksRemove,
		"OneAddWins":    linksOneAddWins,
		"OneStays":      linksOneStays,
		"OneLinkWins":   linksOneLinkWins,
		"EmptyRefused":  linksEmptyRefused,
		"ExactIdentity": linksExactIdentity,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var linksBase = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// link is the n-th link of user.
func link(user string, n int) oauth.Record {
	at := linksBase.Add(time.Duration(n) * time.Second)
	return oauth.Record{
		User: user, Issuer: "https://id.example.com", Subject: fmt.Sprintf("subject-%d", n), Provider: "work",
		Email: "ann@example.com", Created: at, Used: at.Add(time.Minute),
	}
}

func addLinks(t *testing.T, s oauth.Links, links ...oauth.Record) {
	t.Helper()
	for _, r := range links {
		assert.NoError(t, s.Add(t.Context(), r))
	}
}

func equalLinks(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func linksOf(t *testing.T, s oauth.Links, user string) []oauth.Record {
	t.Helper()
	all, err := s.ByUser(t.Context(), user)
	assert.NoError(t, err)
	return all
}

func linksUnknown(t *testing.T, s oauth.Links) {
	_, err := s.Find(t.Context(), "https://id.example.com", "nobody")
	assert.ErrorIs(t, err, oauth.ErrNotFound)
	equalLinks(t, linksOf(t, s, "u1"), []oauth.Record{})
	assert.NoError(t, s.Touch(t.Context(), "https://id.example.com", "nobody", linksBase))
	assert.ErrorIs(t, s.Remove(t.Context(), "u1", "https://id.example.com", "nobody", true), oauth.ErrNotFound)
}

func linksRoundTrip(t *testing.T, s oauth.Links) {
	r := link("u1", 1)
	addLinks(t, s, r)
	got, err := s.Find(t.Context(), r.Issuer, r.Subject)
	assert.NoError(t, err)
	equalLinks(t, got, r)
}

func linksOneUserEach(t *testing.T, s oauth.Links) {
	addLinks(t, s, link("u1", 1))
	assert.ErrorIs(t, s.Add(t.Context(), link("u2", 1)), oauth.ErrLinked)
	assert.ErrorIs(t, s.Add(t.Context(), link("u1", 1)), oauth.ErrLinked)
	equalLinks(t, linksOf(t, s, "u1"), []oauth.Record{link("u1", 1)})
	equalLinks(t, linksOf(t, s, "u2"), []oauth.Record{})
}

func linksByUser(t *testing.T, s oauth.Links) {
	addLinks(t, s, link("u1", 3), link("u2", 2), link("u1", 1))
	equalLinks(t, linksOf(t, s, "u1"), []oauth.Record{link("u1", 1), link("u1", 3)})
}

func linksTouch(t *testing.T, s oauth.Links) {
	addLinks(t, s, link("u1", 1), link("u1", 2))
	r := link("u1", 1)
	r.Used = r.Used.Add(time.Hour)
	assert.NoError(t, s.Touch(t.Context(), r.Issuer, r.Subject, r.Used))
	equalLinks(t, linksOf(t, s, "u1"), []oauth.Record{r, link("u1", 2)})
}

func linksRemove(t *testing.T, s oauth.Links) {
	a, b := link("u1", 1), link("u1", 2)
	addLinks(t, s, a, b, link("u2", 3))
	ctx := t.Context()
	// Not somebody else's, whatever one knows of it.
	assert.ErrorIs(t, s.Remove(ctx, "u2", a.Issuer, a.Subject, false), oauth.ErrNotFound)
	assert.NoError(t, s.Remove(ctx, "u1", a.Issuer, a.Subject, true))
	assert.ErrorIs(t, s.Remove(ctx, "u1", a.Issuer, a.Subject, true), oauth.ErrNotFound)
	assert.ErrorIs(t, s.Remove(ctx, "u1", b.Issuer, b.Subject, true), oauth.ErrLast)
	equalLinks(t, linksOf(t, s, "u1"), []oauth.Record{b})
	assert.NoError(t, s.Remove(ctx, "u1", b.Issuer, b.Subject, false))
	equalLinks(t, linksOf(t, s, "u1"), []oauth.Record{})
	addLinks(t, s, link("u2", 1)) // free again
	equalLinks(t, linksOf(t, s, "u2"), []oauth.Record{link("u2", 1), link("u2", 3)})
}

// together runs n calls at once and returns their errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// onlyOne checks that one call succeeded and all others got lost.
func onlyOne(t *testing.T, errs []error, lost error) {
	t.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			assert.ErrorIs(t, err, lost)
		}
	}
	assert.Equal(t, won, 1)
}

func linksOneAddWins(t *testing.T, s oauth.Links) {
	onlyOne(t, together(8, func(i int) error {
		return s.Add(t.Context(), link(fmt.Sprintf("u%d", i), 1))
	}), oauth.ErrLinked)
}

// Two removed at once leave one, or else nobody could sign in any more.
func linksOneStays(t *testing.T, s oauth.Links) {
	for round := range 10 {
		user := fmt.Sprintf("u%d", round)
		addLinks(t, s, link(user, 10*round), link(user, 10*round+1))
		onlyOne(t, together(2, func(i int) error {
			r := link(user, 10*round+i)
			return s.Remove(t.Context(), user, r.Issuer, r.Subject, true)
		}), oauth.ErrLast)
		assert.Equal(t, len(linksOf(t, s, user)), 1)
	}
}

func linksOneLinkWins(t *testing.T, s oauth.Links) {
	id := oauth.Identity{Provider: "work", Issuer: "https://id.example.com", Subject: "subject-1"}
	errs := together(8, func(i int) error {
		res := oauth.Result{Identity: id, Purpose: oauth.Link, User: fmt.Sprintf("u%d", i%2)}
		user, err := oauth.Resolve(context.WithoutCancel(t.Context()), s, res, linksBase)
		if err == nil && user != res.User {
			return errors.New("resolved to " + user)
		}
		return err
	})
	r, err := s.Find(t.Context(), id.Issuer, id.Subject)
	assert.NoError(t, err)
	for i, err := range errs {
		if fmt.Sprintf("u%d", i%2) == r.User {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, oauth.ErrOtherUser)
		}
	}
}

func linksEmptyRefused(t *testing.T, s oauth.Links) {
	for _, empty := range []func(*oauth.Record){
		func(r *oauth.Record) { r.User = "" },
		func(r *oauth.Record) { r.Issuer = "" },
		func(r *oauth.Record) { r.Subject = "" },
	} {
		r := link("u1", 1)
		empty(&r)
		assert.True(t, s.Add(t.Context(), r) != nil, "a link without user or identity is stored")
	}
}

// Subjects are compared byte for byte (OpenID Connect Core, section 2), and mean
// nothing at another issuer.
func linksExactIdentity(t *testing.T, s oauth.Links) {
	addLinks(t, s, link("u1", 1))
	r := link("u1", 1)
	for _, id := range [][2]string{
		{r.Issuer, "SUBJECT-1"},
		{r.Issuer, "subject-1 "},
		{r.Issuer, "subject_1"},
		{r.Issuer, "subject-%"},
		{"https://evil.example", r.Subject},
		{r.Issuer + "/", r.Subject},
	} {
		_, err := s.Find(t.Context(), id[0], id[1])
		assert.ErrorIs(t, err, oauth.ErrNotFound)
	}
}

// oauthLinkWithUser checks, on a database with oauth.Schema, that a user and the
// link of a sign-up are stored together or not at all.
func oauthLinkWithUser(t *testing.T, d *db.DB, s *oauth.SQLStore) {
	t.Helper()
	_, err := d.Exec(t.Context(), "CREATE TABLE users (id TEXT PRIMARY KEY)")
	assert.NoError(t, err)
	signUp := func(user string) error {
		return d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO users (id) VALUES ($1)", user); err != nil {
				return err
			}
			return s.AddTx(ctx, tx, oauth.NewRecord(user, oauth.Identity{Issuer: "https://id.example.com", Subject: "1"}, time.Now()))
		})
	}
	assert.NoError(t, signUp("u1"))
	assert.True(t, errors.Is(signUp("u2"), oauth.ErrLinked), "an identity has two users")
	users, err := db.All[string](t.Context(), d, "SELECT id FROM users")
	assert.NoError(t, err)
	assert.Equal(t, users, []string{"u1"})

	assert.NoError(t, s.RemoveUser(t.Context(), "u1"))
	_, err = s.Find(t.Context(), "https://id.example.com", "1")
	assert.ErrorIs(t, err, oauth.ErrNotFound)
}
