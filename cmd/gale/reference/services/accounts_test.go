package services_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/strength"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/mail"
	"github.com/galeweb/gale/ratelimit"
)

const password = "correct horse battery"

// cheap are costs for tests.
var cheap = auth.HasherOptions{MemoryKiB: 8, Time: 1, Threads: 1}

// newAccounts returns the service, whose mails go to the outbox at once.
func newAccounts(t *testing.T, store *users) (*services.Accounts, *galetest.Outbox) {
	t.Helper()
	outbox := galetest.NewOutbox(t)
	outbox.From = "relay@example.com"
	mails := services.NewMails(outbox, ratelimit.New(ratelimit.Options{}))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		mails.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return &services.Accounts{
		Store: store, SignUps: store, Links: store, Removal: store, Invites: store, Standing: standing{}, Hasher: auth.NewHasher(cheap), Passwords: strength.New(strength.Options{}),
		Throttle: auth.NewThrottle(auth.ThrottleOptions{}), Confirm: auth.NewThrottle(auth.ThrottleOptions{Name: "confirm"}),
		Mails: mails, Renames: ratelimit.New(ratelimit.Options{}), Open: true, Now: clock, May: func(context.Context, string) error { return nil },
		Address: func(p models.Purpose, token string) string {
			return "https://relay.example.com/" + string(p) + "?token=" + token
		},
	}, outbox
}

// at is an attempt at a password from nowhere in particular.
func at(email string) auth.Attempt { return auth.Attempt{Account: email} }

var tokenInMail = regexp.MustCompile(`token=([\w-]{43})\n`)

// mailed returns the token of the newest mail to the address with the subject.
func mailed(t *testing.T, outbox *galetest.Outbox, address, subject string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	m, err := outbox.Wait(ctx, func(m mail.Message) bool { return m.IsTo(address) && strings.Contains(m.Subject, subject) })
	assert.NoError(t, err)
	if found := tokenInMail.FindStringSubmatch(m.Text); found != nil {
		return found[1]
	}
	return ""
}

// signUp makes an account, by a link unless it is the first.
func signUp(t *testing.T, a *services.Accounts, outbox *galetest.Outbox, name string) models.User {
	t.Helper()
	u, first, err := a.SignUp(t.Context(), name, name+"@example.com", password, "")
	assert.NoError(t, err)
	if !first {
		u, err = a.ConfirmSignUp(t.Context(), mailed(t, outbox, name+"@example.com", "Confirm"), name, password)
		assert.NoError(t, err)
	}
	return u
}

func TestSignUp(t *testing.T) {
	t.Parallel()
	a, outbox := newAccounts(t, &users{})
	u, first, err := a.SignUp(t.Context(), "ada", "  Ada@Example.COM ", password, "")
	assert.NoError(t, err)
	assert.Equal(t, first, true)
	assert.Equal(t, u.Role, models.Admin)
	assert.Equal(t, u.Email, "ada@example.com")
	assert.Equal(t, u.CreatedAt, now.UTC())
	if u.ID == "" || strings.Contains(u.PasswordHash, password) {
		t.Errorf("user is %+v", u)
	}
	bob := signUp(t, a, outbox, "bob")
	assert.Equal(t, bob.Role, models.Viewer)
	if bob.ID == u.ID {
		t.Error("two users have one id")
	}
}

func TestSignUpRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 65)
	for _, bad := range []struct {
		name, email, password string
		fields                []string
	}{
		{"", "", "", []string{"name", "email", "password"}},
		{"Ada", "ada@example.com", password, []string{"name"}},
		{"-ada", "ada@example.com", password, []string{"name"}},
		{"ada-", "ada@example.com", password, []string{"name"}},
		{"ada lovelace", "ada@example.com", password, []string{"name"}},
		{"ada\n", "ada@example.com", password, []string{"name"}},
		{strings.Repeat("a", 33), "ada@example.com", password, []string{"name"}},
		{"ada", "ada", password, []string{"email"}},
		{"ada", "ada@localhost", password, []string{"email"}},
		{"ada", "@example.com", password, []string{"email"}},
		{"ada", "ada@.", password, []string{"email"}},
		{"ada", "a@b@example.com", password, []string{"email"}},
		{"ada", "a da@example.com", password, []string{"email"}},
		{"ada", "ada@example.com\r\nBcc: x@example.com", password, []string{"email"}},
		{"ada", "\xff@example.com", password, []string{"email"}},
		{"ada", long + "@example.com", password, []string{"email"}},
		{"ada", "a@" + strings.Repeat(long+".", 4) + "com", password, []string{"email"}},
		{"ada", "ada@example.com", "short", []string{"password"}},
		{"ada", "ada@example.com", strings.Repeat("x", 129), []string{"password"}},
		{"adalovelace", "ada@example.com", "my adalovelace", []string{"password"}},
	} {
		store := &users{}
		a, _ := newAccounts(t, store)
		_, _, err := a.SignUp(t.Context(), bad.name, bad.email, bad.password, "")
		wantInvalid(t, err, bad.fields...)
		assert.Equal(t, len(store.list), 0)
	}
}

func TestSignUpClosed(t *testing.T) {
	t.Parallel()
	a, outbox := newAccounts(t, &users{})
	a.Open = false
	signUp(t, a, outbox, "ada") // the first always may
	_, _, err := a.SignUp(t.Context(), "bob", "bob@example.com", password, "")
	assert.ErrorIs(t, err, services.ErrSignUpClosed)
	down := errors.New("down")
	a, _ = newAccounts(t, &users{err: down})
	_, _, err = a.SignUp(t.Context(), "bob", "bob@example.com", password, "")
	assert.ErrorIs(t, err, down)
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, outbox := newAccounts(t, store)
	ada := signUp(t, a, outbox, "ada")
	got, err := a.SignIn(t.Context(), at(" ADA@example.com"), password)
	assert.NoError(t, err)
	assert.Equal(t, got, ada)
	for email, pw := range map[string]string{"ada@example.com": password + "!", "bob@example.com": password, "": ""} {
		_, err := a.SignIn(t.Context(), at(email), pw)
		assert.ErrorIs(t, err, services.ErrCredentials)
	}
	store.list[0].Disabled = true
	_, err = a.SignIn(t.Context(), at("ada@example.com"), password)
	assert.ErrorIs(t, err, services.ErrDisabled)
	_, err = a.SignIn(t.Context(), at("ada@example.com"), "wrong password")
	assert.ErrorIs(t, err, services.ErrCredentials) // a stranger does not learn that it is disabled
	store.err = errors.New("down")
	_, err = a.SignIn(t.Context(), at("ada@example.com"), password)
	assert.ErrorIs(t, err, store.err)
}

func TestSignInRenewsTheHash(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, outbox := newAccounts(t, store)
	old := signUp(t, a, outbox, "ada").PasswordHash
	dearer := cheap
	dearer.Time = 2
	a.Hasher = auth.NewHasher(dearer)
	u, err := a.SignIn(t.Context(), at("ada@example.com"), password)
	assert.NoError(t, err)
	if u.PasswordHash == old || store.list[0].PasswordHash != u.PasswordHash {
		t.Error("the hash was not renewed")
	}
	_, err = a.SignIn(t.Context(), at("ada@example.com"), password)
	assert.NoError(t, err)
	assert.Equal(t, store.list[0].PasswordHash, u.PasswordHash)
}

// meanwhile is a store in which something else happens before each update.
type meanwhile struct {
	*users
	before func()
}

func (s *meanwhile) UpdateUser(ctx context.Context, id string, change func(*models.User) error) (models.User, error) {
	s.before()
	return s.users.UpdateUser(ctx, id, change)
}

// A change must not undo what happened since the request began.
func TestChangesUndoNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*services.Accounts, models.User) error{
		"rename": func(a *services.Accounts, u models.User) error {
			return a.Rename(context.Background(), u, "countess")
		},
		"password": func(a *services.Accounts, u models.User) error {
			return a.ChangePassword(context.Background(), u, at(u.Email), password, "quiet otter sells maps")
		},
		"sign in": func(a *services.Accounts, u models.User) error {
			dearer := cheap
			dearer.Time = 2
			a.Hasher = auth.NewHasher(dearer)
			_, err := a.SignIn(context.Background(), at(u.Email), password)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &users{}
			a, outbox := newAccounts(t, store)
			ada := signUp(t, a, outbox, "ada")
			a.Store = &meanwhile{store, func() { store.list[0].Role, store.list[0].Disabled = models.Viewer, true }}
			assert.NoError(t, change(a, ada))
			if u := store.list[0]; u.Role != models.Viewer || !u.Disabled {
				t.Errorf("what the admin did is undone: %+v", u)
			}
		})
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, outbox := newAccounts(t, store)
	ada := signUp(t, a, outbox, "ada")
	wantInvalid(t, a.ChangePassword(t.Context(), ada, at(ada.Email), "wrong", "quiet otter sells maps"), "old")
	wantInvalid(t, a.ChangePassword(t.Context(), ada, at(ada.Email), "wrong", "short"), "old", "password")
	assert.Equal(t, store.list[0].PasswordHash, ada.PasswordHash)
	assert.NoError(t, a.ChangePassword(t.Context(), ada, at(ada.Email), password, "quiet otter sells maps"))
	// A second request that still saw the old password comes too late.
	wantInvalid(t, a.ChangePassword(t.Context(), ada, at(ada.Email), password, "slow heron paints doors"), "old")
	_, err := a.SignIn(t.Context(), at("ada@example.com"), "quiet otter sells maps")
	assert.NoError(t, err)
	_, err = a.SignIn(t.Context(), at("ada@example.com"), password)
	assert.ErrorIs(t, err, services.ErrCredentials)
}

func TestRenameAndChange(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, outbox := newAccounts(t, store)
	ada := signUp(t, a, outbox, "ada")
	wantInvalid(t, a.Rename(t.Context(), ada, "Not a name"), "name")
	assert.NoError(t, a.Rename(t.Context(), ada, "countess"))
	assert.Equal(t, store.list[0].Name, "countess")
	_, err := a.Change(t.Context(), ada, "nobody", "viewer", models.Viewer, false)
	assert.ErrorIs(t, err, services.ErrNotFound)
	got, err := a.Change(t.Context(), ada, ada.ID, "admin", models.Operator, true)
	assert.NoError(t, err)
	assert.Equal(t, got, store.list[0])
	assert.Equal(t, got.Role, models.Operator)
	assert.Equal(t, got.Disabled, true)
	// Nor does a request of before undo it.
	_, err = a.Change(t.Context(), ada, ada.ID, got.Access(), models.Admin, false)
	assert.ErrorIs(t, err, services.ErrOutdated)
	assert.Equal(t, got, store.list[0])
}

// Whatever a route lets through, the services ask again; one that nobody has
// wired lets nobody through.
func TestServicesAskToo(t *testing.T) {
	t.Parallel()
	no := errors.New("not allowed")
	var asked []string
	for want, gate := range map[error]services.Gate{
		services.ErrForbidden: nil,
		no:                    func(_ context.Context, p string) error { asked = append(asked, p); return no },
	} {
		store := &users{}
		a, outbox := newAccounts(t, store)
		ada := signUp(t, a, outbox, "ada")
		a.May = gate
		_, err := a.Change(t.Context(), ada, ada.ID, "admin", models.Viewer, true)
		assert.ErrorIs(t, err, want)
		_, err = (&services.Factors{Accounts: a}).Reset(t.Context(), ada, ada.ID)
		assert.ErrorIs(t, err, want)
		r := &services.Roles{May: gate}
		_, err = r.List(t.Context())
		for _, err := range []error{
			err, r.Add(t.Context(), ada, "boss", nil), r.Change(t.Context(), ada, "admin", nil, nil),
			r.Reset(t.Context(), ada, "admin"), r.Remove(t.Context(), ada, "boss"),
		} {
			assert.ErrorIs(t, err, want)
		}
		assert.Equal(t, store.list[0].Role, ada.Role)
	}
	assert.Equal(t, len(asked), 7)
	assert.Equal(t, slices.Compact(asked), []string{services.MayAdmin})
}

func TestPermissionsGrow(t *testing.T) {
	t.Parallel()
	p := services.Permissions()
	all := []models.Role{models.Admin, models.Operator, models.Viewer}
	assert.Equal(t, len(p), len(all))
	assert.Equal(t, len(services.AllPermissions()), len(p[string(models.Admin)])) // each has its words
	assert.Equal(t, p[string(models.Viewer)], []string{services.MayWatch})
	for i, r := range all[1:] { // each role may less than the one before
		if len(p[string(r)]) >= len(p[string(all[i])]) {
			t.Errorf("%s may as much as %s", r, all[i])
		}
	}
	for role, may := range p {
		for _, permission := range may {
			if permission == services.MayAdmin && role != string(models.Admin) {
				t.Errorf("%s may administer", role)
			}
		}
	}
}
