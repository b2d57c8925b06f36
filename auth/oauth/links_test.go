package oauth_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

// links is an oauth.Links in memory.
type links struct {
	mu  sync.Mutex
	all []oauth.Record
	err error // of every call
}

func (l *links) index(issuer, subject string) int {
	return slices.IndexFunc(l.all, func(r oauth.Record) bool { return r.Issuer == issuer && r.Subject == subject })
}

func (l *links) Find(_ context.Context, issuer, subject string) (oauth.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.index(issuer, subject); i >= 0 {
		return l.all[i], l.err
	}
	return oauth.Record{}, errors.Join(oauth.ErrNotFound, l.err)
}

func (l *links) Add(_ context.Context, r oauth.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.User == "" || r.Issuer == "" || r.Subject == "" {
		return errors.New("empty")
	}
	if l.index(r.Issuer, r.Subject) >= 0 {
		return oauth.ErrLinked
	}
	l.all = append(l.all, r)
	return l.err
}

func (l *links) Touch(_ context.Context, issuer, subject string, at time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.index(issuer, subject); i >= 0 {
		l.all[i].Used = at
	}
	return l.err
}

func (l *links) ByUser(_ context.Context, user string) (mine []oauth.Record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.all {
		if r.User == user {
			mine = append(mine, r)
		}
	}
	slices.SortFunc(mine, func(a, b oauth.Record) int { return strings.Compare(a.Created.String(), b.Created.String()) })
	return mine, l.err
}

func (l *links) Remove(ctx context.Context, user, issuer, subject string, keepLast bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, mine := l.index(issuer, subject), 0
	for _, r := range l.all {
		if r.User == user {
			mine++
		}
	}
	switch {
	case i < 0 || l.all[i].User != user:
		return oauth.ErrNotFound
	case keepLast && mine == 1:
		return oauth.ErrLast
	}
	l.all = slices.Delete(l.all, i, i+1)
	return l.err
}

// The suite is right about a store that is simple enough to be seen through.
func TestLinksConform(t *testing.T) {
	t.Parallel()
	conform.OAuthLinks(t, func(*testing.T) oauth.Links { return &links{} })
}

func TestResolve(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ann := oauth.Identity{Provider: "staff", Issuer: issuer, Subject: "1", Email: "ann@example.com", EmailVerified: true}
	bob := oauth.Identity{Provider: "staff", Issuer: issuer, Subject: "2", Email: "bob@example.com", EmailVerified: true}
	// Another account at the same provider, and one at another, with Ann's verified address.
	twin := oauth.Identity{Provider: "staff", Issuer: issuer, Subject: "3", Email: "ann@example.com", EmailVerified: true}
	evil := oauth.Identity{Provider: "evil", Issuer: "https://evil.example", Subject: "1", Email: "ann@example.com", EmailVerified: true}
	for name, tc := range map[string]struct {
		res  oauth.Result
		user string
		err  error
	}{
		"sign in":                    {oauth.Result{Identity: ann, Purpose: oauth.SignIn}, "u-ann", nil},
		"same mail, other subject":   {oauth.Result{Identity: twin, Purpose: oauth.SignIn}, "", oauth.ErrUnknown},
		"same mail, other issuer":    {oauth.Result{Identity: evil, Purpose: oauth.SignIn}, "", oauth.ErrUnknown},
		"link a new one":             {oauth.Result{Identity: twin, Purpose: oauth.Link, User: "u-ann"}, "u-ann", nil},
		"link again":                 {oauth.Result{Identity: ann, Purpose: oauth.Link, User: "u-ann"}, "u-ann", nil},
		"link another's":             {oauth.Result{Identity: bob, Purpose: oauth.Link, User: "u-ann"}, "", oauth.ErrOtherUser},
		"step up":                    {oauth.Result{Identity: ann, Purpose: oauth.StepUp, User: "u-ann"}, "u-ann", nil},
		"step up by another's":       {oauth.Result{Identity: bob, Purpose: oauth.StepUp, User: "u-ann"}, "", oauth.ErrOtherUser},
		"step up by one not linked":  {oauth.Result{Identity: twin, Purpose: oauth.StepUp, User: "u-ann"}, "", oauth.ErrUnknown},
		"sign in by one half linked": {oauth.Result{Identity: oauth.Identity{Issuer: "https://evil.example", Subject: "2"}, Purpose: oauth.SignIn}, "", oauth.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &links{}
			for user, id := range map[string]oauth.Identity{"u-ann": ann, "u-bob": bob} {
				assert.NoError(t, l.Add(t.Context(), oauth.NewRecord(user, id, now.Add(-time.Hour))))
			}
			user, err := oauth.Resolve(t.Context(), l, tc.res, now)
			assert.Equal(t, user, tc.user)
			assert.True(t, errors.Is(err, tc.err), "another error")
			r, err := l.Find(t.Context(), tc.res.Identity.Issuer, tc.res.Identity.Subject)
			if tc.user == "" {
				assert.True(t, err != nil || r.Used.Before(now), "a refusal counts as use, or made a link")
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, r.User, tc.user)
			assert.Equal(t, r.Used, now)
		})
	}
}

func TestResolveOnlyWhatACallbackMade(t *testing.T) {
	t.Parallel()
	id := oauth.Identity{Issuer: issuer, Subject: "1"}
	for _, res := range []oauth.Result{
		{}, {Purpose: oauth.SignIn}, {Identity: id, Purpose: oauth.Link}, {Identity: id, Purpose: oauth.StepUp}, {Identity: id},
	} {
		l := &links{all: []oauth.Record{{Issuer: issuer, Subject: "1"}, {}}}
		user, err := oauth.Resolve(t.Context(), l, res, time.Now())
		assert.True(t, user == "" && err != nil, "resolved to nobody, without an error")
	}
	l := &links{err: errors.New("database is down")}
	for _, p := range []oauth.Purpose{oauth.SignIn, oauth.Link} {
		_, err := oauth.Resolve(t.Context(), l, oauth.Result{Identity: id, Purpose: p, User: "u1"}, time.Now())
		assert.True(t, err != nil, "an error is lost")
	}
}
